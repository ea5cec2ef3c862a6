package automation

import (
	"os"
	"strings"
	"testing"
)

// TestContract keeps docs/automation.md and the code together.
func TestContract(t *testing.T) {
	data, err := os.ReadFile("../../docs/automation.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.ReplaceAll(string(data), `\|`, "|")
	for _, v := range verbs() {
		for usage := range strings.SplitSeq(v.usage, " or ") {
			if !strings.Contains(doc, "`"+usage+"`") {
				t.Errorf("%q is not documented", usage)
			}
		}
	}
	for _, name := range coming() {
		if !strings.Contains(doc, "`"+name+"`") {
			t.Errorf("%q is not named as coming", name)
		}
	}
	shapes, err := os.ReadFile("testdata/TestEvents.golden")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(shapes)) {
		_, rest, _ := strings.Cut(line, `"type":"`)
		kind, _, _ := strings.Cut(rest, `"`)
		if !strings.Contains(doc, "`"+kind+"`") {
			t.Errorf("the event %q is not documented", kind)
		}
	}
}
