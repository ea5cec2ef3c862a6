package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// This file holds the documents to the names that there are: files, tests, make
// targets, commands and their options.

// there is what documents may name.
type there struct {
	files   []string // with slashes, from the top of the project
	tests   map[string]bool
	targets map[string]bool
	root    *cobra.Command
}

// notOurs are names of other programs' files and options, and of files that a
// user or a tool makes.
func notOurs() []string {
	return []string{"--device", "--no-playback", "--reg-timeout", "--local-port", "--registrar", "--vs"}
}

const (
	testName = `\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`
	optionIs = `(?:^|[\s(\[])(--[a-z][a-z-]+)`
)

// unknownNames are the names in a document that there are not, as sentences.
func (w there) unknownNames(document, text string) (unknown []string) {
	say := func(kind, name string) {
		if s := fmt.Sprintf("%s names the %s %s, which is not there", document, kind, name); !slices.Contains(unknown, s) {
			unknown = append(unknown, s)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(w.files, filepath.ToSlash(filepath.Join(filepath.Dir(document), m[1]))) && !w.folder(filepath.Join(filepath.Dir(document), m[1])) {
			say("link", m[1])
		}
	}
	for _, name := range regexp.MustCompile(testName).FindAllString(text, -1) {
		if !w.tests[name] {
			say("test", name)
		}
	}
	for _, code := range codeIn(text) {
		for _, m := range regexp.MustCompile(`(?:^|[\s(])make ((?:[a-z]+-)*[a-z]+)`).FindAllStringSubmatch(code, 1) {
			if !w.targets[m[1]] && !strings.Contains(code, "make before") {
				say("make target", m[1])
			}
		}
		if name, ok := pathIn(code); ok && !w.file(name) {
			say("file", name)
		}
		for _, name := range w.unknownOptions(code) {
			say("option", name)
		}
	}
	return unknown
}

// codeIn is what stands in backticks, and each line of a fenced block.
func codeIn(text string) (list []string) {
	for i, part := range strings.Split(text, "```") {
		if i%2 == 1 {
			list = append(list, strings.Split(part, "\n")...)
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(part, -1) {
			list = append(list, m[1])
		}
	}
	return list
}

// pathIn is a path of the project: what has an ending of its files.
func pathIn(code string) (name string, ok bool) {
	m := regexp.MustCompile(`^[\w][\w./-]*\.(?:go|md|golden|txt|sh|dot|png)$`).FindString(code)
	return m, m != ""
}

// file says whether a path, or its end, is that of a file.
func (w there) file(name string) bool {
	return slices.ContainsFunc(w.files, func(f string) bool { return f == name || strings.HasSuffix(f, "/"+name) })
}

func (w there) folder(name string) bool {
	return slices.ContainsFunc(w.files, func(f string) bool { return strings.HasPrefix(f, filepath.ToSlash(name)+"/") })
}

// unknownOptions are those that the named command, or no command, has.
func (w there) unknownOptions(code string) (unknown []string) {
	at := []*cobra.Command{w.root}
	if m := regexp.MustCompile(`^(?:\$ )?(?:\./)?(?:ramble|go run \.) ([a-z].*)$`).FindStringSubmatch(code); m != nil {
		words := strings.Fields(m[1])
		if cmd, _, err := w.root.Find(words); err == nil && cmd != w.root {
			at = []*cobra.Command{cmd}
		} else if !strings.ContainsAny(words[0], `.,"`) {
			return []string{"ramble " + words[0]}
		}
	} else {
		at = append(at, everyCommand(w.root)...)
		if regexp.MustCompile(`^[a-z./]`).MatchString(code) && !strings.Contains(code, "ramble") {
			return nil // another program's
		}
	}
	for _, m := range regexp.MustCompile(optionIs).FindAllStringSubmatch(code, -1) {
		name := strings.TrimPrefix(m[1], "--")
		known := slices.ContainsFunc(at, func(c *cobra.Command) bool { return c.Flag(name) != nil || c.InheritedFlags().Lookup(name) != nil })
		if !known && name != "help" && name != "version" && !slices.Contains(notOurs(), m[1]) {
			unknown = append(unknown, m[1])
		}
	}
	return unknown
}

func everyCommand(c *cobra.Command) (list []*cobra.Command) {
	for _, sub := range c.Commands() {
		list = append(append(list, sub), everyCommand(sub)...)
	}
	return list
}

// commandLine is the whole of it, with the commands that the library adds at a start.
func commandLine() *cobra.Command {
	root := (&program{apps: wired()}).root(nil)
	root.InitDefaultHelpCmd()
	return root
}

// lookAround reads what there is in the project.
func lookAround(t *testing.T) there {
	t.Helper()
	w := there{tests: map[string]bool{}, targets: map[string]bool{}, root: commandLine()}
	top := "../../.."
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		w.files = append(w.files, filepath.ToSlash(rel))
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range regexp.MustCompile(`(?m)^func (`+testName+`)\(`).FindAllStringSubmatch(string(text), -1) {
			w.tests[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(string(text), -1) {
		w.targets[m[1]] = true
	}
	return w
}

func TestDocumentsNameWhatThereIs(t *testing.T) {
	w := lookAround(t)
	for _, document := range w.files {
		if !strings.HasSuffix(document, ".md") || strings.Contains(document, "testdata/") ||
			strings.HasPrefix(document, "docs/adr/") || document == "CHANGELOG.md" { // those tell of their day
			continue
		}
		text, err := os.ReadFile("../../../" + document)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range w.unknownNames(document, string(text)) {
			t.Error(s)
		}
	}
}

// TestUnknownNamesAreFound breaks each rule.
func TestUnknownNamesAreFound(t *testing.T) {
	w := there{files: []string{"README.md", "docs/keys.md", "sip/dialog/fork.go"}, tests: map[string]bool{"TestThere": true},
		targets: map[string]bool{"demo": true}, root: commandLine()}
	for text, kind := range map[string]string{
		"see [keys](docs/kees.md)":                  "link docs/kees.md",
		"`TestGone` holds it":                       "test TestGone",
		"```\nmake dem0n\nmake gone  # a word\n```": "make target gone",
		"`fork_gone.go` forks":                      "file fork_gone.go",
		"`ramble drill all --loud`":                 "option --loud",
		"`ramble dril all`":                         "option ramble dril",
		"use `--loud`":                              "option --loud",
	} {
		if got := strings.Join(w.unknownNames("README.md", text), "\n"); !strings.Contains(got, kind) {
			t.Errorf("%q: %q", text, got)
		}
	}
	good := "[keys](docs/keys.md#top), `TestThere`, `make demo`, `dialog/fork.go`, `fork.go`, `ramble drill all --json`, `--ascii`, `baresip --loud`, [web](https://example.com)"
	if got := w.unknownNames("README.md", good); got != nil {
		t.Errorf("%q", got)
	}
}
