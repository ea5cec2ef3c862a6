package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Ways inside a room: which functions a function reaches, by the types that the
// compiler sees. Counting by names misses what several types have and takes for a
// function what is a field of the same name.

// ways are the functions of one room and what each refers to.
type ways struct {
	file  map[*types.Func]string
	to    map[*types.Func]map[*types.Func]bool
	cases map[*types.Func]map[string]map[*types.Func]bool // of type switches, by the type's name
}

// waysIn reads a room. Where back is named, what is handed to a function of that
// name as a function literal is not followed: it is the way back, which begins
// with a turn of its own.
func waysIn(t *testing.T, root, room, back string) ways {
	t.Helper()
	pkg, info, files := check(t, root, room)
	w := ways{map[*types.Func]string{}, map[*types.Func]map[*types.Func]bool{}, map[*types.Func]map[string]map[*types.Func]bool{}}
	bodies := map[*types.Func]*ast.FuncDecl{}
	for name, f := range files {
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
				fn := info.Defs[d.Name].(*types.Func)
				w.file[fn], w.to[fn], bodies[fn] = name, map[*types.Func]bool{}, d
			}
		}
	}
	doors := doorsIn(pkg, info, files)
	named := func(of ast.Node, into map[*types.Func]bool) {
		ast.Inspect(of, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == back && len(n.Args) == 1 && is[*ast.FuncLit](n.Args[0]) {
					if post, ok := info.Uses[s.Sel].(*types.Func); ok && w.to[post] != nil {
						into[post] = true
					}
					return false
				}
			case *ast.Ident:
				switch o := info.Uses[n].(type) {
				case *types.Func:
					if o = o.Origin(); w.to[o] != nil {
						into[o] = true
					}
				case *types.Var:
					for _, o := range doors[o] {
						into[o] = true
					}
				}
			}
			return true
		})
	}
	for fn, d := range bodies {
		named(d.Body, w.to[fn])
		w.cases[fn] = map[string]map[*types.Func]bool{}
		ast.Inspect(d.Body, func(n ast.Node) bool {
			sw, ok := n.(*ast.TypeSwitchStmt)
			for i := 0; ok && i < len(sw.Body.List); i++ {
				clause := sw.Body.List[i].(*ast.CaseClause)
				for _, x := range clause.List {
					to := map[*types.Func]bool{}
					for _, s := range clause.Body {
						named(s, to)
					}
					w.cases[fn][types.ExprString(x)] = to
				}
			}
			return true
		})
	}
	return w
}

// doorsIn are the fields that hold functions, by the methods that are put into them.
func doorsIn(pkg *types.Package, info *types.Info, files map[string]*ast.File) map[*types.Var][]*types.Func {
	doors := map[*types.Var][]*types.Func{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			set, ok := n.(*ast.AssignStmt)
			for i := 0; ok && len(set.Lhs) == len(set.Rhs) && i < len(set.Lhs); i++ {
				field, isField := set.Lhs[i].(*ast.SelectorExpr)
				value, isMethod := set.Rhs[i].(*ast.SelectorExpr)
				if !isField || !isMethod {
					continue
				}
				if v, ok := info.Uses[field.Sel].(*types.Var); ok {
					if fn, ok := info.Uses[value.Sel].(*types.Func); ok && fn.Pkg() == pkg {
						doors[v] = append(doors[v], fn)
					}
				}
			}
			return true
		})
	}
	return doors
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

// from counts the functions and files that the functions of that name reach,
// themselves among them.
func (w ways) from(name string) (functions, files int) {
	seen, in := map[*types.Func]bool{}, map[string]bool{}
	for fn := range w.to {
		if fn.Name() == name {
			w.visit(fn, seen)
		}
	}
	for fn := range seen {
		in[w.file[fn]] = true
	}
	return len(seen), len(in)
}

func (w ways) visit(fn *types.Func, seen map[*types.Func]bool) {
	if seen[fn] {
		return
	}
	seen[fn] = true
	for to := range w.to[fn] {
		w.visit(to, seen)
	}
}

