package tui

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// touch notes that the user is busy with the panes: nothing opens or closes by
// itself now.
func (m *model) touch() {
	m.panes.touched = m.now
	m.lower.auto, m.lower.closeAt = false, time.Time{}
}

// focusPane goes to a pane; at the lower pane it turns to the other tab.
func (m *model) focusPane(p pane) tea.Cmd {
	m.touch()
	if p == paneLower && m.panes.focused == paneLower {
		m.lower.roam, m.lower.picked = !m.lower.roam, 0
		m.panes.offset[paneLower] = 0
	}
	m.panes.focused = p
	return nil
}

func (m *model) cyclePane(step int) tea.Cmd {
	m.touch()
	order := []pane{paneAccounts, paneNetwork, paneCall, paneLower}
	if l := m.layout(); l.pane[paneSide].shown() {
		order = append(order, paneSide)
	}
	at := max(0, slices.Index(order, m.panes.focused))
	m.panes.focused = order[(at+step+len(order))%len(order)]
	return nil
}

func (m *model) toggleZoom() tea.Cmd {
	m.touch()
	m.panes.zoomed = !m.panes.zoomed
	return nil
}

func (m *model) toggleStats() tea.Cmd {
	m.touch()
	m.panes.stats = !m.panes.stats
	return nil
}

// goDown goes down n rows in the focused pane: the selected account, the recent
// call, or the scrolled text.
func (m *model) goDown(n int) tea.Cmd {
	m.touch()
	p := m.panes.focused
	switch {
	case p == paneAccounts:
		m.pickBeside(n)
	case p == paneCall && m.current().ID == 0:
		m.panes.offset[p] = clamp(m.panes.offset[p]+n, 0, max(0, len(m.recent.calls)-1))
	case p == paneCall && m.situation().lines():
		return m.switchLine(either(n > 0, 1, -1))
	default:
		if m.showsEvents(p) {
			n = -n // the newest line is at the bottom
		}
		m.panes.offset[p] = clamp(m.panes.offset[p]+n, 0, m.scrollable(p))
	}
	return nil
}

func (m *model) pickBeside(n int) {
	all := m.state.Accounts
	at := slices.IndexFunc(all, func(a phone.Account) bool { return a.Name == m.selected().Name })
	if len(all) > 0 {
		m.pick(all[clamp(at+n, 0, len(all)-1)].Name)
	}
}

// switchLine asks the engine for the next call.
func (m *model) switchLine(step int) tea.Cmd {
	live := liveCalls(m.state)
	if len(live) == 0 {
		return nil
	}
	at := slices.IndexFunc(live, func(c phone.Call) bool { return c.ID == m.state.Current })
	return m.do("focus", phone.Focus{Call: live[(at+step+len(live))%len(live)].ID})
}

// browseRoams goes to an older roam, or a newer one; the newest again follows
// what comes.
func (m *model) browseRoams(step int) tea.Cmd {
	m.touch()
	shown, _ := m.shownRoam()
	at := clamp(m.roams.index(shown.ID)+step, 0, len(m.roams.list)-1)
	m.pickRoam(m.roams.list[at].ID)
	return nil
}

// pickRoam shows a roam in the Roam tab.
func (m *model) pickRoam(id phone.RoamID) {
	m.lower.roam, m.lower.picked = true, id
	if last := m.roams.list[len(m.roams.list)-1]; last.ID == id {
		m.lower.picked = 0
	}
	m.panes.offset[paneLower] = 0
}

// back closes or hides whatever is on top.
func (m *model) back() tea.Cmd {
	switch {
	case m.banner():
		m.ring.hidden = true
	case m.panes.zoomed:
		m.panes.zoomed = false
	case m.panes.offset[m.panes.focused] != 0:
		m.panes.offset[m.panes.focused] = 0
	default:
		m.panes.focused = paneCall
	}
	return nil
}

// copy puts what one would send to somebody into the terminal's clipboard.
func (m *model) copy() tea.Cmd {
	what, text := "", ""
	c, a := m.current(), m.selected()
	if o, ok := m.over.(*errorPanel); ok {
		what, text = "the error", o.text(m)
	} else if c.SIPCallID != "" {
		what, text = "the Call-ID", c.SIPCallID
	} else if r := m.situation().Recent; r.SIPCallID != "" {
		what, text = "the Call-ID of the recent call", r.SIPCallID
	} else if a.URI != "" {
		what, text = "the address", words.Address(a.URI)
	}
	if text == "" {
		m.say("there is nothing to copy", true)
		return nil
	}
	m.say("gave "+what+" to the terminal's clipboard", false)
	return tea.SetClipboard(text)
}

// suspend stops the process, and with it the sound and every keep-alive: not
// in a call.
func (m *model) suspend() tea.Cmd {
	if len(liveCalls(m.state)) > 0 {
		m.say("in a call, which would fall silent: use another window, or :suspend!", true)
		return nil
	}
	return tea.Suspend
}

// quit leaves, after a question where calls would be lost.
func (m *model) quit() tea.Cmd {
	ask := m.set.Confirm == "always" || m.set.Confirm != "never" && len(liveCalls(m.state)) > 0
	if !ask {
		return m.leave()
	}
	m.closeDial()
	m.over = &quitAsk{}
	return nil
}

// leave asks the engine to end everything, and ends the interface when it has,
// or after a while.
func (m *model) leave() tea.Cmd {
	m.leaving.since = m.now
	return m.do("quit", phone.Quit{})
}
