package cli

import (
	"flag"
	"os"
	"strings"
	"testing"

	"ramble/internal/app/config"
)

// TestDocumentedKeys keeps the key table of docs/keys.md equal to the
// registry's. `make golden` writes it.
func TestDocumentedKeys(t *testing.T) {
	documentBlock(t, "docs/keys.md", "<!-- keys:", "<!-- /keys -->", "```text\n"+wired().keyTable()+"```\n")
}

// documentBlock holds the part of a document between two marks to what it should
// be, or writes it.
func documentBlock(t *testing.T, document, from, to, want string) {
	t.Helper()
	name := "../../../" + document
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	start, end := strings.Index(text, from), strings.Index(text, to)
	if start < 0 || end < start {
		t.Fatalf("%s has no block %s", document, from)
	}
	start += strings.Index(text[start:], "\n") + 1
	if text[start:end] == want {
		return
	}
	if flag.Lookup("update").Value.String() != "true" {
		t.Fatalf("the block %s of %s is out of date: make golden\n%s", from, document, want)
	}
	if err := os.WriteFile(name, []byte(text[:start]+want+text[end:]), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTheExamplesKeysAreActions takes the mark off the keys of the example: who
// does that has a phone that starts.
func TestTheExamplesKeysAreActions(t *testing.T) {
	data, err := os.ReadFile("../../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	lines, shown, within := strings.Split(string(data), "\n"), 0, false
	for i, line := range lines {
		if strings.HasPrefix(line, "[") {
			within = strings.HasPrefix(line, "[ui.keys]")
		}
		if key, marked := strings.CutPrefix(line, "# "); within && marked && strings.Contains(key, " = ") {
			lines[i] = key
			shown++
		}
	}
	c, err := config.Parse("config.example.toml", []byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if err := wired().check(c); err != nil || shown == 0 || len(c.UI.Keys) != shown {
		t.Errorf("of %d: %v, %v", shown, c.UI.Keys, err)
	}
}
