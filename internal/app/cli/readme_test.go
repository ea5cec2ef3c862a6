package cli

import (
	"flag"
	"os"
	"strings"
	"testing"

	"ramble/internal/app/config"
)

// TestReadmeKeys keeps the key table of the README equal to the registry's.
// `make golden` writes it.
func TestReadmeKeys(t *testing.T) {
	readmeBlock(t, "<!-- keys:", "<!-- /keys -->", "```text\n"+wired().keyTable()+"```\n")
}

// readmeBlock holds the part of the README between two marks to what it should
// be, or writes it.
func readmeBlock(t *testing.T, from, to, want string) {
	t.Helper()
	const name = "../../../README.md"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	start, end := strings.Index(readme, from), strings.Index(readme, to)
	if start < 0 || end < start {
		t.Fatalf("the README has no block %s", from)
	}
	start += strings.Index(readme[start:], "\n") + 1
	if readme[start:end] == want {
		return
	}
	if flag.Lookup("update").Value.String() != "true" {
		t.Fatalf("the README's block %s is out of date: make golden\n%s", from, want)
	}
	if err := os.WriteFile(name, []byte(readme[:start]+want+readme[end:]), 0o644); err != nil {
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
