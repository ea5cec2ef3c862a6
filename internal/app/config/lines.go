package config

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// keyLines maps the path of every key of a valid document to its line. It
// serves messages only: a path that it misses has line 0.
func keyLines(data []byte) map[string]int {
	w := lineWalker{data: data, lines: map[string]int{}, arrays: map[string]int{}}
	w.parser.Reset(data)
	table := ""
	for w.parser.NextExpression() {
		e := w.parser.Expression()
		switch e.Kind {
		case unstable.Table:
			table = w.keys("", e.Key())
		case unstable.ArrayTable:
			table = w.keys("", e.Key())
			at := w.lines[table]
			n := w.arrays[table]
			w.arrays[table]++
			table = fmt.Sprintf("%s[%d]", table, n)
			w.lines[table] = at
		case unstable.KeyValue:
			w.value(w.keys(table, e.Key()), e.Value())
		default: // comments
		}
	}
	return w.lines
}

type lineWalker struct {
	parser unstable.Parser
	data   []byte
	lines  map[string]int
	arrays map[string]int // how many [[name]] were seen
}

// keys notes the line of each part of a dotted key and returns its path.
func (w *lineWalker) keys(prefix string, parts unstable.Iterator) string {
	path := prefix
	for parts.Next() {
		n := parts.Node()
		path = join(path, string(n.Data))
		start := min(int(n.Raw.Offset), len(w.data))
		line := 1 + bytes.Count(w.data[:start], []byte("\n"))
		if w.lines[path] == 0 || !strings.Contains(path, "[") {
			w.lines[path] = line
		}
	}
	return path
}

// value descends into inline tables and lists of them.
func (w *lineWalker) value(path string, v *unstable.Node) {
	children := v.Children()
	switch v.Kind {
	case unstable.InlineTable:
		for children.Next() {
			kv := children.Node()
			w.value(w.keys(path, kv.Key()), kv.Value())
		}
	case unstable.Array:
		for i := 0; children.Next(); i++ {
			w.value(fmt.Sprintf("%s[%d]", path, i), children.Node())
		}
	default: // holds no keys
	}
}
