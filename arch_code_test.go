package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// The rules about code. Words that lift one, each with its reason beside it:
//
//	// Long: ...       in a function's comment, for more than 60 lines
//	// Long file: ...  anywhere in a file, for more than 400 lines
//	immutable          in the comment of a package variable: a table that
//	                   nobody writes to

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

func noGlobals(sources []source) (out []string) {
	for _, s := range sources {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.VAR {
				continue
			}
			for _, spec := range decl.Specs {
				v := spec.(*ast.ValueSpec)
				if !constant(s, decl, v) {
					out = append(out, fmt.Sprintf("%s: %s can be changed by anyone, at any time", s.at(v.Pos()), v.Names[0].Name))
				}
			}
		}
	}
	return out
}

// constant reports whether a package variable is one in name only.
func constant(s source, decl *ast.GenDecl, v *ast.ValueSpec) bool {
	if v.Names[0].Name == "_" {
		return true // an interface guard
	}
	for _, comment := range []*ast.CommentGroup{decl.Doc, v.Doc, v.Comment} {
		if comment == nil {
			continue
		}
		for _, line := range comment.List {
			if strings.HasPrefix(line.Text, "//go:embed ") || strings.Contains(strings.ToLower(line.Text), "immutable") {
				return true
			}
		}
	}
	fixed := []string{"errors.New", "regexp.MustCompile", "netip.MustParseAddr", "netip.MustParsePrefix", "netip.MustParseAddrPort", "netip.IPv6Unspecified", "netip.AddrFrom4"}
	for _, value := range v.Values {
		call, ok := value.(*ast.CallExpr)
		if !ok || !slices.Contains(fixed, selector(call.Fun)) {
			return false
		}
	}
	return len(v.Values) > 0
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

func noSleep(sources []source) (out []string) {
	for _, s := range sources {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && s.test && selector(call.Fun) == "time.Sleep" {
				out = append(out, s.at(call.Pos())+": wait for an event, a channel, or use testing/synctest")
			}
			return true
		})
	}
	return out
}

func guarded(sources []source) (out []string) {
	for _, s := range sources {
		if s.test || s.dir == "internal/safego" {
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
