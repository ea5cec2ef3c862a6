package roam

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedCoverage holds docs/roaming.md to its word: each row of its
// tables of coverage names transcripts, unless it is end to end only, and tests
// that exist, and each row of
// the tables in this package has a line there.
func TestDocumentedCoverage(t *testing.T) {
	const root = "../../.."
	text, err := os.ReadFile(filepath.Join(root, "docs/roaming.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, tables, found := strings.Cut(string(text), "## What covers what\n")
	if !found {
		t.Fatal("the section is gone")
	}
	tests := everyTest(t, root)
	if len(tests) < 100 {
		t.Fatalf("only %d tests were found, the walk is broken", len(tests))
	}
	named := map[string]bool{} // what the first cells name
	rows := 0
	for line := range strings.Lines(tables) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || len(cells) < 3 ||
			strings.TrimSpace(cells[1]) == "transcripts" {
			continue
		}
		rows++
		for _, name := range quotedWords(cells[0]) {
			named[name] = true
		}
		transcripts, functions := quotedWords(cells[1]), quotedWords(cells[2])
		if why := uncovered(cells[1], transcripts, functions); why != "" {
			t.Errorf("%s: %s", why, strings.TrimSpace(line))
		}
		for _, name := range transcripts {
			if _, err := os.Stat(filepath.Join("testdata", name)); err != nil {
				t.Errorf("%s: there is no transcript %s", strings.TrimSpace(cells[0]), name)
			}
		}
		for _, name := range functions {
			if !tests[name] {
				t.Errorf("%s: there is no test %s", strings.TrimSpace(cells[0]), name)
			}
		}
	}
	if rows < 30 {
		t.Fatalf("only %d rows were read", rows)
	}
	for _, name := range everyRow() {
		if !named[name] {
			t.Errorf("%q, a row of the tables in this package, has no line in docs/roaming.md", name)
		}
	}
}

// endToEndOnly stands in place of transcripts where the policy has no part in a
// row: sockets, sound and wire do it by themselves.
const endToEndOnly = "end to end only"

// uncovered says what a row lacks.
func uncovered(cell string, transcripts, functions []string) string {
	switch only := strings.TrimSpace(cell) == endToEndOnly; {
	case len(functions) == 0:
		return "no test is named"
	case len(transcripts) == 0 && !only:
		return "neither a transcript nor \"" + endToEndOnly + "\""
	case len(transcripts) > 0 && strings.Contains(cell, endToEndOnly):
		return "transcripts, and \"" + endToEndOnly + "\""
	}
	return ""
}

// TestCoverageBites shows what is no cover.
func TestCoverageBites(t *testing.T) {
	for _, tt := range []struct {
		cell, tests string
		bad         bool
	}{
		{"`start.txt`", "`TestHints`", false},
		{endToEndOnly, "`TestHints`", false},
		{endToEndOnly, "", true},
		{"`start.txt`", "", true},
		{"", "`TestHints`", true},
		{"none", "`TestHints`", true},
		{"`start.txt`, " + endToEndOnly, "`TestHints`", true},
	} {
		if why := uncovered(tt.cell, quotedWords(tt.cell), quotedWords(tt.tests)); (why != "") != tt.bad {
			t.Errorf("%q with %q: %q", tt.cell, tt.tests, why)
		}
	}
}

// everyRow is the rows of the tables: states, ways of repair, verdicts. Each
// kind of them ends where its String does.
func everyRow() (names []string) {
	names = append(names, until(func(i int) string { return CallState(i).String() })...)
	names = append(names, until(func(i int) string { return How(i).String() })...)
	return append(names, until(func(i int) string { return verdict(i).String() })...)
}

func until(name func(int) string) (names []string) {
	defer func() { _ = recover() }() // the end of the table
	for i := 0; ; i++ {
		names = append(names, name(i))
	}
}

func quotedWords(cell string) (words []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	return words
}

// everyTest is the names of the test functions of the module.
func everyTest(t *testing.T, root string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
