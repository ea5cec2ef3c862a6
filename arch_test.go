package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The rules of the house, held by a test. ARCHITECTURE.md says why each stands;
// arch_imports_test.go has the floor plan, which room may import which;
// arch_self_test.go shows each rule catching a breach.

// module is the prefix of our own import paths.
const module = "ramble"

// rules are all of them, by the sentence that a breach breaks.
func rules() map[string]func([]source) []string {
	return map[string]func([]source) []string{
		"rooms import only what the plan allows":               onlyPlanned,
		"each dependency is known to its own rooms only":       onlyOutside,
		"cgo lives in the sound devices and codecs only":       onlyCgo,
		"every package says what it is for":                    documented,
		"there is no init function":                            noInit,
		"package variables do not change":                      noGlobals,
		"no test sleeps":                                       noSleep,
		"files have at most 400 lines, or say why":             shortFiles,
		"functions have at most 60 lines, or say why":          shortFunctions,
		"no package is called util or the like":                namedForWhatTheyDo,
		"every goroutine starts through safego":                guarded,
		"no mark of unfinished work is left behind":            finished,
		"the vocabulary uses the standard library and no more": vocabulary,
		"the product stands without its test houses":           withoutProof,
		"what only tests call is not in the program":           reached,
		"rooms may know no more than they do":                  onlyUsed,
		"structs have at most 15 fields":                       narrowStructs,
		"sockets are opened in one room":                       socketsInOneRoom,
		"there is no lock in the engine":                       noLocks,
		"a switch over a sealed sum is whole, or says why":     wholeSwitches,
		"rooms that decide hold no sentence":                   noSentences,
	}
}

func TestArchitecture(t *testing.T) {
	sources := load(t, ".")
	if len(sources) < 20 {
		t.Fatalf("only %d files were found, the walk is broken", len(sources))
	}
	for sentence, rule := range rules() {
		t.Run(sentence, func(t *testing.T) {
			for _, breach := range rule(sources) {
				t.Error(breach)
			}
		})
	}
}

// source is one Go file.
type source struct {
	dir   string // relative to the module, with slashes; "" is the module itself
	name  string
	test  bool
	lines int
	fset  *token.FileSet
	file  *ast.File
}

func (s source) at(p token.Pos) string {
	return fmt.Sprintf("%s:%d", filepath.ToSlash(filepath.Join(s.dir, s.name)), s.fset.Position(p).Line)
}

// load parses every Go file of the module under root.
func load(t *testing.T, root string) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, e := os.Stat(filepath.Join(path, "go.mod"))
			if path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || e == nil) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		s, err := parse(filepath.ToSlash(rel), d.Name(), string(text))
		out = append(out, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func parse(dir, name, text string) (source, error) {
	if dir == "." {
		dir = ""
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
	return source{dir, name, strings.HasSuffix(name, "_test.go"), strings.Count(text, "\n"), fset, file}, err
}

func documented(sources []source) (out []string) {
	said := map[string]bool{}
	for _, s := range sources {
		if s.test {
			continue
		}
		begins := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			begins = "Command "
		}
		said[s.dir] = said[s.dir] || strings.HasPrefix(s.file.Doc.Text(), begins)
	}
	for dir, is := range said {
		if !is {
			out = append(out, fmt.Sprintf("package %q has no comment that begins with \"Package\" and its name", dir))
		}
	}
	return out
}

func namedForWhatTheyDo(sources []source) (out []string) {
	for _, s := range sources {
		name := strings.TrimSuffix(s.file.Name.Name, "_test")
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "types", "base", "manager"}, name) {
			out = append(out, fmt.Sprintf("%s: a package called %s says nothing about what it does", s.at(1), name))
		}
	}
	return out
}