// circles are the sets of functions that reach each other, the largest first.
func (w ways) circles() (list [][]string) {
	order := slices.SortedFunc(maps.Keys(w.to), func(a, b *types.Func) int { return cmp.Compare(a.FullName(), b.FullName()) })
	index, low, onStack := map[*types.Func]int{}, map[*types.Func]int{}, map[*types.Func]bool{}
	var stack []*types.Func
	var visit func(*types.Func)
	visit = func(fn *types.Func) { // Tarjan
		index[fn] = len(index) + 1
		low[fn] = index[fn]
		stack, onStack[fn] = append(stack, fn), true
		for to := range w.to[fn] {
			if index[to] == 0 {
				visit(to)
				low[fn] = min(low[fn], low[to])
			} else if onStack[to] {
				low[fn] = min(low[fn], index[to])
			}
		}
		if low[fn] != index[fn] {
			return
		}
		var circle []string
		for {
			last := stack[len(stack)-1]
			stack, onStack[last] = stack[:len(stack)-1], false
			circle = append(circle, last.Name())
			if last == fn {
				break
			}
		}
		if len(circle) > 1 {
			slices.Sort(circle)
			list = append(list, circle)
		}
	}
	for _, fn := range order {
		if index[fn] == 0 {
			visit(fn)
		}
	}
	slices.SortStableFunc(list, func(a, b []string) int { return len(b) - len(a) })
	return list
}

// seam is what would have to be exported if some types of a room stood in one of
// their own: how many methods they have, how many fields and methods of the room's
// other types those use, and how many of theirs the others use.
func seam(t *testing.T, root, room string, names ...string) (methods, takes, gives int) {
	t.Helper()
	pkg, info, files := check(t, root, room)
	owner := map[types.Object]string{} // of a field or method
	for _, name := range pkg.Scope().Names() {
		named, ok := pkg.Scope().Lookup(name).Type().(*types.Named)
		if !ok {
			continue
		}
		for m := range named.Methods() {
			owner[m] = name
		}
		if s, ok := named.Underlying().(*types.Struct); ok {
			for f := range s.Fields() {
				owner[f] = name
			}
		}
	}
	taken, given := map[types.Object]bool{}, map[types.Object]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			fd, ok := d.(*ast.FuncDecl)
			if !ok || fd.Body == nil {
				continue
			}
			inside := slices.Contains(names, owner[info.Defs[fd.Name]])
			if inside {
				methods++
			}
			ast.Inspect(fd.Body, func(n ast.Node) bool {
				id, ok := n.(*ast.Ident)
				if !ok || owner[info.Uses[id]] == "" {
					return true
				}
				switch theirs := slices.Contains(names, owner[info.Uses[id]]); {
				case inside && !theirs:
					taken[info.Uses[id]] = true
				case !inside && theirs:
					given[info.Uses[id]] = true
				}
				return true
			})
		}
	}
	return methods, len(taken), len(given)
}

// actions are, for each case of the type switch in a function, the functions that
// the case reaches, the function itself among them.
func (w ways) actions(name string) map[string]int {
	out := map[string]int{}
	for fn, cases := range w.cases {
		for action, to := range cases {
			if fn.Name() == name {
				seen := map[*types.Func]bool{fn: true}
				for next := range to {
					w.visit(next, seen)
				}
				out[action] = len(seen)
			}
		}
	}
	return out
}

// TestActionsGoOneWay: what carries an action out calls nobody who decides, so
// that no function of the engine is entered again while it works. What a job
// posts back is a turn of its own.
func TestActionsGoOneWay(t *testing.T) {
	w := waysIn(t, ".", "internal/engine", "post")
	for _, circle := range w.circles() {
		t.Errorf("these call each other in a circle: %s", strings.Join(circle, ", "))
	}
	for _, breach := range w.tooFar("execute") {
		t.Error(breach)
	}
	if n := len(w.actions("execute")); n < 18 {
		t.Errorf("the rule sees %d actions, there are 18", n)
	}
}

