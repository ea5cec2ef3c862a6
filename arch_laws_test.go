package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Laws with a list of what breaks them. A list is dated and may only shrink: a
// breach that is not in it fails, and so does an entry that nothing needs any
// more, or that allows more than there is.

// maxFields is how many fields a struct may have.
const maxFields = 15

// wide are the structs that are wider, with their fields, each for a reason:
//   - config.Account has one field for each key of [[account]], which one table
//     reads, checks and shows by its name;
//   - glyphs is the table of what a terminal draws, one entry for each thing, in
//     two spellings that have to be alike.
func wide() map[string]int {
	return map[string]int{
		"internal/app/config.Account": 20,
		"tui.glyphs":                  31,
	}
}

// openSwitches are how many switches over a sealed sum, by room, left members
// out without a word on 2026-12-01.
func openSwitches() map[string]int {
	return map[string]int{
		"audio":                4,
		"internal/automation":  1,
		"internal/engine":      6,
		"internal/engine/roam": 4,
		"netwatch":             2,
		"sip/dialog":           3,
		"tui":                  10,
	}
}

// unnamed are the functions that only tests called on 2026-12-01: the ear of
// the tests of sound, which several rooms use.
func unnamed() map[string]int {
	return map[string]int{
		"audio.ToneLevel": 1,
		"audio.Peak":      1,
	}
}

// openers are the rooms that open sockets besides internal/leaf/socket, and why.
func openers() map[string]string {
	return map[string]string{
		"audio/device":        "the sound server of this machine, by a Unix socket or where PULSE_SERVER says",
		"internal/app/ground": "in namespaces that it made",
		"netwatch":            "a UDP socket that sends nothing: the kernel says by which way it would; and the kernel's notifications",
		"sip/locate":          "DNS, where nobody gives it a dialler",
		"sip/siptest":         "loopback, for tests that bring no sockets",
	}
}

// locks are the files of the engine with a lock, and why.
func locks() map[string]string {
	return map[string]string{
		"internal/engine/mailbox.go": "where other goroutines meet the loop",
		"internal/engine/sockets.go": "readers of sockets note errors, the loop asks for them",
	}
}

// beyond holds what was found against a list that may only shrink. entry names
// the list in what is said.
func beyond(found, list map[string]int, entry string) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if found[name] > list[name] {
			out = append(out, fmt.Sprintf("%s: %d, and %s allows %d", name, found[name], entry, list[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if found[name] < list[name] {
			out = append(out, fmt.Sprintf("%s: %d, and %s still allows %d: lower it", name, found[name], entry, list[name]))
		}
	}
	return out
}

// among leaves of a list what speaks of the rooms that are looked at.
func among[V any](list map[string]V, sources []source, room func(entry string) string) map[string]V {
	out := map[string]V{}
	for entry, v := range list {
		if slices.ContainsFunc(sources, func(s source) bool { return s.dir == room(entry) }) {
			out[entry] = v
		}
	}
	return out
}

func itself(entry string) string { return entry }

// roomOf is the folder of an entry like "sip.Call" or "sip/call.go".
func roomOf(entry string) string {
	if i := strings.LastIndexAny(entry, "/."); strings.HasSuffix(entry, ".go") {
		return entry[:strings.LastIndex(entry, "/")]
	} else if i > 0 {
		return entry[:i]
	}
	return ""
}

func narrowStructs(sources []source) []string {
	found := map[string]int{}
	structs(sources, func(s source, name string, fields int) {
		if fields > maxFields {
			found[s.dir+"."+name] = fields
		}
	})
	return beyond(found, among(wide(), sources, roomOf), "wide() in arch_laws_test.go")
}

// structs calls visit for each named struct of the program.
func structs(sources []source, visit func(s source, name string, fields int)) {
	for _, s := range sources {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if t, ok := spec.Type.(*ast.StructType); ok {
				n := 0
				for _, f := range t.Fields.List {
					n += max(1, len(f.Names))
				}
				visit(s, spec.Name.Name, n)
			}
			return true
		})
	}
}

func socketsInOneRoom(sources []source) (out []string) {
	used := map[string]bool{}
	product(sources, func(s source) {
		if s.dir == "internal/leaf/socket" {
			return
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok || !opensSockets(selector(e)) {
				return true
			}
			if used[s.dir] = true; openers()[s.dir] == "" {
				out = append(out, fmt.Sprintf("%s: %s opens a socket past internal/leaf/socket", s.at(n.Pos()), selector(e)))
			}
			return true
		})
	})
	for room := range among(openers(), sources, itself) {
		if !used[room] {
			out = append(out, room+" opens no socket: take it out of openers() in arch_laws_test.go")
		}
	}
	return out
}

