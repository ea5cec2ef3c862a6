package tui

import (
	"fmt"
	"slices"
	"strings"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// recents are the calls that have ended, latest first: those of this run, then
// those that earlier runs left in the history.
type recents struct {
	calls []phone.Call // all of them
	ours  int          // how many are of this run
}

// learn takes the ended calls out of a state; the engine forgets them after a
// while. The past is read once.
func (r *recents) learn(s phone.State) {
	if len(r.calls) == r.ours {
		for _, c := range slices.Backward(s.Past.Calls) {
			r.calls = append(r.calls, c)
		}
	}
	for _, c := range s.Calls {
		if c.State != phone.Ended {
			continue
		}
		if i := slices.IndexFunc(r.calls, func(k phone.Call) bool { return k.ID == c.ID }); i >= 0 {
			r.calls[i] = c
			continue
		}
		r.calls = slices.Insert(r.calls, 0, c)
		r.ours++
	}
	if len(r.calls) > recentKept {
		r.calls = r.calls[:recentKept]
		r.ours = min(r.ours, recentKept)
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
	if last := m.recent.at(0); last.ID > 0 && words.End(last).Bad {
		for _, line := range m.look.wrap(words.Line(endLine(last), words.End(last).Hint), w) {
			rows = append(rows, row{left: []span{{line, bad}}})
		}
		if next := words.End(last).Next; len(next) > 0 {
			rows = append(rows, m.nextRows(next, w)...)
		}
		rows = append(rows, row{})
	}
	rows = append(rows, row{left: []span{{"Recent", strong}}, right: m.missedWord()})
	columns := recentColumns{w: w}
	for _, c := range m.recent.calls {
		columns.when = max(columns.when, m.look.width(m.when(c.Started)))
		if m.choice() {
			columns.account = min(max(columns.account, m.look.width(m.label(c.Account))), accountColumn)
		}
	}
	for i, c := range m.recent.calls {
		rows = append(rows, m.recentRow(c, i == m.panes.offset[paneCall], columns))
	}
	return rows
}

// recentColumns are the widths of the list, so that what stands in it makes
// columns.
type recentColumns struct {
	w, when int
	account int // 0: there is but one
}

// missedWord counts what was missed in this run.
func (m *model) missedWord() []span {
	n := 0
	for _, c := range m.recent.calls[:m.recent.ours] {
		if missed(c) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []span{{grouped(uint64(n)) + " missed", busy}}
}

// missed: it rang here, and nobody here or elsewhere dealt with it.
func missed(c phone.Call) bool { return words.End(c).Word == "missed" }

func (m *model) recentRow(c phone.Call, selected bool, columns recentColumns) row {
	l := m.look
	mark, r := either(c.Direction == phone.Incoming, l.in, l.out), faint
	said := words.End(c)
	length := said.Word
	switch {
	case !c.Answered.IsZero() && said.Bad:
		length, r = strings.TrimSpace(said.Word+" "+short(c.Ended.Sub(c.Answered))), bad
	case !c.Answered.IsZero():
		length = short(c.Ended.Sub(c.Answered))
	case missed(c):
		r = busy
	case said.Bad:
		r = bad
	}
	here := either(selected && m.panes.focused == paneCall, l.here, " ")
	left := []span{{here + " ", info}, {mark + " ", r}, {who(c), either(selected && m.panes.focused == paneCall, chosen, plain)}}
	right := []span{{length, r}}
	if a := columns.account; a > 0 {
		const name = 16 // what a narrow list keeps of the name
		if room := columns.w - 4 - name - l.width(length) - columns.when - 5; room >= 4 {
			a = min(a, room)
			right = append(right, span{"  " + l.pad(l.fit(m.label(c.Account), a), a+1), faint})
		} else {
			left = append(left, span{"  " + m.label(c.Account), faint}) // as much of it as fits
		}
	}
	return row{left: left, right: append(right, span{fmt.Sprintf("  %*s", columns.when, m.when(c.Started)), faint}), selected: selected}
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
