package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
)

// Action is something a key does. One table of them makes the key line, the
// help, the palette, what is available when, the README and `ramble help keys`.
type Action struct {
	ID      string   // the name in [ui.keys] and, with spaces for hyphens, in the palette
	Keys    []string // as Bubble Tea writes them: "a", "alt+a", "ctrl+l", "f1", "pgup"
	Short   string   // for the key line; empty: not shown there
	Help    string   // one line
	Group   Group
	Needs   string               // said when the key is pressed and Enabled says no: "a call"
	Enabled func(Situation) bool // nil: always

	// What it does, one of these two.
	Command func(Situation) phone.Command   // asked of the engine
	Do      func(ctx context.Context) error // anything else, off the interface's goroutine

	short  func(Situation) string // Short that depends
	effect func(*model) tea.Cmd   // a change in the interface itself
}

// Group is a heading of the help.
type Group string

// The groups of the interface's own actions. Extra actions may bring others.
const (
	GroupCalls   Group = "Calls"
	GroupNetwork Group = "Registration and network"
	GroupScreen  Group = "Screen"
)

// Situation is what an action may look at: the state, and what the user has in
// hand. A Call with ID 0 and an Account without a name stand for none.
type Situation struct {
	State   phone.State
	Call    phone.Call    // the call that keys are about; never an ended one
	Ringing phone.Call    // the incoming call that waits for an answer
	Account phone.Account // the selected account
	Recent  phone.Call    // the row of Recent under the cursor, or a call that needs redialling
	RoamTab bool          // the Roam tab has the focus

	asked bool // Ringing is in front of the user: "hang up" means it
}

// InCall says that there is a call which has not ended.
func (s Situation) InCall() bool { return s.Call.ID != 0 }

func (s Situation) up() bool { return s.Call.ID != 0 && s.Call.State == phone.Up }

// speaks says that there is a call which carries or will carry our voice.
func (s Situation) speaks() bool {
	return s.InCall() && (s.Call.State == phone.Up || s.Call.Direction == phone.Outgoing)
}

func (s Situation) ringing() bool { return s.Ringing.ID != 0 }

func (s Situation) lines() bool { return len(liveCalls(s.State)) > 1 }

func (s Situation) heldByUs() bool {
	return s.Call.Held == phone.HeldLocal || s.Call.Held == phone.HeldBoth
}

// meant is the call that "hang up" is about. A ringing call that the user put
// off is not turned away when the one in hand is.
func (s Situation) meant() phone.Call {
	if s.asked || !s.InCall() {
		return s.Ringing
	}
	return s.Call
}

// again calls the peer of an earlier call. The engine knows the latest calls
// by number, and those of earlier runs; others are dialled afresh.
func (s Situation) again() phone.Command {
	if s.Recent.ID < 0 {
		return phone.Redial{Call: s.Recent.ID}
	}
	for _, c := range s.State.Calls {
		if c.ID == s.Recent.ID {
			return phone.Redial{Call: c.ID}
		}
	}
	return phone.Dial{Target: s.Recent.Peer, Account: s.Recent.Account}
}

