package tui

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ramble/internal/leaf/phone"
)

func TestRoamTab(t *testing.T) {
	t.Run("opens itself when a roam starts and closes 15 s after its success", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		d.sees("[Events]")
		d.show(recovering())
		d.sees("[Roam]", "Roam #3")
		d.show(recoveredState())
		d.sees("Recovered in 614 ms", "gap in 61 ms, out 20 ms, 3 packets lost")
		d.after(roamLinger - time.Second)
		d.sees("[Roam]")
		d.after(time.Second)
		d.sees("[Events]")
	})
	t.Run("opens itself for a roam that was over before it could be drawn", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		d.show(recoveredState())
		d.sees("[Roam]", "Recovered in 614 ms")
		d.after(roamLinger)
		d.sees("[Events]")
	})
	t.Run("does not open under the hands of the user", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		d.press("tab")
		d.after(untouched - time.Second)
		d.show(recovering())
		d.sees("[Events]")
	})
	t.Run("stays when the user has looked into it", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		d.show(recovering())
		d.press("f5")
		d.show(recoveredState())
		d.after(time.Minute)
		d.sees("[Roam]")
	})
	t.Run("a failure stays", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		s := recovering()
		d.show(s)
		s.Roams[0].Phase, s.Roams[0].Failures = phone.RoamFailed, said("the re-INVITE timed out after 3 tries; it is tried again")
		d.show(s)
		d.after(time.Minute)
		d.sees("[Roam]", "the re-INVITE timed out")
	})
	t.Run("left and right walk through the roams", func(t *testing.T) {
		s := recoveredState()
		older := s.Roams[0]
		older.ID, older.To = 2, "wlan0 192.168.1.23"
		s.Roams = []phone.Roam{older, s.Roams[0]}
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.press("f5", "left")
		d.sees("Roam #2")
		d.press("right", "right")
		d.sees("Roam #3")
	})
}

func TestPanes(t *testing.T) {
	t.Run("tab and the F keys move the focus, z zooms, esc comes back", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		d.sees("▸F4 Call")
		d.press("tab")
		d.sees("▸F5 Events")
		d.press("f3", "z")
		d.sees("▸F3 Network")
		d.seesNot("Accounts")
		d.press("esc", "shift+tab")
		d.sees("▸F2 Accounts")
	})
	t.Run("j and k choose the account that r is about", func(t *testing.T) {
		s := idle()
		s.Accounts[1].Enabled = true
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.press("f2", "j", "r")
		d.wants(phone.Register{Account: "lab"})
		d.press("k", "r")
		d.wants(phone.Register{Account: "alice"})
	})
	t.Run("ctrl+a in the dial line changes the account", func(t *testing.T) {
		s := idle()
		s.Accounts[1].Enabled = true
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.press("d", "ctrl+a", "b")
		d.sees("Dial with lab@10.0.0.5")
		d.press("enter")
		d.wants(phone.Dial{Target: "b", Account: "lab"})
	})
	t.Run("events scroll back", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		var n []phone.Notice
		for i := range 40 {
			n = append(n, phone.Notice{At: noon, What: phone.Said{News: phone.News{Kind: phone.Remarked, Text: fmt.Sprintf("event %d of it", i)}}})
		}
		d.show(idle(), n...)
		d.sees("event 39 of it")
		d.press("f5", "g")
		d.sees("event 0 of it")
		d.press("G")
		d.sees("event 39 of it")
	})
	t.Run("enter on a recent call dials it again, after the engine forgot it", func(t *testing.T) {
		s := inCall()
		s.Calls[0].State, s.Calls[0].Ended = phone.Ended, noon
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.press("enter")
		d.wants(phone.Redial{Call: 1})
		d.show(idle())
		d.press("enter")
		d.wants(phone.Dial{Target: "sip:bob@example.com", Account: "alice"})
	})
	t.Run("enter on a call that was redirected shows the new address in the dial line", func(t *testing.T) {
		s := inCall()
		s.Calls[0].State, s.Calls[0].Answered, s.Calls[0].Ended = phone.Ended, time.Time{}, noon
		s.Calls[0].End = phone.End{By: phone.ByServer, In: phone.Trying, Cause: phone.RequestFailed, Code: 302,
			Fault: phone.Fault{Kind: phone.FaultRedirect, Method: "INVITE", Code: 302, Name: "sip:bob@new.example.com"}}
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.press("enter")
		d.sees("bob@new.example.com")
		d.wants()
		d.press("enter")
		d.wants(phone.Dial{Target: "bob@new.example.com", Account: "alice"})
	})
	t.Run("a key without its call says what it needs", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(idle())
		d.press("b")
		d.sees("hang up needs a call")
		d.wants()
	})
	t.Run("] asks the engine for the other call, and the next key means it", func(t *testing.T) {
		s := inCall()
		c := carol()
		c.State, c.Answered = phone.Up, noon
		s.Calls[0].Held = phone.HeldLocal
		s.Calls, s.Current = append(s.Calls, c), 2
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.press("b")
		d.wants(phone.Hangup{Call: 2})
		d.doer.reply.Call = 1
		d.press("]", "x")
		d.wants(phone.Focus{Call: 1}, phone.ResumeCall{Call: 1})
	})
	t.Run("suggestions come from recent calls, tab takes one", func(t *testing.T) {
		s := inCall()
		s.Calls[0].State, s.Calls[0].Ended = phone.Ended, noon
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.press("d", "b", "o", "tab")
		d.sees("▸ Bob Example")
		d.press("enter")
		d.wants(phone.Dial{Target: "sip:bob@example.com", Account: "alice"})
	})
}

