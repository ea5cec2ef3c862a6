package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// overlay is something over the panes that has the keys.
type overlay interface {
	// key handles a key; false passes it on to the table of actions.
	key(m *model, k tea.KeyPressMsg) (tea.Cmd, bool)
	// content is the box: its width, title, what stands right in the title, and its rows.
	content(m *model) box
}

// box is the content of an overlay. The width includes the border.
type box struct {
	w            int
	title, right string
	frame        role
	rows         []row
	cursor       *tea.Position // within the box; nil: none
}

func (m *model) openHelp() tea.Cmd {
	m.over = &helpView{}
	return nil
}

func (m *model) openKeypad() tea.Cmd {
	m.over = &keypad{call: m.current().ID, name: who(m.current())}
	return nil
}

// travel is where a key leads in a list, from at; last is its end. False: it is
// no key for that.
func travel(key string, at, last int) (to int, ok bool) {
	switch key {
	case "j", "down":
		at++
	case "k", "up":
		at--
	case "pgdown", "space":
		at += pageRows
	case "pgup":
		at -= pageRows
	case "g", "home":
		at = 0
	case "G", "end":
		at = last
	default:
		return clamp(at, 0, last), false
	}
	return clamp(at, 0, last), true
}

// watchOverlay closes what has lost its reason.
func (m *model) watchOverlay() {
	switch o := m.over.(type) {
	case *keypad:
		if c := m.current(); c.ID != o.call || c.State != phone.Up {
			m.over = nil
		}
	case *quitAsk:
		if len(liveCalls(m.state)) == 0 && m.set.Confirm != "always" {
			m.over = nil
		}
	}
}

// keypad sends every digit as it is typed.
type keypad struct {
	call phone.CallID
	name string
	sent string
}

const tones = "0123456789*#ABCD,"

// mutes: muting is wanted while one types, and hurts nobody.
func (m *model) mutes(key string) bool {
	a := m.set.keys.find(key)
	return a != nil && a.ID == "mute"
}

// letters are the digits that a to z stand on (ITU-T E.161).
const letters = "22233344455566677778889999"

func (o *keypad) key(m *model, k tea.KeyPressMsg) (tea.Cmd, bool) {
	s := k.String()
	switch {
	case s == "esc" || s == "enter":
		m.over = nil
		return nil, true
	case len(s) == 1 && strings.Contains(tones, s):
		return o.send(m, s), true
	case len(s) == 1 && s[0] >= 'a' && s[0] <= 'z' && !m.mutes(s):
		return o.send(m, string(letters[s[0]-'a'])), true
	}
	return nil, false
}

// send plays digits; whatever else a paste holds is left out.
func (o *keypad) send(m *model, s string) tea.Cmd {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(tones, r) {
			return r
		}
		return -1
	}, s)
	if digits == "" {
		return nil
	}
	o.sent += digits
	return m.do("keypad", phone.SendDTMF{Call: o.call, Digits: digits})
}

func (o *keypad) content(m *model) box {
	sent := o.sent
	if cut := len(sent) - 28; cut > 0 {
		sent = sent[cut:]
	}
	rows := []row{
		{left: []span{{"sent  ", faint}, {strings.Join(strings.Split(sent, ""), ""), strong}}},
		{},
	}
	for _, line := range []string{"1       2 abc   3 def", "4 ghi   5 jkl   6 mno", "7 pqrs  8 tuv   9 wxyz", "*       0       #"} {
		rows = append(rows, row{left: []span{{"   " + line, plain}}})
	}
	rows = append(rows, row{}, row{left: []span{{", waits a second   A-D with shift", faint}}})
	return box{w: 42, title: "Keypad: " + o.name, right: "esc leaves", frame: ruleFocus, rows: rows,
		cursor: &tea.Position{X: 8 + len(sent), Y: 1}}
}

// quitAsk asks before calls are hung up.
type quitAsk struct{}

func (o *quitAsk) key(m *model, k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch k.String() {
	case "y", "Y":
		m.over = nil
		return m.leave(), true
	case "n", "N", "esc", "q":
		m.over = nil
	}
	return nil, true
}

func (o *quitAsk) content(m *model) box {
	live := liveCalls(m.state)
	text := "Quit?"
	if len(live) == 1 {
		text = fmt.Sprintf("You are in a call with %s (%s).", m.look.fit(who(live[0]), 24), m.elapsed(live[0]))
	} else if len(live) > 1 {
		text = fmt.Sprintf("You are in %d calls.", len(live))
	}
	yes := either(len(live) > 0, "hang up and quit", "quit")
	rows := []row{{left: []span{{text, strong}}}, {}, {left: []span{
		{"y", keycap}, {" " + yes + "   ", plain}, {"n", keycap}, {" stay", plain}}}}
	return box{w: max(50, m.look.width(text)+4), title: "Quit?", frame: ruleFocus, rows: rows, cursor: &tea.Position{X: 2, Y: 3}}
}

// errorPanel explains a failure. It takes esc only: every other key does what
// it always does, and closes it.
type errorPanel struct {
	title  string
	status string
	hint   string
	next   []string // action ids
	call   phone.CallID
}

func (o *errorPanel) key(m *model, k tea.KeyPressMsg) (tea.Cmd, bool) {
	if a := m.set.keys.find(k.String()); a != nil && a.ID == "copy" {
		return m.copy(), true
	}
	m.over = nil
	return nil, k.String() == "esc"
}

func (o *errorPanel) content(m *model) box {
	w := clamp(m.w-8, 30, 60)
	var rows []row
	for _, line := range m.look.wrap(o.status, w-4) {
		rows = append(rows, row{left: []span{{line, bad}}})
	}
	rows = append(rows, row{})
	for _, line := range m.look.wrap(o.hint, w-4) {
		rows = append(rows, row{left: []span{{line, plain}}})
	}
	if o.hint != "" {
		rows = append(rows, row{})
	}
	next := append([]span{{"Next  ", faint}}, m.keycaps(o.next...)...)
	rows = append(rows, row{left: next})
	return box{w: w, title: o.title, right: "esc closes", frame: bad, rows: rows}
}

// text is the report that "copy" copies.
func (o *errorPanel) text(m *model) string {
	return strings.TrimSpace(fmt.Sprintf("%s\n%s\n%s\nramble %s", o.title, o.status, o.hint, m.set.Version))
}

// watchFailures opens the panel when a registration was refused or an outgoing
// call failed for a reason that the user can do something about.
func (m *model) watchFailures(notices []phone.Notice) {
	for _, n := range notices {
		switch what := n.What.(type) {
		case phone.RegistrationChanged:
			if a := what.Account; a.State == phone.RegistrationRefused {
				why, hint := words.Registration(a)
				m.fail(&errorPanel{title: "Cannot register " + a.Name, hint: hint, next: []string{"register", "copy"},
					status: joinedWith(words.Bare(why), "; asked was ", a.Server)})
			}
		case phone.CallChanged:
			c := what.Call
			said := words.End(c)
			if c.State == phone.Ended && c.Direction == phone.Outgoing && c.Answered.IsZero() && said.Hint != "" {
				m.fail(&errorPanel{title: "Cannot call " + who(c), hint: said.Hint, next: []string{"redial", "copy"},
					status: said.Text, call: c.ID})
			}
		}
	}
}

// fail shows the panel unless something else has the screen: then the event
// line has to do.
func (m *model) fail(o *errorPanel) {
	if _, replace := m.over.(*errorPanel); m.over == nil || replace {
		m.over = o
	}
}

func joinedWith(a, sep, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + sep + b
}