// maxStays is how many functions of the engine an action may pass through on its
// way out.
const maxStays = 24

// tooFar are the actions, cases of the type switch in a function, that pass
// through more.
func (w ways) tooFar(name string) (breaches []string) {
	each := w.actions(name)
	for _, action := range slices.Sorted(maps.Keys(each)) {
		if n := each[action]; n > maxStays {
			breaches = append(breaches, fmt.Sprintf("%s passes through %d functions of the engine, at most %d are allowed", action, n, maxStays))
		}
	}
	return breaches
}

// TestAFarActionIsFound shows the law biting: as many functions as are allowed,
// and one more, also where a field that holds a function stands between two.
func TestAFarActionIsFound(t *testing.T) {
	for _, tt := range []struct {
		name     string
		stays    int
		door     bool
		breaches int
	}{
		{"as far as it may", maxStays, false, 0},
		{"one too far", maxStays + 1, false, 1},
		{"as far as it may, by a field", maxStays, true, 0},
		{"one too far, by a field", maxStays + 1, true, 1},
	} {
		var b strings.Builder
		b.WriteString("package engine\ntype engine struct{ door func() }\nfunc (e *engine) execute(act any) {\n\tswitch act.(type) {\n\tcase int: e.f2()\n\tcase string: e.last()\n\t}\n}\nfunc (e *engine) last() {}\n")
		for n := 2; n < tt.stays; n++ {
			next := fmt.Sprintf("e.f%d()", n+1)
			if n == 5 && tt.door {
				next = "e.door()"
			}
			fmt.Fprintf(&b, "func (e *engine) f%d() { %s }\n", n, next)
		}
		fmt.Fprintf(&b, "func (e *engine) f%d() {}\nfunc (e *engine) set() { e.door = e.f6 }\n", tt.stays)
		w := waysIn(t, written(t, map[string]string{"a.go": b.String()}), "room", "post")
		if got := w.tooFar("execute"); len(got) != tt.breaches {
			t.Errorf("%s: %d breaches, want %d: %v", tt.name, len(got), tt.breaches, got)
		}
	}
}

// TestACircleIsFound shows the law biting.
func TestACircleIsFound(t *testing.T) {
	const engine = `package engine
type engine struct{ door func() }
func (e *engine) post(fn func()) {}
func (e *engine) execute(act any) {
	switch act.(type) {
	case int: e.open()
	case string: e.tell()
	}
}
func (e *engine) open() { e.post(func() { e.execute(1) }) }
func (e *engine) tell() {}
type other struct{ n int }
func (o other) execute() { o.tell() }
func (o other) tell() { o.n++ }
`
	for _, tt := range []struct {
		name, more string
		circles    int
	}{
		{"all go one way", "", 0},
		{"who carries out calls who decides", "func (e *engine) back() { e.decide() }\nfunc (e *engine) decide() { e.back() }", 1},
		{"by a field that holds a function", "func (e *engine) back() { e.door() }\nfunc (e *engine) decide() { e.back() }\nfunc (e *engine) set() { e.door = e.decide }", 1},
	} {
		root := written(t, map[string]string{"a.go": engine, "b.go": "package engine\n" + tt.more})
		w := waysIn(t, root, "room", "post")
		if got := w.circles(); len(got) != tt.circles {
			t.Errorf("%s: circles %v, want %d", tt.name, got, tt.circles)
		}
		if got := w.actions("execute"); got["int"] != 3 || got["string"] != 2 {
			t.Errorf("%s: the actions reach %v, want int 3 (execute, open, post) and string 2", tt.name, got)
		}
		if all := waysIn(t, root, "room", ""); len(all.circles()) != tt.circles+1 {
			t.Errorf("%s: with the way back the circles are %v, want one more", tt.name, all.circles())
		}
	}
}