func TestEventsSayWhatChanged(t *testing.T) {
	change := func(f func(*phone.Call)) phone.Notice {
		c := bob()
		f(&c)
		return phone.Notice{At: noon, What: phone.CallChanged{Call: c}}
	}
	for _, tc := range []struct {
		name string
		n    phone.Notice
		want string
	}{
		{"hold", change(func(c *phone.Call) { c.Held = phone.HeldLocal }), "Bob Example is on hold"},
		{"held by the other side", change(func(c *phone.Call) { c.Held = phone.HeldRemote }), "Bob Example put you on hold"},
		{"mute", change(func(c *phone.Call) { c.Muted = true }), "microphone muted"},
		{"lost", change(func(c *phone.Call) {
			c.State, c.Ended, c.End = phone.Ended, noon, phone.End{By: phone.ByPeer, In: phone.Up, Cause: phone.LostToPeer, Code: 481}
		}), "the call with Bob Example ended after 02:14: the other side no longer knows the call (481). Call again to go on"},
		{"ended", change(func(c *phone.Call) { c.State, c.Ended, c.Reason = phone.Ended, noon, "the other side hung up" }),
			"the call with Bob Example ended after 02:14: the other side hung up"},
		{"roam done", phone.Notice{At: noon, What: phone.RoamChanged{Roam: recoveredState().Roams[0]}},
			"roam 3 recovered in 614 ms; gap in 61 ms, out 20 ms, 3 packets lost"},
		{"final report", phone.Notice{At: noon, What: phone.MediaReport{Media: bob().Media, Final: true}},
			"sound: 6 702 out, 6 698 packets in, 0.1% lost, MOS 4.3"},
		{"network", phone.Notice{At: noon, What: phone.NetworkChanged{Network: recovering().Network}}, "network: address lost, default route moved"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newHand(t, 160, 36, nil)
			d.show(inCall(), phone.Notice{At: noon, What: phone.CallChanged{Call: bob()}}, tc.n)
			last := d.m.events.lines[len(d.m.events.lines)-1]
			if last.text != tc.want {
				t.Fatalf("got %q, want %q", last.text, tc.want)
			}
		})
	}
	cut := func(calls ...phone.Call) (s phone.State, list []phone.Notice) {
		s = noNetwork()
		s.Calls = calls
		for _, c := range calls {
			list = append(list, phone.Notice{At: noon, What: phone.CallChanged{Call: c}})
		}
		for i := range calls {
			s.Calls[i].KeepUntil = noon.Add(45 * time.Second)
			list = append(list, phone.Notice{At: noon, What: phone.CallChanged{Call: s.Calls[i]}})
		}
		return s, list
	}
	t.Run("that calls are kept without a network is told once it lasts, as of when it began", func(t *testing.T) {
		other := carol()
		other.State, other.Answered = phone.Up, noon
		for want, calls := range map[string][]phone.Call{
			"no network: the call with Bob Example is kept for 45 s": {bob()},
			"no network: 2 calls are kept for 45 s":                  {bob(), other},
		} {
			d := newHand(t, 160, 36, nil)
			s, list := cut(calls...)
			d.show(s, list...)
			if l := d.m.events.lines; strings.Contains(l[len(l)-1].text, "kept") {
				t.Fatalf("told at once: %q", l[len(l)-1].text)
			}
			d.after(cutFor)
			d.show(s)
			if l := d.m.events.lines[len(d.m.events.lines)-1]; l.text != want || !l.at.Equal(noon) {
				t.Errorf("%s %q, want %q", l.at, l.text, want)
			}
		}
	})
	t.Run("where another uplink takes over at once, nothing is said of keeping", func(t *testing.T) {
		d := newHand(t, 160, 36, nil)
		s, list := cut(bob())
		d.show(s, list...)
		d.after(cutFor / 2)
		d.show(inCall(), phone.Notice{At: d.now, What: phone.CallChanged{Call: bob()}})
		d.after(time.Minute)
		d.show(inCall())
		for _, l := range d.m.events.lines {
			if strings.Contains(l.text, "kept") {
				t.Errorf("told %q", l.text)
			}
		}
	})
	t.Run("a registered account whose server falls silent is told of", func(t *testing.T) {
		d := newHand(t, 160, 36, nil)
		a := idle().Accounts[0]
		silent := a
		silent.State, silent.Trying = phone.Registering, phone.Trial{Server: "203.0.113.10:5060", Since: noon}
		d.show(idle(), phone.Notice{At: noon, What: phone.RegistrationChanged{Account: a}}, phone.Notice{At: noon, What: phone.RegistrationChanged{Account: silent}})
		if l := d.m.events.lines; !strings.Contains(l[len(l)-1].text, "the server does not answer, it is asked again") {
			t.Errorf("told %q", l[len(l)-1].text)
		}
	})
	t.Run("a change is told once, and the first look at the network is none", func(t *testing.T) {
		d := newHand(t, 160, 36, nil)
		first := phone.Network{Changed: noon, Why: []phone.Fact{{Kind: phone.FirstLook}}}
		d.show(idle(), phone.Notice{At: noon, What: phone.NetworkChanged{Network: first}},
			phone.Notice{At: noon, What: phone.RoamChanged{Roam: recovering().Roams[0]}},
			phone.Notice{At: noon, What: phone.NetworkChanged{Network: recovering().Network}})
		if l := d.m.events.lines; len(l) != 1 || l[0].text != "roam 3: address lost, default route moved" {
			t.Fatalf("told %v", l)
		}
	})
	t.Run("one change of the network writes two lines, and an alarm is none of them", func(t *testing.T) {
		d := newHand(t, 160, 36, nil)
		began, over := recovering().Roams[0], recoveredState().Roams[0]
		away, back := alice(), alice()
		away.State, away.Roaming = phone.NoNetwork, true
		back.Contact, back.Source = "sip:alice@172.20.10.4:5060", netip.MustParseAddr("172.20.10.4")
		repaired := bob()
		repaired.Recovering = true
		step := over.Steps[0]
		d.show(inCall(), phone.Notice{At: noon, What: phone.RegistrationChanged{Account: alice()}}, phone.Notice{At: noon, What: phone.CallChanged{Call: bob()}})
		before := len(d.m.events.lines)
		d.show(inCall(), phone.Notice{At: noon, What: phone.RegistrationChanged{Account: away}}, phone.Notice{At: noon, What: phone.RoamChanged{Roam: began}},
			phone.Notice{At: noon, What: phone.RoamChanged{Roam: began, Step: &step}}, phone.Notice{At: noon, What: phone.CallChanged{Call: repaired}},
			phone.Notice{At: noon, What: phone.NetworkChanged{Network: recovering().Network}}, phone.Notice{At: noon, What: phone.RoamChanged{Roam: began}},
			phone.Notice{At: noon, What: phone.RoamChanged{Roam: over}}, phone.Notice{At: noon, What: phone.CallChanged{Call: bob()}},
			phone.Notice{At: noon, What: phone.RegistrationChanged{Account: back}})
		lines := d.m.events.lines[before:]
		if len(lines) != 2 || lines[0].text != "roam 3: address lost, default route moved" || !strings.Contains(lines[1].text, "roam 3 recovered in 614 ms") {
			t.Fatalf("told %v", lines)
		}
		for _, l := range lines {
			if l.role == bad || l.role == busy {
				t.Errorf("%q alarms, and nothing was lost", l.text)
			}
		}
	})
	t.Run("a call that was hung up midway was not recovered", func(t *testing.T) {
		d := newHand(t, 160, 36, nil)
		r := recoveredState().Roams[0]
		r.Calls = []phone.RoamCall{{Call: 1, HungUp: true, Name: "Bob Example"}}
		d.show(idle(), phone.Notice{At: noon, What: phone.RoamChanged{Roam: r}})
		if last := d.m.events.lines[len(d.m.events.lines)-1]; last.text != "roam 3 done after 614 ms; hung up before it was whole" {
			t.Errorf("told %q", last.text)
		}
	})
	t.Run("a quiet refresh of a registration is not told", func(t *testing.T) {
		d := newHand(t, 160, 36, nil)
		a := alice()
		b := a
		b.State = phone.Registering
		for range 3 {
			d.show(idle(), phone.Notice{At: noon, What: phone.RegistrationChanged{Account: a}},
				phone.Notice{At: noon, What: phone.RegistrationChanged{Account: b}})
		}
		if len(d.m.events.lines) != 1 {
			t.Fatalf("told %v", d.m.events.lines)
		}
	})
	t.Run("the same line again is counted", func(t *testing.T) {
		d := newHand(t, 160, 36, nil)
		n := phone.Notice{At: noon, What: phone.Said{News: phone.News{Kind: phone.Remarked, Text: "the door bell"}}}
		d.show(idle(), n, n, n)
		d.sees("the door bell (3 times)")
	})
}

