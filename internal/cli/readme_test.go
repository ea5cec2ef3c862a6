package cli

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// TestReadmeKeys keeps the key table of the README equal to the registry's.
// `make golden` writes it.
func TestReadmeKeys(t *testing.T) {
	const name, from, to = "../../README.md", "<!-- keys:", "<!-- /keys -->"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	start, end := strings.Index(readme, from), strings.Index(readme, to)
	if start < 0 || end < start {
		t.Fatal("the README has no block for the keys")
	}
	start += strings.Index(readme[start:], "\n") + 1
	want := "```text\n" + wired().keyTable() + "```\n"
	if readme[start:end] == want {
		return
	}
	if flag.Lookup("update").Value.String() != "true" {
		t.Fatalf("the README's keys are not those of the registry: make golden\n%s", want)
	}
	if err := os.WriteFile(name, []byte(readme[:start]+want+readme[end:]), 0o644); err != nil {
		t.Fatal(err)
	}
}
