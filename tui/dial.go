package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// dialLine is the field at the bottom where one says whom to call.
type dialLine struct {
	field
	open    bool
	history []string // dialled in this run, latest first
	back    int      // how far Up went; 0: the user's own text
	draft   string   // the user's own text while Up shows others
	pick    int      // the suggestion in hand; 0: exactly what was typed
}

// suggestion is someone to call.
type suggestion struct{ name, target, note string }

func (m *model) openDial() tea.Cmd {
	m.over = nil
	m.dial.open, m.dial.pick = true, 0
	return nil
}

// redial calls the peer of an earlier call. Where that was redirected, the new
// address stands in the dial line: nobody but who sent it vouches for it, so that
// the user sees it before it is called.
func (m *model) redial() tea.Cmd {
	s := m.situation()
	if to := s.Recent.MovedTo(); to != "" {
		m.openDial()
		m.dial.set(words.Address(to))
		return nil
	}
	return m.do("redial", s.again())
}

// dialWith opens the line with the character that was typed.
func (m *model) dialWith(s string) tea.Cmd {
	m.openDial()
	m.dial.set("")
	m.dial.insert(s)
	return nil
}

func (m *model) closeDial() {
	m.dial.open, m.dial.back, m.dial.pick = false, 0, 0
	m.dial.set("")
}

// dialKey is a key while the line is open. Keys that mean nothing here are not
// passed on: whoever is typing a number does not want a letter to hang up.
func (m *model) dialKey(k tea.KeyPressMsg) tea.Cmd {
	d := &m.dial
	switch k.String() {
	case "esc":
		m.closeDial()
	case "enter":
		return m.dialEnter()
	case "ctrl+a":
		m.nextAccount()
	case "up", "ctrl+p":
		d.recall(1)
	case "down", "ctrl+n":
		d.recall(-1)
	case "tab":
		if found := m.suggestions(); len(found) > 0 {
			d.pick = d.pick%len(found) + 1
		}
	case "shift+tab":
		if found := m.suggestions(); len(found) > 0 {
			d.pick = (d.pick + len(found)) % (len(found) + 1)
		}
	default:
		if d.key(k) {
			d.pick, d.back = 0, 0
			return nil
		}
		// Answering is worth an exception: alt+a cannot be text.
		if a := m.set.keys.find(k.String()); a != nil && a.ID == "answer" {
			return m.run(a)
		}
	}
	return nil
}

// recall walks through what was dialled before: 1 is older, -1 newer.
func (d *dialLine) recall(step int) {
	if d.back == 0 {
		d.draft = d.value()
	}
	d.back = clamp(d.back+step, 0, len(d.history))
	if d.back == 0 {
		d.set(d.draft)
		return
	}
	d.set(d.history[d.back-1])
}

// dialEnter calls. On an empty line it brings back the last target first, as
// desk phones do.
func (m *model) dialEnter() tea.Cmd {
	target := strings.TrimSpace(m.dial.value())
	if found := m.suggestions(); m.dial.pick > 0 && m.dial.pick <= len(found) {
		target = found[m.dial.pick-1].target
	}
	if target == "" {
		m.dial.recall(1)
		return nil
	}
	m.closeDial()
	return m.call(target)
}

func (m *model) call(target string) tea.Cmd {
	m.dial.history = slices.DeleteFunc(m.dial.history, func(s string) bool { return s == target })
	m.dial.history = slices.Insert(m.dial.history, 0, target)
	if len(m.dial.history) > dialedKept {
		m.dial.history = m.dial.history[:dialedKept]
	}
	return m.do("dial", phone.Dial{Target: target, Account: m.selected().Name})
}

// choice says that there is more than one account to call from.
func (m *model) choice() bool {
	n := 0
	for _, a := range m.state.Accounts {
		if a.Enabled {
			n++
		}
	}
	return n > 1
}

// nextAccount changes the account in hand to the next enabled one.
func (m *model) nextAccount() {
	all := m.state.Accounts
	at := slices.IndexFunc(all, func(a phone.Account) bool { return a.Name == m.selected().Name })
	for i := range all {
		if a := all[(at+1+i)%len(all)]; a.Enabled {
			m.pick(a.Name)
			return
		}
	}
}

// suggestions are people called lately whose name or address has what was
// typed in it; those that begin with it come first.
func (m *model) suggestions() []suggestion {
	typed := strings.ToLower(strings.TrimSpace(m.dial.value()))
	var begins, holds []suggestion
	seen := map[string]bool{}
	offer := func(s suggestion) {
		name, target := strings.ToLower(s.name), strings.ToLower(words.Address(s.target))
		if seen[target] || target == "" || target == typed {
			return
		}
		switch {
		case strings.HasPrefix(name, typed), strings.HasPrefix(target, typed):
			begins = append(begins, s)
		case strings.Contains(name, typed), strings.Contains(target, typed):
			holds = append(holds, s)
		default:
			return
		}
		seen[target] = true
	}
	for _, c := range m.recent.calls {
		offer(suggestion{c.Name, c.Peer, either(c.Direction == phone.Incoming, "called you ", "called ") + c.Started.Format(m.set.time.minute)})
	}
	for _, h := range m.dial.history {
		offer(suggestion{"", h, "dialled"})
	}
	return append(begins, holds...)
}

// dialBox is the popup over the line: with whom, and from which account.
func (m *model) dialBox() (rows []row, name string) {
	typed := strings.TrimSpace(m.dial.value())
	for i, s := range m.suggestions() {
		if i == 4 {
			break
		}
		here := i+1 == m.dial.pick
		label := []span{{either(here, m.look.here, " ") + " ", info}}
		if s.name != "" {
			label = append(label, span{s.name + "  ", either(here, chosen, plain)})
		}
		label = append(label, span{words.Address(s.target), either(s.name == "" && here, chosen, faint)})
		rows = append(rows, row{left: label, right: []span{{s.note, faint}}})
	}
	if typed != "" {
		here := m.dial.pick == 0
		note := "call what was typed"
		if a := m.selected(); !strings.ContainsAny(typed, "@:") {
			if _, domain, ok := strings.Cut(words.Address(a.URI), "@"); ok {
				note = "at " + domain
			}
		}
		rows = append(rows, row{left: []span{
			{either(here, m.look.here, " ") + " ", info}, {typed, either(here, chosen, plain)}}, right: []span{{note, faint}}})
	}
	return rows, words.Address(m.selected().URI)
}