// TestTheAccountInHand is that of the call, unless another was picked since.
func TestTheAccountInHand(t *testing.T) {
	s := inCall()
	s.Accounts[1].Enabled = true
	s.Calls[0].Account = s.Accounts[1].Name
	d := newHand(t, 80, 24, nil)
	d.show(s)
	in := func(want int) {
		t.Helper()
		if got := d.m.selected().Name; got != s.Accounts[want].Name {
			t.Errorf("in hand is %s, want %s", got, s.Accounts[want].Name)
		}
	}
	in(1)
	d.press("f2", "k")
	in(0) // picked in this very call
	second := carol()
	second.State, second.Answered, second.Account = phone.Up, noon, s.Accounts[1].Name
	s.Calls, s.Current = append(s.Calls, second), second.ID
	d.show(s)
	in(1) // a later call brings its own
	s.Calls, s.Current = nil, 0
	d.show(s)
	in(0)
}

// TestACallThatNobodyHears: a server that keeps silent is not shown as registered
// and nothing more while a call goes out.
func TestACallThatNobodyHears(t *testing.T) {
	for _, size := range [][2]int{{50, 20}, {80, 24}, {120, 36}} {
		s := inCall()
		s.Calls[0].State, s.Calls[0].Answered, s.Calls[0].Started = phone.Dialing, time.Time{}, noon.Add(-57*time.Second)
		s.Accounts[0].State = phone.Registering
		s.Accounts[0].Trying = phone.Trial{Server: "203.0.113.10:5060", Since: noon.Add(-57 * time.Second)}
		d := newHand(t, size[0], size[1], nil)
		d.now = noon
		d.show(s)
		d.sees("not answered")
		d.seesNot("registered  ")
	}
}

// TestAnAccountIsCalledByItsName, where the configuration gives it one that says
// something.
func TestAnAccountIsCalledByItsName(t *testing.T) {
	for name, want := range map[string]string{"work": "work", "alice": "alice@example.com", "": "alice@example.com"} {
		a := phone.Account{Name: name, URI: "sip:alice@example.com"}
		if got := accountLabel(a); got != want {
			t.Errorf("%q is called %q, want %q", name, got, want)
		}
	}
}
