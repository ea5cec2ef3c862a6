package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// This file holds the documents to the keys of the configuration, the
// environment variables and the names of the code that there are.

// named is what documents may name of the program and of its configuration.
type named struct {
	keys      map[string]bool            // "keep_for" and "network.roaming.keep_for"
	variables map[string]bool            // "RAMBLE_ASCII"
	names     map[string]map[string]bool // by the name of a package: what it exports
}

// unknown are the names in a text that there are not, each with its kind.
func (w named) unknown(text string) (list []string) {
	for _, m := range regexp.MustCompile(`\bRAMBLE_[A-Z_]+`).FindAllString(text, -1) {
		if !w.variables[m] {
			list = append(list, "variable "+m)
		}
	}
	for _, code := range codeIn(text) {
		if m := regexp.MustCompile(`^([a-z]+(?:_[a-z]+)*) += +["\[\dtf]`).FindStringSubmatch(code); m != nil && !w.keys[m[1]] {
			list = append(list, "key "+m[1])
		}
		if m := regexp.MustCompile(`^\[([a-z.]+)\](?: ([a-z_]+))?$`).FindStringSubmatch(code); m != nil {
			if key := strings.TrimSuffix(m[1]+"."+m[2], "."); !w.keys[key] {
				list = append(list, "key "+key)
			}
		}
		for _, m := range regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)`).FindAllStringSubmatch(code, -1) {
			if exported, ours := w.names[m[1]]; ours && !exported[m[2]] {
				list = append(list, "name "+m[0])
			}
		}
	}
	return list
}

// exampleKeys are the keys of the example, which has every key of the
// configuration: TestExample in config holds that.
func exampleKeys(text string) map[string]bool {
	keys, section := map[string]bool{}, ""
	for _, m := range regexp.MustCompile(`(?m)^(?:\[+([a-z.]+)\]+|(?:# )?([a-z_]+) += )`).FindAllStringSubmatch(text, -1) {
		if m[1] != "" {
			section = m[1]
			keys[section] = true
			continue
		}
		keys[m[2]], keys[section+"."+m[2]] = true, true
	}
	return keys
}

// readNames reads the example and the code.
func readNames(t *testing.T) named {
	t.Helper()
	const top = "../../.."
	example, err := os.ReadFile(top + "/config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	w := named{keys: exampleKeys(string(example)), variables: map[string]bool{"RAMBLE_WORK_PASSWORD": true}, // the example's own
		names: map[string]map[string]bool{}}
	declared := regexp.MustCompile(`(?m)^(?:func (?:\([^)]*\) )?|type |\t|const |var )([A-Z]\w*)`)
	err = filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		room := path.Base(path.Dir(filepath.ToSlash(name)))
		if w.names[room] == nil {
			w.names[room] = map[string]bool{}
		}
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			w.names[room][m[1]] = true
		}
		for _, v := range regexp.MustCompile(`"(RAMBLE_[A-Z_]+)"`).FindAllStringSubmatch(string(text), -1) {
			w.variables[v[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestDocumentsNameKeysAndCode(t *testing.T) {
	w := readNames(t)
	files, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "config.example.toml"} {
		files = append(files, "../../../"+name)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range w.unknown(string(text)) {
			t.Errorf("%s names the %s, which is not there", filepath.Base(name), s)
		}
	}
}

// TestUnknownKeysAndCodeAreFound breaks each rule.
func TestUnknownKeysAndCodeAreFound(t *testing.T) {
	w := named{
		keys:      exampleKeys("[ui]\nhistory = 500\n[network.roaming]\n# keep_for = \"45s\"\n"),
		variables: map[string]bool{"RAMBLE_ASCII": true},
		names:     map[string]map[string]bool{"phone": {"Register": true}},
	}
	for text, want := range map[string]string{
		"set `keep_fer = \"1s\"`":                      "key keep_fer",
		"```toml\n[ui]\nhistery = 3\n```":              "key histery",
		"set `[ui] histery`":                           "key ui.histery",
		"see `[uy]`":                                   "key uy",
		"with `RAMBLE_ASKII=1`":                        "variable RAMBLE_ASKII",
		"it is `Do(phone.Registr{})` that does it":     "name phone.Registr",
		"`[ui] history`, `keep_for = \"1s\"`":          "",
		"`[network.roaming]`, `RAMBLE_ASCII=1`":        "",
		"`phone.Register`, `atomic.Int64`, `e.Hidden`": "",
	} {
		if got := strings.Join(w.unknown(text), ", "); got != want {
			t.Errorf("%q: %s", text, fmt.Sprintf("%q, not %q", got, want))
		}
	}
}
