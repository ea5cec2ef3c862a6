package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Rooms read with their types, for the laws that names alone would judge wrongly.

// arrowsIn are the arrows between the files of a room, by types: A has one to B when
// A names what B declares, a method or a field of that very type.
func arrowsIn(t *testing.T, root, room string) arrows {
	t.Helper()
	pkg, info, files := check(t, root, room)
	home, graph := map[types.Object]string{}, arrows{}
	for name, f := range files {
		graph[name] = map[string]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && info.Defs[id] != nil {
				home[info.Defs[id]] = name
			}
			return true
		})
	}
	for name, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			o := info.Uses[id]
			switch of := o.(type) {
			case *types.Func:
				o = of.Origin()
			case *types.Var:
				o = of.Origin()
			}
			if o != nil && o.Pkg() == pkg && home[o] != "" && home[o] != name {
				graph[name][home[o]] = true
			}
			return true
		})
	}
	return graph
}

// check reads the types of a room. What it imports comes from the build cache.
func check(t *testing.T, root, room string) (*types.Package, *types.Info, map[string]*ast.File) {
	t.Helper()
	exports := map[string]string{}
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export", "./"+room)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
	}
	fset, files := token.NewFileSet(), map[string]*ast.File{}
	names, err := filepath.Glob(filepath.Join(root, room, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var list []*ast.File
	for _, name := range names {
		base := filepath.Base(name)
		if strings.HasSuffix(base, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		list, files[base] = append(list, f), f
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no %s", path)
		}
		return os.Open(exports[path])
	})}
	pkg, err := conf.Check(module+"/"+room, fset, list, info)
	if err != nil {
		t.Fatal(err)
	}
	return pkg, info, files
}

// written is a folder that holds a module with one room, of these files.
func written(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	all := map[string]string{"go.mod": "module ramble\n\ngo 1.26\n"}
	for name, text := range files {
		all["room/"+name] = text
	}
	if err := os.MkdirAll(filepath.Join(root, "room"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
