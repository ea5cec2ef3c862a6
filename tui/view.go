package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
)

// View implements tea.Model: the screen as a function of the model.
func (m *model) View() tea.View {
	v := tea.View{AltScreen: true, ReportFocus: true, WindowTitle: m.title()}
	if m.set.Mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.w <= 0 || m.h <= 0 {
		return v
	}
	c := newCanvas(m.w, m.h, m.look)
	l := m.layout()
	cursor := m.draw(c, l)
	v.Content = c.render()
	if cursor != nil && cursor.X < m.w && cursor.Y < m.h {
		v.Cursor = cursor
	}
	return v
}

// layout is the arrangement for what there is to see now.
func (m *model) layout() layout {
	a := arrangement{w: m.w, h: m.h, mode: m.set.Layout, focused: m.panes.focused, zoomed: m.panes.zoomed,
		roamTab: m.lower.roam, inCall: m.current().ID != 0 || m.ring.id != 0}
	// Wishes depend on widths only by what wraps: those of the usual shape do.
	a.callRows = len(m.callRows(m.w-leftNarrow-4, 0))
	if m.w < twoColumns {
		a.callRows = len(m.callRows(m.w-4, 0))
	}
	if m.current().ID == 0 {
		a.callRows = 0 // a list takes what it gets
	}
	a.accRows = len(m.accountRows(leftNarrow - 4))
	if m.w >= widerLeft {
		a.accRows = len(m.accountRows(leftWide - 4))
	}
	if _, ok := m.shownRoam(); ok {
		a.roamRows = len(m.roamRows(m.w-either(m.w < widerLeft, leftNarrow, leftWide)-4, 0))
	}
	return arrange(a)
}

// draw draws everything and returns where the terminal's cursor belongs.
func (m *model) draw(c *canvas, l layout) *tea.Cursor {
	if l.tiny {
		m.drawTiny(c)
		return nil
	}
	c.at(l.header).row(0, m.headerRow(l.header.w))
	var cursor *tea.Cursor
	for p := range panes {
		if !l.pane[p].shown() {
			continue
		}
		if at := m.drawPane(c.at(l.pane[p]), p, l); p == m.panes.focused && at != nil {
			cursor = at
		}
	}
	if m.over != nil {
		cursor = drawBox(c, l.body, m.over.content(m))
	}
	if at := m.drawDial(c, l); at != nil {
		cursor = at
	}
	c.at(l.keys).row(0, m.keyRow())
	switch ring := m.ringingCall(); {
	case m.asking():
		cursor = drawBox(c, l.body, m.incomingBox(ring))
	case m.banner():
		at := c.at(rect{0, l.dial.y - 1, m.w, 1})
		at.fill(alarm)
		at.row(0, m.bannerRow(ring))
	}
	return cursor
}

// paneHead is a pane's title and the word at the right of it.
func (m *model) paneHead(p pane, l layout) (name, key, right []span) {
	word := func(s string) []span { return []span{{s, faint}} }
	switch p {
	case paneAccounts:
		if n := len(m.state.Accounts); n > 1 {
			right = word(grouped(uint64(n)))
		}
		return word("Accounts"), word("F2"), right
	case paneNetwork:
		return word("Network"), word("F3"), word(either(m.state.Network.Watching == "off", "not watching", "watching"))
	case paneCall:
		return word("Call"), word("F4"), m.callHeadWord()
	case paneSide:
		return word("Events"), nil, nil
	}
	events, roam := span{"[Events]", strong}, span{" Roam", faint}
	name = word("Events")
	if m.lower.roam {
		events, roam = span{"Events ", faint}, span{"[Roam]", strong}
		name = word("Roam")
		if r, ok := m.shownRoam(); ok {
			name = word("Roam " + m.roamName(r))
			right = m.browseWord(r, p)
		}
	}
	if l.pane[paneSide].shown() && m.lower.roam {
		return name, word("F5"), right
	}
	if len(right) > 0 {
		events.text = "  " + events.text
	}
	return name, word("F5"), append(right, events, roam)
}

// browseWord says which roam of how many is shown, and the keys that turn the
// pages, to whoever is there.
func (m *model) browseWord(r phone.Roam, p pane) []span {
	n := len(m.roams.list)
	if n < 2 || p != m.panes.focused {
		return nil
	}
	keys := m.look.keyName(m.set.keys.key("older-roam")) + " " + m.look.keyName(m.set.keys.key("newer-roam"))
	return []span{{fmt.Sprintf("%d/%d ", m.roams.index(r.ID)+1, n), faint}, {keys, keycap}}
}

// callHeadWord is the number of the current call, by which Events and commands name
// it too, how many there are, and the keys that lead to the others.
func (m *model) callHeadWord() []span {
	live := liveCalls(m.state)
	at := slices.IndexFunc(live, func(c phone.Call) bool { return c.ID == m.state.Current })
	switch {
	case len(live) == 0:
		return []span{{"idle", faint}}
	case len(live) == 1:
		return []span{{fmt.Sprintf("call %d", live[0].ID), faint}}
	case at < 0:
		return []span{{grouped(uint64(len(live))) + " calls", faint}}
	}
	keys := m.look.keyName(m.set.keys.key("previous-line")) + " " + m.look.keyName(m.set.keys.key("next-line"))
	return []span{{fmt.Sprintf("call %d, %d of %d", live[at].ID, at+1, len(live)), faint}, {"  " + strings.TrimSpace(keys), keycap}}
}

