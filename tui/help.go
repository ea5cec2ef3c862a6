package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// helpView lists every key, with those that would do nothing now in grey.
type helpView struct{ offset int }

func (o *helpView) key(m *model, k tea.KeyPressMsg) (tea.Cmd, bool) {
	o.offset, _ = travel(k.String(), o.offset, max(0, len(o.rows(m))-m.overlayRows()))
	switch k.String() {
	case "?", "f1", "esc", "q", "enter":
		m.over = nil
	case "ctrl+c":
		return nil, false
	}
	return nil, true
}

// helpColumn is the width of one of the two columns.
const helpColumn = 37

// rows are all groups, in two columns where the screen is wide enough.
func (o *helpView) rows(m *model) []row {
	var cols [2][]row
	s := m.situation()
	keys, column := m.set.keys.actions, 0
	var group Group
	for _, a := range keys {
		if len(a.Keys) == 0 {
			continue
		}
		if a.Group != group {
			group = a.Group
			if group == GroupScreen && m.w >= 2*helpColumn+6 {
				column = 1
			}
			if len(cols[column]) > 0 {
				cols[column] = append(cols[column], row{})
			}
			cols[column] = append(cols[column], row{left: []span{{string(group), title}}})
		}
		on := a.Enabled == nil || a.Enabled(s)
		cols[column] = append(cols[column], row{left: []span{
			{m.look.pad(m.look.keyNames(a.Keys), 11), either(on, keycap, faint)},
			{a.Help, either(on, plain, faint)}}})
	}
	if len(cols[1]) == 0 {
		return cols[0]
	}
	var rows []row
	for i := range max(len(cols[0]), len(cols[1])) {
		var r row
		if i < len(cols[0]) {
			r.left = m.look.cutSpans(cols[0][i].left, helpColumn-1)
		}
		if i < len(cols[1]) {
			gap := helpColumn - m.look.spansWidth(r.left)
			r.left = append(append(r.left, span{strings.Repeat(" ", gap), plain}), cols[1][i].left...)
		}
		rows = append(rows, r)
	}
	return rows
}

func (o *helpView) content(m *model) box {
	rows := o.rows(m)
	w := 2*helpColumn + 4
	if m.w < w+2 {
		w = m.w - 2
	}
	right := "esc closes"
	if room := m.overlayRows(); len(rows) > room {
		rows = rows[clamp(o.offset, 0, len(rows)-room):]
		right = "j k scroll, " + right
	}
	name := "Help"
	if m.set.Version != "" {
		name += "  " + titleProgram + " " + m.set.Version
	}
	return box{w: w, title: name, right: right, frame: ruleFocus, rows: rows}
}

// overlayRows is how many rows an overlay can show.
func (m *model) overlayRows() int { return max(1, m.h-5) }

// pad fills s with blanks to w columns.
func (l *look) pad(s string, w int) string {
	s = l.fit(s, w-1)
	return s + strings.Repeat(" ", max(0, w-l.width(s)))
}

// cutSpans cuts spans to w columns.
func (l *look) cutSpans(spans []span, w int) []span {
	var out []span
	for _, s := range spans {
		s.text = l.fit(s.text, w)
		w -= l.width(s.text)
		out = append(out, s)
	}
	return out
}

// keyName is a key as people read it.
func (l *look) keyName(k string) string {
	if l.ascii {
		return k
	}
	switch k {
	case "up":
		return "↑"
	case "down":
		return "↓"
	case "left":
		return "←"
	case "right":
		return "→"
	}
	return k
}

func (l *look) keyNames(keys []string) string {
	var names []string
	for _, k := range keys {
		names = append(names, l.keyName(k))
	}
	return strings.Join(names, " ")
}