func opensSockets(call string) bool {
	room, name, _ := strings.Cut(call, ".")
	switch room {
	case "net", "tls":
		return strings.HasPrefix(name, "Listen") && name != "Listener" || strings.HasPrefix(name, "Dial")
	case "unix", "syscall":
		return name == "Socket"
	}
	return false
}

func noLocks(sources []source) (out []string) {
	used := map[string]bool{}
	product(sources, func(s source) {
		if s.dir != "internal/engine" && !strings.HasPrefix(s.dir, "internal/engine/") {
			return
		}
		for _, at := range lockFields(s.file) {
			name := s.dir + "/" + s.name
			if used[name] = true; locks()[name] == "" {
				out = append(out, s.at(at)+": a lock in the engine: send a value to the loop instead")
			}
		}
	})
	for name := range among(locks(), sources, roomOf) {
		if !used[name] {
			out = append(out, name+" has no lock: take it out of locks() in arch_laws_test.go")
		}
	}
	return out
}

// lockFields are where a file declares something that goroutines share by a
// lock or an atomic value.
func lockFields(file *ast.File) (list []token.Pos) {
	ast.Inspect(file, func(n ast.Node) bool {
		e, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch kind := selector(e); kind {
		case "sync.Mutex", "sync.RWMutex", "sync.Map", "sync.Cond", "sync.Pool":
			list = append(list, e.Pos())
		default:
			if name, ok := strings.CutPrefix(kind, "atomic."); ok && ast.IsExported(name) {
				list = append(list, e.Pos())
			}
		}
		return true
	})
	return list
}

// product calls visit for each file that is linked into the program.
func product(sources []source, visit func(source)) {
	for _, s := range sources {
		if !s.test && !strings.HasPrefix(s.dir, "internal/proof/") {
			visit(s)
		}
	}
}

// onlyUsed asks of the rooms that are looked at whether they use what they are
// permitted to.
func onlyUsed(sources []source) (out []string) {
	type use struct{ room, what string }
	used, there := map[use]bool{}, map[string]bool{}
	for _, s := range sources {
		there[s.dir] = there[s.dir] || !s.test
	}
	imports(sources, func(s source, path string, _ token.Pos) {
		used[use{s.dir, strings.TrimPrefix(path, module+"/")}] = true
		for prefix := range outside() {
			if strings.HasPrefix(path, prefix) {
				used[use{s.dir, prefix}] = true
			}
		}
	})
	unused := func(room, what string) {
		if there[room] && !used[use{room, what}] && what != "*" {
			out = append(out, fmt.Sprintf("%s may know %s and does not: take it out of arch_imports_test.go", cmp.Or(room, "main.go"), what))
		}
	}
	for room, list := range plan() {
		for _, what := range list {
			unused(room, what)
		}
	}
	for prefix, rooms := range outside() {
		for _, room := range rooms {
			unused(room, prefix)
		}
	}
	for _, room := range cgoRooms() {
		unused(room, "C")
	}
	slices.Sort(out)
	return out
}

// unbuilt are the rooms that a plan names and nobody built.
func unbuilt(rooms []string, sources []source) (out []string) {
	for _, room := range rooms {
		if !slices.ContainsFunc(sources, func(s source) bool { return s.dir == room }) {
			out = append(out, room)
		}
	}
	return out
}

func TestThePlanHasNoEmptyRooms(t *testing.T) {
	sources := load(t, ".")
	rooms := slices.Collect(maps.Keys(plan()))
	for _, list := range outside() {
		rooms = append(rooms, list...)
	}
	for _, room := range unbuilt(append(rooms, cgoRooms()...), sources) {
		t.Errorf("arch_imports_test.go speaks of %s, which is not there", room)
	}
	if got := unbuilt([]string{"sip", "attic"}, sample(t, "sip", "a.go", "package sip")); !slices.Equal(got, []string{"attic"}) {
		t.Errorf("of sip and an attic that nobody built, the rule misses %v", got)
	}
}

func TestListsMayOnlyShrink(t *testing.T) {
	for _, tt := range []struct {
		name        string
		found, list map[string]int
		breaches    int
	}{
		{"as it was", map[string]int{"sip.Call": 27}, map[string]int{"sip.Call": 27}, 0},
		{"grown", map[string]int{"sip.Call": 28}, map[string]int{"sip.Call": 27}, 1},
		{"new", map[string]int{"sip.Call": 27, "sip.Stack": 16}, map[string]int{"sip.Call": 27}, 1},
		{"shrunk, and the list not", map[string]int{"sip.Call": 20}, map[string]int{"sip.Call": 27}, 1},
		{"mended, and still listed", nil, map[string]int{"sip.Call": 27}, 1},
	} {
		if got := beyond(tt.found, tt.list, "the list"); len(got) != tt.breaches {
			t.Errorf("%s: %d breaches, want %d: %v", tt.name, len(got), tt.breaches, got)
		}
	}
}