// drawPane draws one pane with its border, scrolled to where it was left.
func (m *model) drawPane(a area, p pane, l layout) *tea.Cursor {
	name, key, right := m.paneHead(p, l)
	frame, here := rule, span{" ", rule}
	if p == m.panes.focused {
		frame, here = ruleFocus, span{m.look.here, ruleFocus}
		for i := range name {
			name[i].role = title
		}
	}
	head := name
	if len(key) > 0 {
		head = append(append([]span{}, key...), append([]span{{" ", faint}}, name...)...)
	}
	if here.text != " " {
		head = append([]span{here}, head...)
	}
	a.box(frame, head, right)
	in := a.inset()
	rows, from := m.paneRows(p, in.w, in.h)
	cursor := &tea.Cursor{Position: tea.Position{X: in.x, Y: in.y}, Shape: tea.CursorUnderline}
	for i := range min(in.h, len(rows)-from) {
		in.row(i, rows[from+i])
		if rows[from+i].selected && in.w > 0 {
			cursor.Position.Y = in.y + i
		}
	}
	if more := len(rows) - from - in.h; more > 0 && in.h > 0 && !m.showsEvents(p) {
		mark := " " + m.look.ellipsis + " " + grouped(uint64(more)) + " more "
		a.c.put(a.x+a.w-2-m.look.width(mark), a.y+a.h-1, a.w, mark, faint)
	}
	return cursor
}

// paneRows is a pane's content and the first row of it that shows.
func (m *model) paneRows(p pane, w, h int) (rows []row, from int) {
	switch {
	case p == paneAccounts:
		rows = m.accountRows(w)
		return rows, scrolledTo(rows, h)
	case p == paneNetwork:
		rows = m.networkRows(w)
	case p == paneCall:
		rows = m.callRows(w, h)
		return rows, scrolledTo(rows, h)
	case m.showsEvents(p):
		rows = m.eventRows(w, h+m.panes.offset[p])
		return rows, max(0, len(rows)-h-m.panes.offset[p])
	default:
		rows = m.roamRows(w, h)
	}
	return rows, clamp(m.panes.offset[p], 0, max(0, len(rows)-h))
}

// scrolledTo is the first row to show so that the selected one is in sight.
func scrolledTo(rows []row, h int) int {
	for i, r := range rows {
		if r.selected && i >= h {
			return i - h + 1
		}
	}
	return 0
}

func (m *model) showsEvents(p pane) bool {
	return p == paneSide || p == paneLower && !m.lower.roam
}

// scrollable is how far a pane can be scrolled.
func (m *model) scrollable(p pane) int {
	in := area{w: m.layout().pane[p].w, h: m.layout().pane[p].h}.inset()
	if m.showsEvents(p) {
		return max(0, len(m.eventRows(in.w, farAway))-in.h)
	}
	rows, _ := m.paneRows(p, in.w, in.h)
	return max(0, len(rows)-in.h)
}

// eventRows are the latest events, wrapped, at least enough of them to fill h
// rows.
func (m *model) eventRows(w, h int) []row {
	var rows []row
	for i := len(m.events.lines) - 1; i >= 0 && len(rows) < h; i-- {
		e := m.events.lines[i]
		at := e.at.Format(m.set.time.second)
		text := e.text
		if e.again > 0 {
			text += " (" + grouped(uint64(e.again+1)) + " times)"
		}
		var wrapped []row
		for j, line := range m.look.wrap(text, max(8, w-len(at)-1)) {
			stamp := span{at + " ", faint}
			if j > 0 {
				stamp.text = strings.Repeat(" ", len(at)+1)
			}
			wrapped = append(wrapped, row{left: []span{stamp, {line, e.role}}})
		}
		rows = append(wrapped, rows...)
	}
	return rows
}

// drawBox draws an overlay in the middle of the body.
func drawBox(c *canvas, body rect, b box) *tea.Cursor {
	if len(b.rows)+2 > body.h {
		// On a small screen the blank lines give way first.
		b.rows = slices.DeleteFunc(b.rows, func(r row) bool { return len(r.left)+len(r.right) == 0 })
		b.cursor = nil
	}
	w, h := min(b.w, c.w), min(len(b.rows)+2, body.h)
	a := c.at(rect{(c.w - w) / 2, body.y + (body.h-h)/2, w, h})
	a.fill(plain)
	right := []span{{b.right, faint}}
	if b.right == "" {
		right = nil
	}
	a.box(b.frame, []span{{b.title, title}}, right)
	for i, r := range b.rows {
		a.inset().row(i, r)
	}
	if b.cursor == nil {
		return &tea.Cursor{Position: tea.Position{X: a.x + 2, Y: a.y + 1}, Shape: tea.CursorUnderline}
	}
	return &tea.Cursor{Position: tea.Position{X: a.x + b.cursor.X, Y: a.y + b.cursor.Y}, Shape: tea.CursorBar}
}

// drawTiny is the whole state in one line, for a window too small for panes.
func (m *model) drawTiny(c *canvas) {
	words := registrationWord(m.selected(), m.now)
	if r := m.ringingCall(); r.ID != 0 {
		words = "RINGING " + who(r)
	} else if call := m.current(); call.ID != 0 {
		word, _ := m.callState(call)
		words = strings.TrimSpace(word) + " " + who(call) + " " + m.elapsed(call)
		if call.Muted {
			words = "MUTED " + words
		}
	}
	c.all().row(0, row{left: []span{{words, strong}}})
	if c.h > 1 {
		c.all().row(1, row{left: []span{{"enlarge the window; keys still work", faint}}})
	}
}
