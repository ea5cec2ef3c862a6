package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"ramble/internal/leaf/phone"
)

// scenes are the states that are drawn, each reached the way a user would.
func scenes() map[string]func(*hand) {
	rec := func(d *hand) { d.show(inCall(), history()...); d.show(recovering()) }
	return map[string]func(*hand){
		"first start": func(d *hand) { d.show(idle(), history()[:2]...) },
		"idle": func(d *hand) {
			d.show(idle(), history()[:2]...)
			missed, out, busy := carol(), bob(), bob()
			missed.State, missed.Ended = phone.Ended, noon.Add(-40*time.Minute)
			out.State, out.Ended, out.ID = phone.Ended, noon, 3
			busy.State, busy.Ended, busy.ID, busy.Answered, busy.Code, busy.Reason = phone.Ended, noon.Add(-10*time.Minute), 4, time.Time{}, 486, "Busy Here"
			busy.Name = ""
			s := idle()
			s.Calls = []phone.Call{missed, busy, out}
			d.show(s)
		},
		"incoming": func(d *hand) { d.show(incoming(), history()[:2]...); d.after(6 * time.Second) },
		"calling": func(d *hand) {
			s := inCall()
			s.Calls[0].State, s.Calls[0].Answered = phone.Ringing, time.Time{}
			d.show(s)
		},
		"in call":                 func(d *hand) { d.show(inCall(), history()...) },
		"in call with statistics": func(d *hand) { d.show(inCall(), history()...); d.press("c") },
		"muted and held": func(d *hand) {
			s := inCall()
			s.Calls[0].Muted, s.Calls[0].Held = true, phone.HeldLocal
			d.show(s, history()...)
		},
		"call waiting": func(d *hand) {
			s := inCall()
			s.Calls = append(s.Calls, carol())
			d.show(s, history()...)
		},
		"two calls": func(d *hand) {
			s := inCall()
			c := carol()
			c.State, c.Answered = phone.Up, noon.Add(-12*time.Second)
			s.Calls[0].Held = phone.HeldLocal
			s.Calls = append(s.Calls, c)
			d.show(s, history()...)
			d.press("]")
		},
		"recovering":  rec,
		"recovered":   func(d *hand) { rec(d); d.show(recoveredState()) },
		"no network":  func(d *hand) { d.show(inCall(), history()...); d.show(noNetwork()) },
		"roam failed": func(d *hand) { rec(d); d.show(failedState()) },
		"roam of two calls": func(d *hand) {
			rec(d)
			s := recoveredState()
			s.Calls = append(s.Calls, carol())
			s.Roams[0].Calls = append(s.Roams[0].Calls, phone.RoamCall{Call: 2, Peer: "sip:carol@example.net", Name: "Carol Example"})
			d.show(s)
		},
		"from earlier runs": func(d *hand) {
			s := idle()
			s.Past = past()
			d.show(s, history()[:2]...)
		},
		"roam of an earlier run": func(d *hand) {
			s := idle()
			s.Past = past()
			d.show(s)
			d.press("f5", "f5", "h")
		},
		"roams": func(d *hand) {
			s := recoveredState()
			s.Past = past()
			d.show(s, history()...)
			d.press("H", "j")
		},
		"two accounts":          func(d *hand) { d.show(twoAccounts()) },
		"roams of two accounts": func(d *hand) { d.show(twoAccounts()); d.press("H", "j") },
		"refused": func(d *hand) {
			d.show(refused(), phone.Notice{At: noon, What: phone.RegistrationChanged{Account: refused().Accounts[0]}})
		},
		"not listed": func(d *hand) {
			s := idle()
			s.Accounts[0].Warnings.Unlisted = true
			d.show(s, phone.Notice{At: noon, What: phone.RegistrationChanged{Account: s.Accounts[0]}},
				phone.Notice{At: noon, What: phone.Said{Level: phone.Warn, News: phone.News{Kind: phone.Unlisted, Account: "alice"}}})
		},
		"help":    func(d *hand) { d.show(inCall(), history()...); d.press("?") },
		"keypad":  func(d *hand) { d.show(inCall(), history()...); d.press("1", "2", "#") },
		"quit":    func(d *hand) { d.show(inCall(), history()...); d.press("q") },
		"palette": func(d *hand) { d.show(inCall(), history()...); d.press(":", "r", "e") },
		"dialling": func(d *hand) {
			s := inCall()
			s.Calls[0].State, s.Calls[0].Ended = phone.Ended, noon
			d.show(s, history()...)
			d.press("d", "b", "o", "b")
		},
		"twelve ends": showEnds,
		"error flash": func(d *hand) { d.show(idle()); d.press("m") },
	}
}

var bigSizes = [][2]int{{80, 24}, {120, 36}}

func screen(d *hand) string {
	var b strings.Builder
	for line := range strings.Lines(ansi.Strip(d.m.View().Content)) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func TestScreens(t *testing.T) {
	more := map[string][][2]int{
		"idle":                   {{100, 30}, {50, 20}, {200, 60}},
		"in call":                {{100, 30}, {50, 20}, {40, 10}, {200, 60}, {39, 9}},
		"recovering":             {{100, 30}, {50, 20}, {200, 60}, {60, 44}},
		"incoming":               {{50, 20}, {40, 10}},
		"help":                   {{50, 20}},
		"recovered":              {{50, 20}, {40, 10}, {200, 60}},
		"roam failed":            {{50, 20}, {40, 10}, {200, 60}},
		"roams":                  {{50, 20}, {40, 10}, {200, 60}},
		"roam of an earlier run": {{50, 20}},
		"two accounts":           {{50, 20}},
		"roams of two accounts":  {{50, 20}},
		"from earlier runs":      {{50, 20}},
	}
	for name, scene := range scenes() {
		for _, size := range append(bigSizes, more[name]...) {
			t.Run(fmt.Sprintf("%s %dx%d", name, size[0], size[1]), func(t *testing.T) {
				d := newHand(t, size[0], size[1], nil)
				scene(d)
				golden.RequireEqual(t, screen(d))
			})
		}
	}
}

func TestScreensInOtherLooks(t *testing.T) {
	t.Run("ASCII while recovering", func(t *testing.T) {
		d := newHand(t, 80, 24, func(o *Options) { o.ASCII = "on" })
		scenes()["recovering"](d)
		golden.RequireEqual(t, screen(d))
	})
	t.Run("without motion", func(t *testing.T) {
		d := newHand(t, 80, 24, func(o *Options) { o.Motion = "off" })
		scenes()["in call"](d)
		golden.RequireEqual(t, screen(d))
	})
	t.Run("12 hours and a banner", func(t *testing.T) {
		d := newHand(t, 80, 24, func(o *Options) {
			o.Time, o.Title, o.Banner = "12h", "demo", "demo: nothing leaves this machine"
			o.Extra = []Action{{ID: "walk", Keys: []string{"w"}, Short: "walk", Help: "walk to the next network", Group: "Demo"}}
		})
		scenes()["first start"](d)
		golden.RequireEqual(t, screen(d))
	})
}
