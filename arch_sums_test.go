package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// Sealed sums: an interface with one method, which nobody outside the package
// can have, and an enum: constants of a type of their own that count by iota. A
// switch over one names every member, or has a default with a comment that says
// why the rest is alike.

// sum is a sealed sum with its members, by name.
type sum struct {
	dir, name string
	members   []string
}

// sums finds all of them. Types are known by their names alone, without types'
// help: a sum is recognised by what the cases of a switch name.
func sums(sources []source) (interfaces, enums []sum) {
	methods := map[string][]string{} // "dir method" -> types that have it
	for _, s := range sources {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil && !ast.IsExported(d.Name.Name) && d.Type.Params.NumFields() == 0 && d.Type.Results.NumFields() == 0 && len(d.Body.List) == 0 {
					key := s.dir + " " + d.Name.Name
					methods[key] = append(methods[key], typeName(d.Recv.List[0].Type))
				}
			case *ast.GenDecl:
				if e, ok := enum(s.dir, d); ok {
					enums = append(enums, e)
				}
			}
		}
	}
	for _, s := range sources {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			i, ok := spec.Type.(*ast.InterfaceType)
			if !ok || len(i.Methods.List) != 1 || len(i.Methods.List[0].Names) != 1 {
				return true
			}
			if members := methods[s.dir+" "+i.Methods.List[0].Names[0].Name]; len(members) > 1 {
				interfaces = append(interfaces, sum{s.dir, spec.Name.Name, members})
			}
			return true
		})
	}
	return interfaces, enums
}

// enum reads a block of constants. Names without a capital among exported ones
// are counters, not members.
func enum(dir string, d *ast.GenDecl) (sum, bool) {
	if d.Tok != token.CONST || len(d.Specs) < 2 {
		return sum{}, false
	}
	first := d.Specs[0].(*ast.ValueSpec)
	kind, ok := first.Type.(*ast.Ident)
	if !ok || len(first.Values) != 1 || !mentionsIota(first.Values[0]) {
		return sum{}, false
	}
	e := sum{dir: dir, name: kind.Name}
	for _, spec := range d.Specs {
		for _, name := range spec.(*ast.ValueSpec).Names {
			if name.Name != "_" && ast.IsExported(name.Name) == ast.IsExported(first.Names[0].Name) {
				e.members = append(e.members, name.Name)
			}
		}
	}
	return e, len(e.members) > 1
}

func mentionsIota(e ast.Expr) (yes bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		yes = yes || ok && id.Name == "iota"
		return true
	})
	return yes
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func wholeSwitches(sources []source) (out []string) {
	found := map[string][]string{}
	openSwitchesIn(sources, func(s source, breach string) { found[s.dir] = append(found[s.dir], breach) })
	counts := map[string]int{}
	for dir, list := range found {
		if counts[dir] = len(list); len(list) > openSwitches()[dir] {
			out = append(out, list...)
		}
	}
	for _, breach := range beyond(counts, among(openSwitches(), sources, itself), "openSwitches() in arch_laws_test.go") {
		if len(out) == 0 {
			out = append(out, breach)
		}
	}
	return out
}

// openSwitchesIn calls visit for each switch over a sum that leaves members out.
func openSwitchesIn(sources []source, visit func(s source, breach string)) {
	interfaces, enums := sums(sources)
	for _, s := range sources {
		if s.test {
			continue
		}
		rooms := importNames(s.file)
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSwitchStmt:
				missing(s, n.Pos(), n.Body, interfaces, rooms, visit)
			case *ast.SwitchStmt:
				if n.Tag != nil {
					missing(s, n.Pos(), n.Body, enums, rooms, visit)
				}
			}
			return true
		})
	}
}

// importNames are our packages by the names that a file knows them by.
func importNames(f *ast.File) map[string]string {
	rooms := map[string]string{}
	for _, spec := range f.Imports {
		room, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
		name := room[strings.LastIndex(room, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if ours {
			rooms[name] = room
		}
	}
	return rooms
}

// missing says what a switch leaves out of the sum that all its cases belong to.
func missing(s source, at token.Pos, body *ast.BlockStmt, all []sum, rooms map[string]string, visit func(source, string)) {
	var named []string // "dir name"
	for _, clause := range body.List {
		c := clause.(*ast.CaseClause)
		if c.List == nil {
			if saysWhy(s, c) {
				return
			}
			continue
		}
		for _, e := range c.List {
			if name := member(s.dir, e, rooms); name != "nil" {
				named = append(named, name)
			}
		}
	}
	if len(named) < 2 { // one case asks a question: is it this?
		return
	}
	for _, one := range all {
		if slices.ContainsFunc(named, func(n string) bool {
			dir, name, _ := strings.Cut(n, " ")
			return dir != one.dir || !slices.Contains(one.members, name)
		}) {
			continue
		}
		var left []string
		for _, m := range one.members {
			if !slices.Contains(named, one.dir+" "+m) {
				left = append(left, m)
			}
		}
		if len(left) == 0 {
			return
		}
		visit(s, fmt.Sprintf("%s: a switch over %s leaves out %s, and has no default with a comment that says why", s.at(at), one.name, strings.Join(left, ", ")))
		return
	}
}

// member is "dir name" of what a case names.
func member(dir string, e ast.Expr, rooms map[string]string) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return member(dir, e.X, rooms)
	case *ast.Ident:
		if e.Name == "nil" {
			return "nil"
		}
		return dir + " " + e.Name
	case *ast.SelectorExpr:
		pkg, _ := e.X.(*ast.Ident)
		if pkg != nil && rooms[pkg.Name] != "" {
			return rooms[pkg.Name] + " " + e.Sel.Name
		}
	}
	return "? ?"
}

// saysWhy reports whether a comment stands in or beside a default.
func saysWhy(s source, c *ast.CaseClause) bool {
	first, last := s.fset.Position(c.Pos()).Line, s.fset.Position(c.End()).Line
	for _, group := range s.file.Comments {
		if line := s.fset.Position(group.Pos()).Line; line >= first && line <= last {
			return true
		}
	}
	return false
}
