package main

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	house      = flag.Bool("house", false, "print the figures of the house, see TestHouse")
	houseRoot  = flag.String("house.root", ".", "of this `folder`, which may hold another commit")
	houseBuild = flag.Bool("house.build", false, "build the program too, for its size")
)

// TestHouse prints how the house stands (`make house`): to be compared between
// two commits. It judges nothing.
func TestHouse(t *testing.T) {
	if !*house {
		t.Skip("-house prints the figures")
	}
	sources := load(t, *houseRoot)
	var b strings.Builder
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	linked := reachableRooms(sources)
	widest(sources, linked, row)
	for _, room := range roomsLike(sources, "sip", "internal/engine") {
		fields, calls := locksOf(sources, room)
		row("locks in "+room, "%d declared, locked at %d places", fields, calls)
		graph := arrowsIn(t, *houseRoot, room)
		row("arrows between the files of "+room+", by types", "%d of %d run back up, %d files", len(back(graph, floors(graph))), graph.count(), len(graph))
	}
	graph := between(sources, linked)
	row("arrows between folders of the product", "%d of %d run back up: %s", len(back(graph, floors(graph))), graph.count(), strings.Join(back(graph, floors(graph)), ", "))
	outwards(t, sources, row)
	lines(sources, linked, row)
	if *houseBuild {
		row("the program, stripped, without cgo", "%d bytes", size(t, *houseRoot))
	}
	t.Logf("\n| what | figure |\n|---|---|\n%s", b.String())
}

// widest are the structs of the program with most fields.
func widest(sources []source, linked map[string]bool, row func(what, format string, args ...any)) {
	type wide struct {
		name   string
		fields int
	}
	var all []wide
	structs(sources, func(s source, name string, fields int) {
		if linked[s.dir] {
			all = append(all, wide{s.dir + "." + name, fields})
		}
	})
	slices.SortFunc(all, func(a, b wide) int { return cmp.Or(b.fields-a.fields, strings.Compare(a.name, b.name)) })
	var names []string
	over := 0
	for _, w := range all {
		if w.fields > maxFields {
			over++
		}
	}
	for _, w := range all[:8] {
		names = append(names, fmt.Sprintf("%s %d", w.name, w.fields))
	}
	row("largest structs, by fields", "%s", strings.Join(names, ", "))
	row(fmt.Sprintf("structs of more than %d fields", maxFields), "%d", over)
}

// roomsLike are those of the names that there are.
func roomsLike(sources []source, names ...string) (list []string) {
	for _, name := range names {
		if len(unbuilt([]string{name}, sources)) == 0 {
			list = append(list, name)
		}
	}
	return list
}

func locksOf(sources []source, room string) (fields, calls int) {
	for _, s := range sources {
		if s.test || s.dir != room && (!strings.HasPrefix(s.dir, room+"/") || s.dir == "sip/siptest") {
			continue
		}
		fields += len(lockFields(s.file))
		ast.Inspect(s.file, func(n ast.Node) bool {
			if e, ok := n.(*ast.SelectorExpr); ok && (e.Sel.Name == "Lock" || e.Sel.Name == "RLock") {
				calls++
			}
			return true
		})
	}
	return fields, calls
}

// reachableRooms are the rooms that main imports, directly or by way of others.
func reachableRooms(sources []source) map[string]bool {
	next := map[string][]string{}
	imports(sources, func(s source, path string, _ token.Pos) {
		if room, ours := strings.CutPrefix(path, module+"/"); ours {
			next[s.dir] = append(next[s.dir], room)
		}
	})
	seen := map[string]bool{}
	var visit func(string)
	visit = func(room string) {
		if !seen[room] {
			seen[room] = true
			for _, to := range next[room] {
				visit(to)
			}
		}
	}
	visit("")
	return seen
}

// between are the arrows between folders: internal/app and sip are two.
func between(sources []source, linked map[string]bool) arrows {
	folder := func(room string) string {
		parts := strings.Split(room, "/")
		if parts[0] == "internal" && len(parts) > 1 {
			return strings.Join(parts[:2], "/")
		}
		return parts[0]
	}
	graph := arrows{}
	for room := range linked {
		graph[folder(room)] = map[string]bool{}
	}
	imports(sources, func(s source, path string, _ token.Pos) {
		room, ours := strings.CutPrefix(path, module+"/")
		if from, to := folder(s.dir), folder(room); ours && linked[s.dir] && from != to {
			graph[from][to] = true
		}
	})
	return graph
}

// outwards says what actions pass through on their way out, from Engine.execute:
// counted by names, as before; by types, with all that jobs post back; by types
// without that, which is the way out alone; and that for each action.
func outwards(t *testing.T, sources []source, row func(what, format string, args ...any)) {
	const room = "internal/engine"
	functions, files := outward(sources, room, "execute")
	row("what all actions pass through, from Engine.execute, by names", "%d functions in %d files", functions, files)
	all, out := waysIn(t, *houseRoot, room, ""), waysIn(t, *houseRoot, room, "post")
	functions, files = all.from("execute")
	row("the same by types, and the way back with it", "%d functions in %d files", functions, files)
	functions, files = out.from("execute")
	row("by types, the way out alone", "%d functions in %d files", functions, files)
	each := out.actions("execute")
	var list []string
	for _, action := range slices.SortedFunc(maps.Keys(each), func(a, b string) int { return cmp.Or(each[b]-each[a], strings.Compare(a, b)) }) {
		list = append(list, fmt.Sprintf("%s %d", action, each[action]))
	}
	row("that for each action", "%s", strings.Join(list, ", "))
	largest := 0
	for _, circle := range out.circles() {
		largest = max(largest, len(circle))
	}
	row("functions of the largest circle on the way out", "%d", largest)
	methods, takes, gives := seam(t, *houseRoot, room, "call", "placing", "replacing", "ear", "talk", "mapping", "mediaHost")
	row("if the call were a room of its own", "%d methods, which take %d names from the engine and the account, and give %d", methods, takes, gives)
}

// outward follows the calls from a function inside its room, by names.
func outward(sources []source, room, from string) (functions, files int) {
	type declaration struct {
		file string
		body *ast.BlockStmt
	}
	all := map[string][]declaration{}
	for _, s := range sources {
		if s.dir != room || s.test {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				all[f.Name.Name] = append(all[f.Name.Name], declaration{s.name, f.Body})
			}
		}
	}
	seen, in := map[string]bool{}, map[string]bool{}
	var visit func(string)
	visit = func(name string) {
		if len(all[name]) != 1 || seen[name] { // several of a name: it is not clear which
			return
		}
		seen[name], in[all[name][0].file] = true, true
		ast.Inspect(all[name][0].body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				visit(n.Sel.Name)
			case *ast.Ident:
				visit(n.Name)
			}
			return true
		})
	}
	visit(from)
	return len(seen), len(in)
}

func lines(sources []source, linked map[string]bool, row func(what, format string, args ...any)) {
	var program, peers, houses, tests int
	for _, s := range sources {
		switch {
		case s.test:
			tests += s.lines
		case forTests()[s.dir] != "" && linked[s.dir]:
			peers += s.lines
		case linked[s.dir]:
			program += s.lines
		default: // only tests import it
			houses += s.lines
		}
	}
	row("lines of the program", "%d", program)
	row("lines of the peers and the network of the demo, which tests use too", "%d", peers)
	row("lines of rooms that only tests import", "%d", houses)
	row("lines of tests", "%d", tests)
}

// size builds the program as it is given to people.
func size(t *testing.T, root string) int64 {
	t.Helper()
	to := filepath.Join(t.TempDir(), "ramble")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, ".")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(to)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
