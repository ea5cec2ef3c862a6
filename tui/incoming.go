package tui

import (
	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// incomingKey is a key while the incoming call is asked about. Whoever was
// hitting keys when it popped up did not mean it.
func (m *model) incomingKey(s string) tea.Cmd {
	if m.now.Sub(m.ring.since) < keyGrace {
		return nil
	}
	if s == "esc" {
		m.ring.hidden = true
		return nil
	}
	a := m.set.keys.find(s)
	if a == nil {
		return nil
	}
	switch a.ID {
	case "answer", "hangup":
		return m.run(a)
	case "silence":
		m.ring.silent = true
		return m.run(a)
	case "help", "redraw":
		return m.run(a)
	}
	return nil
}

// incomingBox asks what to do with the call.
func (m *model) incomingBox(c phone.Call) box {
	to := c.Account
	for _, a := range m.state.Accounts {
		if a.Name == c.Account {
			to = words.Address(a.URI)
		}
	}
	sep := "  " + m.look.middot + "  "
	rows := []row{
		{},
		{left: []span{{who(c), strong}}},
		{left: []span{{c.Peer, plain}}},
		{left: []span{{"to " + to + sep + "ringing " + short(m.now.Sub(m.ring.since)), faint},
			{either(m.ring.silent, ", silenced", ""), faint}}},
		{},
		{left: m.keycaps("answer", "hangup", "silence")},
		{left: []span{{"esc", keycap}, {" hide, it keeps ringing", plain}}},
	}
	return box{w: clamp(m.w-8, 34, 52), title: "Incoming call", right: "ringing", frame: good, rows: rows,
		cursor: &tea.Position{X: 2, Y: 6}}
}

// bannerRow is the incoming call as one line, while there is another call or
// text is being typed.
func (m *model) bannerRow(c phone.Call) row {
	text := " " + who(c) + " is calling  "
	if m.typing() {
		return row{left: []span{{text, alarm}}, right: []span{{" alt+a answer  esc, then " +
			m.set.keys.key("hangup") + " decline ", alarm}}}
	}
	k := m.set.keys
	return row{left: []span{{text, alarm}}, right: []span{{" " + k.key("answer") + " hold and answer  " +
		k.key("hangup") + " decline  esc later ", alarm}}}
}