// callActions, networkActions and screenActions are the table. Their order is
// that of the key line and the help.
func callActions() []Action {
	return []Action{
		{ID: "answer", Keys: []string{"a", "alt+a"}, Short: "answer", Help: "answer the ringing call",
			Needs: "a ringing call", Enabled: Situation.ringing,
			Command: func(s Situation) phone.Command { return phone.Answer{Call: s.Ringing.ID} }},
		{ID: "hangup", Keys: []string{"b"}, Short: "hang up", Help: "hang up, decline, cancel",
			Needs: "a call", Enabled: func(s Situation) bool { return s.InCall() || s.ringing() },
			short: hangupWord, Command: func(s Situation) phone.Command { return phone.Hangup{Call: s.meant().ID} }},
		{ID: "silence", Keys: []string{"s"}, Short: "silence", Help: "stop the ringing",
			Needs: "a ringing call", Enabled: Situation.ringing,
			Command: func(s Situation) phone.Command { return phone.Silence{Call: s.Ringing.ID} }},
		{ID: "mute", Keys: []string{"m"}, Short: "mute", Help: "mute, unmute",
			Needs: "a call", Enabled: Situation.speaks,
			short: func(s Situation) string { return either(s.Call.Muted, "unmute", "mute") },
			Command: func(s Situation) phone.Command {
				if s.Call.Muted {
					return phone.Unmute{Call: s.Call.ID}
				}
				return phone.Mute{Call: s.Call.ID}
			}},
		{ID: "hold", Keys: []string{"x"}, Short: "hold", Help: "hold, resume",
			Needs: "an answered call", Enabled: Situation.up,
			short: func(s Situation) string { return either(s.heldByUs(), "resume", "hold") },
			Command: func(s Situation) phone.Command {
				if s.heldByUs() {
					return phone.ResumeCall{Call: s.Call.ID}
				}
				return phone.HoldCall{Call: s.Call.ID}
			}},
		{ID: "keypad", Keys: []string{"#"}, Short: "keypad", Help: "keypad; a digit opens it",
			Needs: "an answered call", Enabled: Situation.up, effect: (*model).openKeypad},
		{ID: "dial", Keys: []string{"d"}, Short: "dial", Help: "dial; a digit starts it",
			effect: (*model).openDial},
		{ID: "previous-line", Keys: []string{"["}, Help: "previous call", Needs: "a second call", Enabled: Situation.lines,
			effect: func(m *model) tea.Cmd { return m.switchLine(-1) }},
		{ID: "next-line", Keys: []string{"]"}, Short: "other call", Help: "next call", Needs: "a second call", Enabled: Situation.lines,
			effect: func(m *model) tea.Cmd { return m.switchLine(1) }},
		{ID: "redial", Keys: []string{"enter"}, Short: "call again", Help: "call the last one again",
			Needs: "a recent call", Enabled: func(s Situation) bool { return s.Recent.ID != 0 }, effect: (*model).redial},
	}
}

func networkActions() []Action {
	hasAccount := func(s Situation) bool { return s.Account.Name != "" }
	return []Action{
		{ID: "register", Keys: []string{"r"}, Short: "re-register", Help: "re-register this account",
			Group: GroupNetwork, Needs: "an account", Enabled: hasAccount,
			Command: func(s Situation) phone.Command { return phone.Register{Account: s.Account.Name} }},
		{ID: "register-all", Keys: []string{"R"}, Help: "re-register all", Group: GroupNetwork,
			Needs: "an account", Enabled: hasAccount,
			Command: func(Situation) phone.Command { return phone.Register{} }},
		{ID: "unregister", Keys: []string{"u"}, Help: "unregister, register", Group: GroupNetwork,
			Needs: "an account", Enabled: hasAccount,
			short: func(s Situation) string { return either(bound(s.Account), "unregister", "register") },
			Command: func(s Situation) phone.Command {
				if bound(s.Account) {
					return phone.Unregister{Account: s.Account.Name}
				}
				return phone.Register{Account: s.Account.Name}
			}},
		{ID: "refresh", Keys: []string{"I"}, Help: "re-INVITE this call", Group: GroupNetwork,
			Needs: "an answered call", Enabled: Situation.up,
			Command: func(s Situation) phone.Command { return phone.Refresh{Call: s.Call.ID} }},
		{ID: "update", Keys: []string{"U"}, Help: "UPDATE this call", Group: GroupNetwork,
			Needs: "an answered call", Enabled: Situation.up,
			Command: func(s Situation) phone.Command { return phone.Refresh{Call: s.Call.ID, Update: true} }},
		{ID: "network-changed", Keys: []string{"N"}, Help: "act as if network changed", Group: GroupNetwork,
			Command: func(Situation) phone.Command { return phone.NetworkSign{} }},
		{ID: "restart", Keys: []string{"!"}, Help: "restart all, calls kept", Group: GroupNetwork,
			Command: func(Situation) phone.Command { return phone.Restart{} }},
	}
}

