package main

import (
	"flag"
	"fmt"
	"go/doc"
	"os"
	"sort"
	"strings"
	"testing"
)

// TestRoomTable keeps the table of rooms in ARCHITECTURE.md equal to the first
// sentence of each package's comment. `make golden` writes it.
func TestRoomTable(t *testing.T) {
	const name, from, to = "ARCHITECTURE.md", "<!-- rooms:", "<!-- /rooms -->"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text, want := string(data), roomTable(load(t, "."))
	start, end := strings.Index(text, from), strings.Index(text, to)
	if start < 0 || end < start {
		t.Fatalf("%s has no block %s", name, from)
	}
	start += strings.Index(text[start:], "\n") + 1
	if text[start:end] == want {
		return
	}
	if !flag.Lookup("update").Value.(flag.Getter).Get().(bool) {
		t.Fatalf("the rooms of %s are out of date: make golden\n%s", name, want)
	}
	if err := os.WriteFile(name, []byte(text[:start]+want+text[end:]), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the documents that are made from the code")
	os.Exit(m.Run())
}

// roomTable has a row for each package but those of test houses' data.
func roomTable(sources []source) string {
	said := map[string]string{}
	for _, s := range sources {
		if s.test || s.file.Doc == nil {
			continue
		}
		if text, ok := strings.CutPrefix(s.file.Doc.Text(), "Package "+s.file.Name.Name+" "); ok {
			said[s.dir] = new(doc.Package).Synopsis(text)
		}
	}
	var dirs []string
	for dir := range said {
		dirs = append(dirs, dir)
	}
	sort.Strings(dirs)
	out := &strings.Builder{}
	out.WriteString("| room | what it is |\n|---|---|\n")
	for _, dir := range dirs {
		fmt.Fprintf(out, "| `%s` | %s |\n", dir, strings.TrimRight(said[dir], ".:"))
	}
	return out.String()
}
