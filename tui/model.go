package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// model is the whole interface: the engine's latest state and what only the
// user has in hand. Update changes it, View draws it; neither does I/O.
type model struct {
	set   settings
	now   time.Time
	state phone.State
	display
	lists

	picked  picked
	panes   paneState
	lower   lowerTabs
	dial    dialLine
	ring    ringing
	over    overlay // nil: none
	flash   flash
	tick    ticker
	leaving leaving
}

// display is how large the terminal is, and how it is drawn on.
type display struct {
	w, h int
	look *look
}

// lists are what has happened so far.
type lists struct {
	events eventLog
	recent recents
	roams  roamLog
}

// picked is the account that the user chose, by name, and the call in hand then:
// a later call brings its own account to the front while it lasts.
type picked struct {
	account string
	in      phone.CallID
}

// paneState is which pane has the focus, and where each one is scrolled to.
type paneState struct {
	focused pane
	zoomed  bool
	stats   bool       // the Call pane shows more statistics
	offset  [panes]int // rows from the top; Events: from the newest
	touched time.Time  // when the user last touched a pane
}

// lowerTabs is what the lower pane shows.
type lowerTabs struct {
	roam     bool // the Roam tab, otherwise Events
	auto     bool // it opened by itself and closes by itself
	closeAt  time.Time
	picked   phone.RoamID // the roam that is looked at; 0: the latest
	announce phone.RoamID // the latest roam for which the tab was opened
}

// ringing is the incoming call that waits for an answer.
type ringing struct {
	id     phone.CallID
	since  time.Time
	hidden bool // the user hid the dialog; the call keeps ringing
	silent bool
}

// flash is a short word in the dial line's row.
type flash struct {
	text  string
	until time.Time
	bad   bool
}

// leaving is the end of the program.
type leaving struct {
	since       time.Time // zero: staying
	interrupted time.Time // the last ctrl+c
}

// Times that the interface keeps.
const (
	keyGrace     = 400 * time.Millisecond // a dialog that pops up ignores keys that were meant for something else
	untouched    = 10 * time.Second       // the Roam tab opens by itself when no pane was touched for so long
	roamLinger   = 15 * time.Second       // and closes so long after a success
	flashFor     = 4 * time.Second
	leaveWithin  = 3 * time.Second // the engine gives itself two
	forceWithin  = 2 * time.Second // between two ctrl+c
	doWithin     = 5 * time.Second // for the engine to accept a command
	recentKept   = 200
	roamsKept    = 200
	farAway      = 1 << 20
	pageRows     = 10
	dialedKept   = 50
	eventsKept   = 500
	titleProgram = "ramble"
)

func newModel(set settings) *model {
	now := set.Now()
	return &model{
		set:     set,
		now:     now,
		display: display{look: newLook(set.theme, true, set.ascii)},
		panes:   paneState{focused: paneCall, touched: now.Add(-untouched)},
		dial:    dialLine{field: field{limit: 200}},
	}
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.listen(0), m.rearm()}
	if !m.set.userTheme && !m.set.NoColor {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	return tea.Batch(cmds...)
}

// apply takes the engine's latest word.
func (m *model) apply(u phone.Update) tea.Cmd {
	m.state = u.State
	m.recent.learn(u.State)
	m.roams.learn(u.State)
	for _, n := range u.Notices {
		m.events.tell(n)
	}
	m.events.tellCut(m.now)
	if u.Dropped > 0 {
		m.events.add(m.now, info, counted(uint64(u.Dropped), "line")+" left out: too much happened at once")
	}
	cmd := m.watchRinging()
	m.watchFailures(u.Notices)
	m.watchRoams()
	m.watchOverlay()
	for _, n := range u.Notices {
		if _, closed := n.What.(phone.Closed); closed && !m.leaving.since.IsZero() {
			return tea.Quit
		}
	}
	return cmd
}

// liveCalls are the calls that have not ended.
func liveCalls(s phone.State) []phone.Call {
	var live []phone.Call
	for _, c := range s.Calls {
		if c.State != phone.Ended {
			live = append(live, c)
		}
	}
	return live
}

