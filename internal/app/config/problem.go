package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ramble/internal/leaf/clean"
)

// Problem is one thing wrong with a configuration.
type Problem struct {
	File string // empty: not from a file
	Line int    // from 1; 0 unknown
	Key  string // "network.poll", "account[1].uri"; empty: the file as a whole
	Text string // what is wrong
	Hint string // what to do
}

func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.File != "" && p.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	case p.File != "":
		fmt.Fprintf(&b, "%s: ", p.File)
	}
	if p.Key != "" {
		fmt.Fprintf(&b, "%s: ", p.Key)
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		b.WriteString("\n    " + p.Hint)
	}
	return b.String()
}

// Problems is every problem of a configuration, in the order of the file. It
// is the error type of Load, Parse, Set and Validate.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, 0, len(ps))
	for _, p := range ps {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// orNil returns the problems sorted, or nil when there are none.
func (ps Problems) orNil() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return ps
}

// wrong is an unplaced problem: what a key's reader returns.
type wrong struct{ text, hint string }

func (w *wrong) Error() string { return w.text }

func wrongf(hint, format string, args ...any) error {
	return &wrong{clean.Text(fmt.Sprintf(format, args...)), hint}
}

// nearest returns the known name that was probably meant, or "".
func nearest(name string, known []string) string {
	best, limit := "", max(1, min(3, len(name)/3))
	for _, k := range known {
		if d := distance(name, k); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// distance is the Damerau-Levenshtein distance with adjacent swaps, cut short
// for texts that no typing error explains.
func distance(a, b string) int {
	const far = 1 << 20
	if len(a) > 64 || len(b) > 64 {
		return far
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
