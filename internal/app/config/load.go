package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"ramble/internal/leaf/clean"
)

// maxFile is far above any real configuration; a larger file is a mistake.
const maxFile = 1 << 20

// origin is where a value came from.
type origin struct {
	line   int    // in the file; 0: not from it
	source string // "RAMBLE_ASCII", "--audio"; empty: the file
}

// Load reads and validates the file at path. A missing file is an error for
// which errors.Is(err, fs.ErrNotExist) holds; every other one is Problems.
// Nothing is ever written to the file.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(path, err)
	}
	if info.IsDir() {
		return nil, Problems{{File: path, Text: "this is a directory", Hint: "name the file in it, usually config.toml"}}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(data) > maxFile {
		return nil, Problems{{File: path, Text: "larger than 1 MiB, so it is hardly a configuration"}}
	}
	return parse(path, data, info.Mode())
}

func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no configuration file: %w", err)
	}
	return Problems{{File: path, Text: "cannot be read: " + err.Error(), Hint: "check who owns it: ls -l " + path}}
}

// Parse reads and validates a configuration that is not a private file of the
// user's: its name is used in messages only, and a password in it is accepted.
func Parse(name string, data []byte) (*Config, error) { return parse(name, data, 0) }

func parse(name string, data []byte, mode fs.FileMode) (*Config, error) {
	c := Default()
	c.file = name
	c.origin = map[string]origin{}

	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		return nil, Problems{syntax(name, err)}
	}
	lines := keyLines(data)
	r := reader{config: &c, lines: lines}
	r.accounts(tree["account"])
	delete(tree, "account")
	r.table("", tree)
	if len(r.problems) > 0 {
		return nil, r.problems.orNil()
	}
	problems := c.check()
	if p, bad := c.exposed(mode); bad {
		problems = append(problems, p)
	}
	if err := problems.orNil(); err != nil {
		return nil, err
	}
	return &c, nil
}

// exposed refuses a password in a file that others can read.
func (c *Config) exposed(mode fs.FileMode) (Problem, bool) {
	if runtime.GOOS == "windows" || mode.Perm()&0o077 == 0 {
		return Problem{}, false
	}
	for i := range c.Accounts {
		key := fmt.Sprintf("account[%d].password", i)
		if o, set := c.origin[key]; set && o.source == "" {
			return c.problem(key, fmt.Sprintf("others can read this file (mode %04o)", mode.Perm()), "chmod 600 "+quoteShell(c.file)), true
		}
	}
	return Problem{}, false
}

func quoteShell(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return strings.ContainsRune(" '\"$`\\&|;<>()*?[]#~!{}", r) }) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

func syntax(name string, err error) Problem {
	p := Problem{File: name, Text: clean.Text(strings.TrimPrefix(err.Error(), "toml: ")), Hint: "values are numbers, true, false, \"text in quotes\" or [lists]"}
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		p.Line, _ = d.Position()
		p.Key = clean.Text(strings.Join(d.Key(), "."))
	}
	return p
}

// reader walks the decoded file and fills a Config.
type reader struct {
	config   *Config
	lines    map[string]int
	problems Problems
}

func (r *reader) complain(key string, err error) {
	p := Problem{File: r.config.file, Line: r.lines[key], Key: clean.Text(key), Text: err.Error()}
	if w, ok := errors.AsType[*wrong](err); ok {
		p.Hint = w.hint
	}
	r.problems = append(r.problems, p)
}

func (r *reader) accounts(raw any) {
	if raw == nil {
		return
	}
	items, ok := raw.([]any)
	if !ok {
		r.complain("account", wrongf("write [[account]], with double brackets: there can be several", "%s where accounts are expected", kind(raw)))
		return
	}
	for i, item := range items {
		path := fmt.Sprintf("account[%d]", i)
		table, ok := item.(map[string]any)
		if !ok {
			r.complain(path, wrongf("write [[account]] and the keys below it", "%s where an account is expected", kind(item)))
			continue
		}
		a := DefaultAccount()
		for _, name := range r.inOrder(path, table) {
			full := path + "." + name
			k, found := find(accountKeys(), name)
			if !found {
				r.unknown(full, "account."+name)
				continue
			}
			if err := k.read(&a, table[name]); err != nil {
				r.complain(full, err)
				continue
			}
			r.config.origin[full] = origin{line: r.lines[full]}
		}
		r.config.Accounts = append(r.config.Accounts, a)
	}
}

// table reads the keys of one table and the tables below it.
func (r *reader) table(prefix string, table map[string]any) {
	for _, name := range r.inOrder(prefix, table) {
		path := join(prefix, name)
		if k, found := find(keys(), path); found {
			if err := k.read(r.config, table[name]); err != nil {
				r.complain(path, err)
				continue
			}
			r.config.origin[path] = origin{line: r.lines[path]}
			continue
		}
		below, isTable := table[name].(map[string]any)
		if isTable && slices.Contains(sections(), path) {
			r.table(path, below)
			continue
		}
		if slices.Contains(sections(), path) {
			r.complain(path, wrongf(fmt.Sprintf("write [%s] and the keys below it", path), "%s where a table is expected", kind(table[name])))
			continue
		}
		r.unknown(path, path)
	}
}

// inOrder returns the names of a table in the order of the file.
func (r *reader) inOrder(prefix string, table map[string]any) []string {
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(r.lines[join(prefix, a)], r.lines[join(prefix, b)]), cmp.Compare(a, b))
	})
	return names
}

// unknown complains about a key that no table has. name is path without the
// account's number.
func (r *reader) unknown(path, name string) {
	if slices.Contains(later(), name) {
		r.complain(path, wrongf("remove this line", "not available yet in this version"))
		return
	}
	parent, last := "", name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		parent, last = name[:i], name[i+1:]
	}
	siblings, elsewhere := []string{}, ""
	for _, known := range known() {
		dot := strings.LastIndexByte(known, '.')
		switch {
		case dot < 0 && parent == "", dot >= 0 && known[:dot] == parent:
			siblings = append(siblings, known[dot+1:])
		case dot >= 0 && known[dot+1:] == last:
			elsewhere = known[:dot]
		}
	}
	hint := "`ramble config example` shows every key"
	if near := nearest(last, siblings); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if elsewhere == "account" {
		hint = "this key belongs under [[account]]"
	} else if elsewhere != "" {
		hint = fmt.Sprintf("this key belongs under [%s]", elsewhere)
	}
	r.complain(path, wrongf(hint, "unknown key"))
}

func sections() []string {
	return []string{"calls", "audio", "network", "network.roaming", "ui", "log"}
}

// known is every name that may stand in a file.
func known() []string {
	out := append(sections(), "account")
	for _, k := range keys() {
		out = append(out, k.name)
	}
	for _, k := range accountKeys() {
		out = append(out, "account."+k.name)
	}
	return out
}

func find[T any](table []key[T], name string) (key[T], bool) {
	i := slices.IndexFunc(table, func(k key[T]) bool { return k.name == name })
	if i < 0 {
		return key[T]{}, false
	}
	return table[i], true
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}
