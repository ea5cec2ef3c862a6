package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestLicences compares docs/licences.md with what is linked on each system.
func TestLicences(t *testing.T) {
	data, err := os.ReadFile("docs/licences.md")
	if err != nil {
		t.Fatal(err)
	}
	said, tests, _ := strings.Cut(string(data), "## In tests only")
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./...")
		cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for module := range strings.FieldsSeq(string(out)) {
			if !strings.Contains(said, "| "+module+" |") {
				t.Errorf("%s is linked on %s and not in the first table: read its LICENSE and add it", module, system)
			}
		}
	}
	gomod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(said + tests) {
		module, row := strings.CutPrefix(line, "| ")
		module, _, _ = strings.Cut(module, " ")
		if row && strings.Contains(module, ".") && !strings.Contains(string(gomod), module+" v") {
			t.Errorf("%s is not a dependency any more: remove it", module)
		}
	}
}
