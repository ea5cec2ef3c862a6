package tui

import tea "charm.land/bubbletea/v2"

// wheelRows is how far a notch of the wheel goes in text, as elsewhere.
const wheelRows = 3

// click takes the pane that it hits, unless something over the panes has the
// keys.
func (m *model) click(at tea.Mouse) {
	if at.Button != tea.MouseLeft || m.over != nil || m.asking() {
		return
	}
	if p, ok := m.paneAt(at.X, at.Y); ok {
		m.touch()
		m.panes.focused = p
	}
}

// wheel scrolls what it is over: a list that covers the panes, else the pane,
// which it takes. In a list of accounts or calls a notch is a row.
func (m *model) wheel(at tea.Mouse) tea.Cmd {
	down := at.Button == tea.MouseWheelDown
	if !down && at.Button != tea.MouseWheelUp || m.asking() {
		return nil
	}
	switch o := m.over.(type) {
	case nil:
	case *helpView, *roamsView:
		cmd, _ := o.key(m, tea.KeyPressMsg{Code: either(down, tea.KeyDown, tea.KeyUp)})
		return cmd
	default:
		return nil
	}
	p, ok := m.paneAt(at.X, at.Y)
	if !ok {
		return nil
	}
	m.panes.focused = p
	switch {
	case p == paneCall && m.situation().lines():
		m.touch()
		return nil // to turn the wheel is not to take another call in hand
	case p == paneAccounts || p == paneCall && !m.situation().InCall():
		return m.goDown(either(down, 1, -1))
	}
	return m.goDown(either(down, wheelRows, -wheelRows))
}

func (m *model) paneAt(x, y int) (pane, bool) {
	for p, r := range m.layout().pane {
		if r.shown() && x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h {
			return pane(p), true
		}
	}
	return 0, false
}
