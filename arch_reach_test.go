package main

import (
	"go/ast"
	"slices"
	"strings"
)

// forTests are rooms of the program that tests need more of than it does, and
// why.
func forTests() map[string]string {
	return map[string]string{
		"sip/siptest":           "the peers of the demo",
		"netwatch/netwatchtest": "the network of the demo",
	}
}

// calledFromOutside are methods that the standard library or a dependency calls
// by an interface of its own.
func calledFromOutside() []string {
	return []string{
		"Error", "Is", "As", "Unwrap", "String", "Format", "Read", "Write", "Close", "Len", "Less", "Swap",
		"MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "LogValue", "Enabled", "Handle", "WithAttrs", "WithGroup",
		"Init", "Update", "View", "IsZero", "LocalAddr", "RemoteAddr", "SetDeadline", "SetReadDeadline", "SetWriteDeadline",
		"GoString", "Ref", "TryClose", "ReadFrom", "WriteTo", "Accept", "Addr", "Network", "Timeout", "Temporary", "SyscallConn",
	}
}

// reached finds functions of the program that only tests name. It goes by names
// alone, so it misses some; `make dead` reads the calls and misses none that main
// cannot reach.
func reached(sources []source) (out []string) {
	named := map[string]bool{}
	product(sources, func(s source) {
		declared := map[*ast.Ident]bool{}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				declared[f.Name] = true
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && !declared[id] {
				named[id.Name] = true
			}
			return true
		})
	})
	found := map[string]int{}
	where := map[string]string{}
	functions(sources, func(s source, f *ast.FuncDecl) {
		name := f.Name.Name
		switch {
		case s.test, strings.HasPrefix(s.dir, "internal/proof/"), forTests()[s.dir] != "":
		case name == "main" || name == "_" || named[name]:
		case f.Recv != nil && slices.Contains(calledFromOutside(), name):
		default: // nobody in the program says its name
			found[s.dir+"."+name]++
			where[s.dir+"."+name] = s.at(f.Pos()) + ": only tests call "
		}
	})
	for _, breach := range beyond(found, among(unnamed(), sources, roomOf), "unnamed() in arch_laws_test.go") {
		name, _, _ := strings.Cut(breach, ":")
		out = append(out, where[name]+breach)
	}
	return out
}