func screenActions() []Action {
	scroll := func(n int) func(*model) tea.Cmd { return func(m *model) tea.Cmd { return m.goDown(n) } }
	focus := func(p pane) func(*model) tea.Cmd { return func(m *model) tea.Cmd { return m.focusPane(p) } }
	anyRoam := func(s Situation) bool { return len(s.State.Roams)+len(s.State.Past.Roams) > 0 }
	inRoam := func(s Situation) bool { return s.RoamTab && anyRoam(s) }
	screen := []Action{
		{ID: "statistics", Keys: []string{"c"}, Help: "more statistics, or fewer", Needs: "a call",
			Enabled: Situation.InCall, effect: (*model).toggleStats},
		{ID: "accounts", Keys: []string{"f2"}, Help: "go to Accounts", effect: focus(paneAccounts)},
		{ID: "network", Keys: []string{"f3"}, Help: "go to Network", effect: focus(paneNetwork)},
		{ID: "call", Keys: []string{"f4"}, Help: "go to Call", effect: focus(paneCall)},
		{ID: "events", Keys: []string{"f5"}, Help: "go to Events, to Roam", effect: focus(paneLower)},
		{ID: "next-pane", Keys: []string{"tab"}, Help: "next pane", effect: func(m *model) tea.Cmd { return m.cyclePane(1) }},
		{ID: "previous-pane", Keys: []string{"shift+tab"}, Help: "previous pane", effect: func(m *model) tea.Cmd { return m.cyclePane(-1) }},
		{ID: "zoom", Keys: []string{"z"}, Help: "zoom the pane, or back", effect: (*model).toggleZoom},
		{ID: "up", Keys: []string{"k", "up"}, Help: "up", effect: scroll(-1)},
		{ID: "down", Keys: []string{"j", "down"}, Help: "down", effect: scroll(1)},
		{ID: "top", Keys: []string{"g", "home"}, Help: "to the top", effect: scroll(-farAway)},
		{ID: "bottom", Keys: []string{"G", "end"}, Help: "to the bottom", effect: scroll(farAway)},
		{ID: "page-up", Keys: []string{"pgup"}, Help: "a page up", effect: scroll(-pageRows)},
		{ID: "page-down", Keys: []string{"pgdown"}, Help: "a page down", effect: scroll(pageRows)},
		{ID: "older-roam", Keys: []string{"h", "left"}, Help: "older roam", Needs: "the Roam tab with a roam in it", Enabled: inRoam,
			effect: func(m *model) tea.Cmd { return m.browseRoams(-1) }},
		{ID: "newer-roam", Keys: []string{"l", "right"}, Help: "newer roam", Needs: "the Roam tab with a roam in it", Enabled: inRoam,
			effect: func(m *model) tea.Cmd { return m.browseRoams(1) }},
		{ID: "roams", Keys: []string{"H"}, Help: "list of all roams", Needs: "a roam: none was yet", Enabled: anyRoam,
			effect: (*model).openRoams},
		{ID: "copy", Keys: []string{"y"}, Help: "copy error or Call-ID", effect: (*model).copy},
		{ID: "redraw", Keys: []string{"ctrl+l"}, Help: "redraw the screen", effect: func(*model) tea.Cmd { return tea.ClearScreen }},
		{ID: "suspend", Keys: []string{"ctrl+z"}, Help: "suspend; not in a call", effect: (*model).suspend},
		{ID: "suspend!", Help: "suspend, even in a call", effect: func(*model) tea.Cmd { return tea.Suspend }},
		{ID: "back", Keys: []string{"esc"}, Help: "back, close, hide", effect: (*model).back},
		{ID: "palette", Keys: []string{":", "ctrl+p"}, Short: "commands", Help: "all commands by name", effect: (*model).openPalette},
		{ID: "help", Keys: []string{"?", "f1"}, Short: "help", Help: "this help", effect: (*model).openHelp},
		{ID: "quit", Keys: []string{"q", "ctrl+c"}, Short: "quit", Help: "quit; asks in a call", effect: (*model).quit},
	}
	for i := range screen {
		screen[i].Group = GroupScreen
	}
	return screen
}

func hangupWord(s Situation) string {
	switch c := s.meant(); {
	case c.State == phone.Up:
		return "hang up"
	case c.Direction == phone.Incoming:
		return "decline"
	}
	return "cancel"
}

// bound says that the registrar holds, or is about to hold, a binding of ours.
func bound(a phone.Account) bool {
	return a.State == phone.Registered || a.State == phone.Registering
}

func either[T any](yes bool, a, b T) T {
	if yes {
		return a
	}
	return b
}
