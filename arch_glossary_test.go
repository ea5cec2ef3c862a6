package main

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// This file holds the rule that a word of the glossary means one thing: what is
// called by one of its watched verbs stands in the glossary, where its meaning
// can be compared. Tests and the peers of tests are free.

var camel = regexp.MustCompile(`[A-Z]?[a-z]+|[A-Z]+`)

// verbs are the watched ones of a glossary and what it lists for each: a row of
// the table under "Watched verbs" is the verb, with its other forms, and the
// names in backticks.
func verbs(glossary string) (forms map[string]string, names map[string]map[string]bool) {
	forms, names = map[string]string{}, map[string]map[string]bool{}
	_, table, _ := strings.Cut(glossary, "## Watched verbs")
	table, _, _ = strings.Cut(table, "\n## ")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || strings.Contains(cells[1], "--") || strings.TrimSpace(cells[1]) == "word" {
			continue
		}
		list := strings.FieldsFunc(cells[1], func(r rune) bool { return r == ',' || r == ' ' })
		names[list[0]] = map[string]bool{}
		for _, f := range list {
			forms[f] = list[0]
		}
		for i, name := range strings.Split(cells[3], "`") {
			if i%2 == 1 {
				names[list[0]][name] = true
			}
		}
	}
	return forms, names
}

// offGlossary are the functions, methods and types whose names hold a watched
// verb and are not listed, and what is listed and not there.
func offGlossary(sources []source, glossary string) (breaches []string) {
	forms, names := verbs(glossary)
	found := map[string]map[string]bool{}
	for _, s := range sources {
		if s.test || forTests()[s.dir] != "" || strings.HasPrefix(s.dir, "internal/proof/") {
			continue
		}
		look := func(id *ast.Ident, receiver string) {
			for _, part := range camel.FindAllString(id.Name, -1) {
				verb := forms[strings.ToLower(part)]
				name := strings.TrimPrefix(s.dir+"."+receiver+id.Name, "internal/")
				if verb == "" {
					continue
				}
				if found[verb] == nil {
					found[verb] = map[string]bool{}
				}
				if found[verb][name] = true; !names[verb][name] {
					breaches = append(breaches, fmt.Sprintf("%s: %s: docs/glossary.md does not say that this is %q: list it there, or find another word", s.at(id.Pos()), name, verb))
				}
			}
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				look(d.Name, receiverOf(d))
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if t, ok := spec.(*ast.TypeSpec); ok {
						look(t.Name, "")
					}
				}
			}
		}
	}
	for _, verb := range slices.Sorted(maps.Keys(names)) {
		for _, name := range slices.Sorted(maps.Keys(names[verb])) {
			if !found[verb][name] {
				breaches = append(breaches, fmt.Sprintf("docs/glossary.md lists %s under %q, which is not there", name, verb))
			}
		}
	}
	return breaches
}

// receiverOf is "Type." of a method, else nothing.
func receiverOf(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	switch x := t.(type) {
	case *ast.IndexExpr:
		t = x.X
	case *ast.IndexListExpr:
		t = x.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

func TestGlossary(t *testing.T) {
	text, err := os.ReadFile("docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	if forms, _ := verbs(string(text)); len(forms) < 7 {
		t.Fatalf("only %d watched verbs were found, the table has another form", len(forms))
	}
	for _, breach := range offGlossary(load(t, "."), string(text)) {
		t.Error(breach)
	}
}

// TestAWordOffTheGlossaryIsFound shows the rule biting.
func TestAWordOffTheGlossaryIsFound(t *testing.T) {
	const glossary = "## Watched verbs\n\n| word | meaning | names |\n|---|---|---|\n| keep, keeps | to hold on to | `sip.Stack.keepAlive` |\n"
	const good = "package sip\nfunc (s *Stack) keepAlive() {}\nfunc upkeep() {}\n"
	for _, tt := range []struct {
		name, text string
		breaches   int
	}{
		{"as listed", good, 0},
		{"a function more", good + "func keep() {}", 1},
		{"a type more", good + "type Keeps struct{}", 1},
		{"a method of another type", good + "func (c Call) keepAlive() {}", 1},
		{"listed and not there", "package sip", 1},
	} {
		if got := offGlossary(sample(t, "sip", "a.go", tt.text), glossary); len(got) != tt.breaches {
			t.Errorf("%s: %d breaches, want %d: %v", tt.name, len(got), tt.breaches, got)
		}
	}
}
