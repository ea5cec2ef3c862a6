package tui

import (
	"slices"

	"ramble/internal/phone"
)

// recents are the calls of this run that have ended, latest first.
type recents struct{ calls []phone.Call }

// learn takes the ended calls out of a state; the engine forgets them after a
// while.
func (r *recents) learn(calls []phone.Call) {
	for _, c := range calls {
		if c.State != phone.Ended {
			continue
		}
		if i := slices.IndexFunc(r.calls, func(k phone.Call) bool { return k.ID == c.ID }); i >= 0 {
			r.calls[i] = c
			continue
		}
		r.calls = slices.Insert(r.calls, 0, c)
	}
	if len(r.calls) > recentKept {
		r.calls = r.calls[:recentKept]
	}
}

// at is the call in row i; ID 0 when there is none.
func (r *recents) at(i int) phone.Call {
	if i < 0 || i >= len(r.calls) {
		return phone.Call{}
	}
	return r.calls[i]
}

// idleRows is the Call pane without a call: how the last one went, and the
// recent ones.
func (m *model) idleRows(w int) []row {
	if len(m.recent.calls) == 0 {
		return append([]row{{left: []span{{"No call.", strong}}}, {}}, m.gettingStarted(w)...)
	}
	var rows []row
	if last := m.recent.at(0); last.Hint != "" || last.NeedsRedial {
		text := joined(who(last)+" "+endLine(last), last.Hint)
		if last.NeedsRedial {
			text = joined(who(last)+" lost the call", last.Hint)
		}
		for _, line := range m.look.wrap(text, w) {
			rows = append(rows, row{left: []span{{line, bad}}})
		}
		rows = append(rows, row{})
	}
	rows = append(rows, row{left: []span{{"Recent", strong}}})
	for i, c := range m.recent.calls {
		rows = append(rows, m.recentRow(c, i == m.panes.offset[paneCall]))
	}
	return rows
}

func (m *model) recentRow(c phone.Call, selected bool) row {
	l := m.look
	mark, r := either(c.Direction == phone.Incoming, l.in, l.out), faint
	length, at := "", c.Ended
	switch {
	case !c.Answered.IsZero():
		length, at = short(c.Ended.Sub(c.Answered)), c.Answered
	case c.Direction == phone.Incoming:
		length, r = "missed", busy
	default:
		length, r = status(c.Code, ""), bad
		if length == "" {
			length = "failed"
		}
	}
	here := either(selected && m.panes.focused == paneCall, l.here, " ")
	return row{
		left:     []span{{here + " ", info}, {mark + " ", r}, {who(c), either(selected && m.panes.focused == paneCall, chosen, plain)}},
		right:    []span{{length, r}, {"  " + at.Format(m.set.time.minute), faint}},
		selected: selected,
	}
}

// gettingStarted tells a newcomer what can be done now.
func (m *model) gettingStarted(w int) []row {
	rows := []row{{left: append(m.keycaps("dial"), span{" or just type a number", faint})}}
	if len(m.set.Extra) > 0 {
		rows = append(rows, row{})
		for _, a := range m.set.Extra {
			if a.Help != "" && len(a.Keys) > 0 {
				rows = append(rows, row{left: []span{{m.look.keyName(a.Keys[0]), keycap}, {" " + a.Help, faint}}})
			}
		}
	}
	return rows
}
