package tui

import (
	"fmt"
	"testing"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
)

func TestMouse(t *testing.T) {
	at := func(d *hand, p pane, b tea.MouseButton) tea.Mouse {
		r := d.m.layout().pane[p]
		return tea.Mouse{X: r.x + 1, Y: r.y + 1, Button: b}
	}
	t.Run("is the terminal's own where it is switched off", func(t *testing.T) {
		for _, on := range []bool{true, false} {
			d := newHand(t, 80, 24, func(o *Options) { o.Mouse = on })
			if got := d.m.View().MouseMode != tea.MouseModeNone; got != on {
				t.Errorf("mouse %v: the terminal is asked for it: %v", on, got)
			}
		}
	})
	t.Run("a click takes the pane, and turns no tab", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(idle())
		for _, p := range []pane{paneAccounts, paneNetwork, paneLower, paneLower, paneCall} {
			d.send(tea.MouseClickMsg(at(d, p, tea.MouseLeft)))
			if d.m.panes.focused != p || d.m.lower.roam {
				t.Fatalf("a click on pane %d: pane %d has the focus", p, d.m.panes.focused)
			}
		}
		d.send(tea.MouseClickMsg(at(d, paneNetwork, tea.MouseRight)))
		if d.m.panes.focused != paneCall {
			t.Fatal("the right button took a pane")
		}
	})
	t.Run("the wheel scrolls what it is over", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		var n []phone.Notice
		for i := range 40 {
			n = append(n, phone.Notice{At: noon, What: phone.Said{News: phone.News{Kind: phone.Remarked, Text: fmt.Sprintf("event %02d", i)}}})
		}
		d.show(idle(), n...)
		for range 20 {
			d.send(tea.MouseWheelMsg(at(d, paneLower, tea.MouseWheelUp)))
		}
		d.sees("event 00")
		for range 20 {
			d.send(tea.MouseWheelMsg(at(d, paneLower, tea.MouseWheelDown)))
		}
		d.sees("event 39")
		d.send(tea.MouseWheelMsg(at(d, paneAccounts, tea.MouseWheelDown)))
		if d.m.picked.account != "lab" {
			t.Fatalf("the account in hand is %q", d.m.picked.account)
		}
	})
	t.Run("never changes the call in hand, nor what a dialog asks", func(t *testing.T) {
		s := inCall()
		c := carol()
		c.State = phone.Up
		s.Calls = append(s.Calls, c)
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.send(tea.MouseWheelMsg(at(d, paneCall, tea.MouseWheelDown)))
		d.wants()
		d.press("q")
		d.send(tea.MouseWheelMsg(at(d, paneLower, tea.MouseWheelDown)))
		d.send(tea.MouseClickMsg(at(d, paneLower, tea.MouseLeft)))
		d.sees("Quit?")
		if d.m.panes.focused == paneLower {
			t.Fatal("a pane under the dialog took the click")
		}
	})
}
