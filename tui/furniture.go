package tui

import (
	tea "charm.land/bubbletea/v2"
)

// headerRow is the program, the account, its registration, and the address in
// use. What does not fit leaves from the middle.
func (m *model) headerRow(w int) row {
	a := m.selected()
	mark, r := m.look.registrationMark(a)
	word := registrationWord(a, m.now)
	name := []span{{" " + titleProgram, brand}}
	if m.set.Title != "" {
		name = append(name, span{" " + m.set.Title, brand})
	}
	state := []span{{"  " + mark + " ", r}, {word, r}}
	where := []span{{whereFrom(a) + " ", plain}}
	who, short := append([]span{{"  ", plain}}, accountSpans(a, strong)...), []span{{"  " + accountLabel(a), strong}}
	if a.Name == "" {
		who, short = nil, nil
	}
	fits := func(parts ...[]span) bool {
		n := 0
		for _, p := range parts {
			n += m.look.spansWidth(p)
		}
		return n+1 <= w
	}
	join := func(parts ...[]span) (all []span) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	switch {
	case fits(name, who, state, where):
		return row{left: join(name, who, state), right: where}
	case fits(name, short, state, where):
		return row{left: join(name, short, state), right: where}
	case fits(name, state, where):
		return row{left: join(name, state), right: where}
	}
	return row{left: join(name, state)}
}

// drawDial draws the dial line and, while it is open, the box over it.
func (m *model) drawDial(c *canvas, l layout) *tea.Cursor {
	at := c.at(l.dial)
	prompt := []span{{" dial", either(m.dial.open, keycap, faint)}, {"> ", either(m.dial.open, keycap, faint)}}
	if !m.dial.open {
		left := append(prompt, span{"name, number or sip:uri", faint})
		if m.flash.text != "" && m.now.Before(m.flash.until) {
			mark := either(m.flash.bad, m.look.cross, m.look.dot)
			left = []span{{" " + mark + " " + m.flash.text, either(m.flash.bad, bad, info)}}
		}
		var right []span
		if m.set.Banner != "" && m.look.spansWidth(left)+m.look.width(m.set.Banner)+2 <= at.w {
			right = []span{{m.set.Banner + " ", busy}}
		}
		at.row(0, row{left: left, right: right})
		return nil
	}
	p := m.look.spansWidth(prompt)
	text, x := m.dial.view(m.look, at.w-p-1)
	at.row(0, row{left: append(prompt, span{text, strong})})
	if rows, account := m.dialBox(); l.body.h >= 9 {
		h := len(rows) + 2
		box := c.at(rect{1, l.dial.y - h, clamp(l.body.w-2, 10, 64), h})
		box.fill(plain)
		head := []span{{"Dial", title}}
		if account != "" {
			head = append(head, span{" with ", faint}, span{account, title})
		}
		right := []span{{"ctrl+a", keycap}, {" account", faint}}
		if !m.choice() {
			right = nil
		}
		box.box(ruleFocus, head, right)
		for i, r := range rows {
			box.inset().row(i, r)
		}
	}
	return &tea.Cursor{Position: tea.Position{X: p + x, Y: l.dial.y}, Shape: tea.CursorBar, Blink: m.set.motion}
}

// keycaps are actions with their keys, as far as they can be used now.
func (m *model) keycaps(ids ...string) []span {
	var spans []span
	s := m.situation()
	for _, id := range ids {
		a := m.set.keys.action(id)
		if a.Enabled != nil && !a.Enabled(s) {
			continue
		}
		word := a.Short
		if a.short != nil {
			word = a.short(s)
		}
		if word == "" {
			word = a.Help
		}
		if len(spans) > 0 {
			spans = append(spans, span{"   ", plain})
		}
		spans = append(spans, span{m.look.keyName(m.set.keys.key(id)), keycap}, span{" " + word, plain})
	}
	return spans
}

// keyRow is the key line: what can be done now to the left, shrinking, and the
// three that always help pinned to the right.
func (m *model) keyRow() row {
	var left [][]span
	key := func(k, word string) { left = append(left, []span{{k, keycap}, {" " + word, faint}}) }
	pinned := []string{"palette", "help", "quit"}
	switch {
	case !m.leaving.since.IsZero():
		return row{left: []span{{" ending calls and registrations ", faint}, {m.look.ellipsis, faint}}}
	case m.dial.open:
		key("enter", "call")
		key("esc", "cancel")
		key("up", "earlier")
		key("tab", "suggestion")
		if m.choice() {
			key("ctrl+a", "account")
		}
		pinned = nil
	default:
		s := m.situation()
		for _, a := range m.set.keys.actions {
			if a.Short == "" || len(a.Keys) == 0 || isPinned(a.ID) || a.Enabled != nil && !a.Enabled(s) {
				continue
			}
			word := a.Short
			if a.short != nil {
				word = a.short(s)
			}
			key(m.look.keyName(a.Keys[0]), word)
		}
	}
	var right []span
	if m.w < twoColumns && len(pinned) > 0 {
		pinned = []string{"help"}
	}
	for _, id := range pinned {
		right = append(right, span{m.set.keys.key(id), keycap}, span{" " + m.set.keys.action(id).Short, faint}, span{"  ", plain})
	}
	if len(right) > 0 {
		right[len(right)-1].text = " "
	}
	return row{left: m.shrink(left, m.w-m.look.spansWidth(right)-2), right: right}
}

func isPinned(id string) bool { return id == "palette" || id == "help" || id == "quit" }

// shrink joins as many groups as fit into w columns; an ellipsis says that
// there are more.
func (m *model) shrink(groups [][]span, w int) []span {
	spans := []span{{" ", plain}}
	for i, g := range groups {
		last := i == len(groups)-1
		room := w - m.look.spansWidth(spans) - m.look.spansWidth(g)
		if room < 0 || room < 3 && !last {
			return append(spans, span{m.look.ellipsis, faint})
		}
		spans = append(append(spans, g...), span{"  ", plain})
	}
	return spans
}
