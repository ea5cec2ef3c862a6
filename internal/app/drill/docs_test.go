package drill

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocs keeps docs/drill.md and the code together: every word of the format
// and every field of the JSON is in it, and its example can be played.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../../docs/drill.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	for _, word := range known() {
		if word != "expect" && !regexp.MustCompile("`"+word+"[ `]").MatchString(doc) {
			t.Errorf("%q is not documented", word)
		}
	}
	for _, word := range order() {
		if !strings.Contains(doc, "`expect "+word) && !strings.Contains(doc, "`"+word+"`") {
			t.Errorf("the expectation %q is not documented", word)
		}
	}
	var b strings.Builder
	if err := WriteJSON(&b, results()[1]); err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(b.String()), &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		if name != "v" && name != "type" && !strings.Contains(doc, "`"+name+"`") {
			t.Errorf("the field %q is not documented", name)
		}
	}
	blocks := strings.Split(doc, "```\n")
	if _, err := Parse("docs/drill.md", blocks[len(blocks)-2]); err != nil {
		t.Errorf("the example: %v", err)
	}
}