// current is the call in hand, which is the engine's to say; ID 0 when there is
// none.
func (m *model) current() phone.Call {
	for _, c := range m.state.Calls {
		if c.ID == m.state.Current && c.State != phone.Ended {
			return c
		}
	}
	return phone.Call{}
}

// ringingCall is the incoming call that waits, the one that came first.
func (m *model) ringingCall() phone.Call {
	for _, c := range m.state.Calls {
		if c.Direction == phone.Incoming && c.State == phone.Ringing {
			return c
		}
	}
	return phone.Call{}
}

// watchRinging notes that a call begins to ring, and sounds the bell once.
func (m *model) watchRinging() tea.Cmd {
	c := m.ringingCall()
	if c.ID == m.ring.id {
		return nil
	}
	m.ring = ringing{id: c.ID, since: m.now}
	if c.ID == 0 || m.set.NoBell {
		return nil
	}
	return tea.Raw("\a")
}

// asking says that the incoming call is shown as a dialog which takes the
// keys. It never does while there is another call or text is being typed: a
// banner shows then.
func (m *model) asking() bool {
	return m.ring.id != 0 && !m.ring.hidden && !m.typing() && m.otherCall() == 0
}

// banner says that the incoming call is shown as a line instead.
func (m *model) banner() bool { return m.ring.id != 0 && !m.ring.hidden && !m.asking() }

func (m *model) otherCall() phone.CallID {
	for _, c := range liveCalls(m.state) {
		if c.ID != m.ring.id {
			return c.ID
		}
	}
	return 0
}

// typing says that keys are text now.
func (m *model) typing() bool {
	_, palette := m.over.(*palette)
	return m.dial.open || palette
}

// pick makes an account the selected one.
func (m *model) pick(name string) { m.picked = picked{name, m.current().ID} }

// selected is the account in hand: the one the user picked, that of the call,
// else the first that is enabled.
func (m *model) selected() phone.Account {
	name := m.picked.account
	if c := m.current(); name == "" || c.ID != 0 && c.ID != m.picked.in {
		name = c.Account
	}
	var first phone.Account
	for _, a := range m.state.Accounts {
		if a.Name == name {
			return a
		}
		if first.Name == "" || a.Enabled && !first.Enabled {
			first = a
		}
	}
	return first
}

// accountOf is the account of a call; without a name when there is none.
func (m *model) accountOf(c phone.Call) phone.Account {
	for _, a := range m.state.Accounts {
		if a.Name == c.Account {
			return a
		}
	}
	return phone.Account{Name: c.Account}
}

// label is an account in the fewest words, by its name in the configuration.
func (m *model) label(name string) string {
	return accountLabel(m.accountOf(phone.Call{Account: name}))
}

// situation is what the actions may look at.
func (m *model) situation() Situation {
	s := Situation{
		State:   m.state,
		Call:    m.current(),
		Ringing: m.ringingCall(),
		Account: m.selected(),
		RoamTab: m.lower.roam && m.panes.focused == paneLower,
	}
	switch {
	case s.Call.NeedsRedial:
		s.Recent = s.Call
	case s.Call.ID == 0 && m.panes.focused == paneCall:
		s.Recent = m.recent.at(m.panes.offset[paneCall])
	}
	s.asked = m.banner() || m.asking()
	return s
}

// title is the terminal's window title.
func (m *model) title() string {
	program := titleProgram
	if m.set.Title != "" {
		program += " " + m.set.Title
	}
	word := ""
	c := m.current()
	if r := m.ringingCall(); r.ID != 0 {
		word = "(ringing) " + who(r)
	} else if c.ID != 0 {
		word = "(" + stateWord(c) + ") " + who(c)
	} else if a := m.selected(); a.Name != "" {
		word = words.Address(a.URI)
	}
	if word == "" {
		return program
	}
	return clean.Text(word) + " - " + program
}
