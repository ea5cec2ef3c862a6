package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strings"
)

// The rules about code. Words that lift one, each with its reason beside it:
//
//	// Long: ...       in a function's comment, for more than 60 lines
//	// Long file: ...  anywhere in a file, for more than 400 lines
//	immutable          in the comment of a package variable that the rule
//	                   cannot see to be a table
//	bubble             in a comment of a test file whose sleeps run in synctest

const (
	maxFile     = 400
	maxFunction = 60
)

func noInit(sources []source) (out []string) {
	functions(sources, func(s source, f *ast.FuncDecl) {
		if f.Name.Name == "init" && f.Recv == nil {
			out = append(out, s.at(f.Pos())+": wire it in the caller instead")
		}
	})
	return out
}

// noGlobals lets tables stand: variables that have a value from the start and
// are not written to, nor pointed to, anywhere in their package.
func noGlobals(sources []source) (out []string) {
	written := map[string]bool{} // "dir name"
	for _, s := range sources {
		if !s.test {
			writes(s.file, func(name string) { written[s.dir+" "+name] = true })
		}
	}
	for _, s := range sources {
		for _, d := range s.file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.VAR || s.test {
				continue
			}
			for _, spec := range decl.Specs {
				v := spec.(*ast.ValueSpec)
				if explained(decl.Doc, v.Doc, v.Comment) {
					continue
				}
				for _, name := range v.Names {
					if name.Name != "_" && (!table(v, name.Name) || written[s.dir+" "+name.Name]) {
						out = append(out, fmt.Sprintf("%s: %s is state that anybody can change at any time", s.at(v.Pos()), name.Name))
					}
				}
			}
		}
	}
	return out
}

// explained reports whether a comment vouches for a variable.
func explained(groups ...*ast.CommentGroup) bool {
	for _, g := range groups {
		if g == nil {
			continue
		}
		for _, line := range g.List {
			if strings.HasPrefix(line.Text, "//go:embed ") || strings.Contains(strings.ToLower(line.Text), "immutable") {
				return true
			}
		}
	}
	return false
}

// table reports whether a variable is made to be read: it has a value, of a
// kind that is not there to be filled, and other packages cannot reach it.
func table(v *ast.ValueSpec, name string) bool {
	for _, value := range v.Values {
		switch e := value.(type) {
		case *ast.CallExpr:
			if f, ok := e.Fun.(*ast.Ident); ok && (f.Name == "make" || f.Name == "new") {
				return false
			}
		case *ast.CompositeLit:
			if kind := selector(e.Type); strings.HasPrefix(kind, "sync.") || strings.HasPrefix(kind, "atomic.") {
				return false
			}
		case *ast.UnaryExpr:
			return false // a pointer, to be written through
		}
	}
	private := !ast.IsExported(name) || strings.HasPrefix(name, "Err")
	_, list := v.Type.(*ast.ArrayType) // without a value: an empty table
	return private && (len(v.Values) > 0 || list)
}

// writes calls visit with the name at the root of everything that is assigned
// to or pointed to. A local variable of the same name counts too: rename it.
func writes(file *ast.File, visit func(name string)) {
	root := func(e ast.Expr) {
		for {
			switch x := e.(type) {
			case *ast.Ident:
				visit(x.Name)
				return
			case *ast.IndexExpr:
				e = x.X
			case *ast.SelectorExpr:
				e = x.X
			case *ast.ParenExpr:
				e = x.X
			default:
				return
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if n.Tok != token.DEFINE {
					root(left)
				}
			}
		case *ast.IncDecStmt:
			root(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				root(n.X)
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
				root(n.Args[0])
			}
		}
		return true
	})
}

// selector is "pkg.Name" for such an expression, else "".
func selector(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return pkg.Name + "." + sel.Sel.Name
}

// noSleep lets tests sleep in a synctest bubble, where no time passes. Helpers
// and tables make it hard to see which line runs in one, so it is enough that
// the file knows of bubbles: it uses synctest, a helper named ...Bubble, or says
// the word in a comment.
func noSleep(sources []source) (out []string) {
	for _, s := range sources {
		bubble := strings.Contains(strings.ToLower(comments(s.file)), "bubble")
		var sleeps []token.Pos
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, _ := call.Fun.(*ast.Ident)
			bubble = bubble || strings.HasPrefix(selector(call.Fun), "synctest.") || f != nil && strings.HasSuffix(f.Name, "Bubble")
			if s.test && selector(call.Fun) == "time.Sleep" {
				sleeps = append(sleeps, call.Pos())
			}
			return true
		})
		for _, at := range sleeps {
			if !bubble {
				out = append(out, s.at(at)+": wait for an event or a channel, or sleep in a synctest bubble")
			}
		}
	}
	return out
}

func guarded(sources []source) (out []string) {
	for _, s := range sources {
		if s.test || s.dir == "internal/leaf/safego" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				out = append(out, s.at(g.Pos())+": a panic here would leave the terminal in raw mode; use a safego.Guard")
			}
			return true
		})
	}
	return out
}

func shortFiles(sources []source) (out []string) {
	for _, s := range sources {
		if s.lines > maxFile && !strings.Contains(comments(s.file), "Long file: ") {
			out = append(out, fmt.Sprintf("%s: %d lines; split it, or say why in a comment that begins with \"Long file:\"", s.at(1), s.lines))
		}
	}
	return out
}

func comments(f *ast.File) string {
	var b strings.Builder
	for _, group := range f.Comments {
		b.WriteString(group.Text())
	}
	return b.String()
}

// shortFunctions leaves tests alone: a table of cases is long and easy.
func shortFunctions(sources []source) (out []string) {
	functions(sources, func(s source, f *ast.FuncDecl) {
		lines := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
		if lines > maxFunction && !s.test && !strings.Contains(f.Doc.Text(), "Long: ") {
			out = append(out, fmt.Sprintf("%s: %s has %d lines; split it, or say why in its comment after \"Long:\"", s.at(f.Pos()), f.Name.Name, lines))
		}
	})
	return out
}

func functions(sources []source, visit func(source, *ast.FuncDecl)) {
	for _, s := range sources {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				visit(s, f)
			}
		}
	}
}

func finished(sources []source) (out []string) {
	mark := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	for _, s := range sources {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if m := mark.FindString(c.Text); m != "" {
					out = append(out, fmt.Sprintf("%s: %s", s.at(c.Pos()), m))
				}
			}
		}
	}
	return out
}
