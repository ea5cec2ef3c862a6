package tui

import (
	"unicode"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/clean"
)

// field is one line of text being typed. It takes printable text only, so a
// paste cannot bring control characters in.
type field struct {
	text  []rune
	at    int // the cursor, before text[at]
	limit int // runes it takes; 0: 1000
}

func (f *field) value() string { return string(f.text) }

func (f *field) set(s string) {
	f.text, f.at = nil, 0
	f.insert(s)
}

// insert types s at the cursor. Line breaks in a paste become spaces.
func (f *field) insert(s string) {
	limit := f.limit
	if limit == 0 {
		limit = 1000
	}
	var in []rune
	for _, r := range s {
		if unicode.IsSpace(r) {
			r = ' '
		}
		if clean.Text(string(r)) == string(r) && len(f.text)+len(in) < limit {
			in = append(in, r)
		}
	}
	rest := append(in, f.text[f.at:]...)
	f.text = append(f.text[:f.at:f.at], rest...)
	f.at += len(in)
}

// key edits, and says whether the key was an edit.
func (f *field) key(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "left", "ctrl+b":
		f.at = max(0, f.at-1)
	case "right", "ctrl+f":
		f.at = min(len(f.text), f.at+1)
	case "home":
		f.at = 0
	case "end", "ctrl+e":
		f.at = len(f.text)
	case "backspace", "ctrl+h":
		f.cut(f.at-1, f.at)
	case "delete", "ctrl+d":
		f.cut(f.at, f.at+1)
	case "ctrl+u":
		f.cut(0, f.at)
	case "ctrl+k":
		f.cut(f.at, len(f.text))
	case "ctrl+w", "alt+backspace":
		from := f.at
		for from > 0 && f.text[from-1] == ' ' {
			from--
		}
		for from > 0 && f.text[from-1] != ' ' {
			from--
		}
		f.cut(from, f.at)
	default:
		if k.Text == "" || k.Mod&^tea.ModShift != 0 {
			return false
		}
		f.insert(k.Text)
	}
	return true
}

// cut removes text[from:to] and leaves the cursor there.
func (f *field) cut(from, to int) {
	from, to = clamp(from, 0, len(f.text)), clamp(to, 0, len(f.text))
	f.text = append(f.text[:from:from], f.text[to:]...)
	f.at = from
}

// view is what of the text fits into w columns with the cursor in it, and the
// cursor's column.
func (f *field) view(l *look, w int) (string, int) {
	from := 0
	for from < f.at && l.width(string(f.text[from:f.at])) >= w {
		from++
	}
	return l.head(string(f.text[from:]), w), l.width(string(f.text[from:f.at]))
}
