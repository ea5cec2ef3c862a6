package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

func withPast(s phone.State) phone.State {
	s.Past = past()
	return s
}

func TestRoamsOfEarlierRunsCanBeBrowsed(t *testing.T) {
	d := newHand(t, 80, 24, nil)
	d.show(withPast(idle()))
	d.press("h")
	if !strings.Contains(screen(d), "older roam needs the Roam tab") {
		t.Errorf("h does something outside of the Roam tab:\n%s", screen(d))
	}
	d.press("f5", "f5")
	shown := func() phone.RoamID { r, _ := d.m.shownRoam(); return r.ID }
	if shown() != -1 {
		t.Errorf("the latest is not shown first, but %d", shown())
	}
	for _, step := range []struct {
		key  string
		want phone.RoamID
	}{{"h", -2}, {"h", -3}, {"h", -4}, {"h", -4}, {"l", -3}, {"left", -4}, {"right", -3}} {
		if d.press(step.key); shown() != step.want {
			t.Fatalf("%s shows roam %d, want %d", step.key, shown(), step.want)
		}
	}
	// A new roam is looked at by whoever looked at the latest; the one in hand stays.
	s := withPast(recoveredState())
	if d.show(s); shown() != -3 {
		t.Errorf("a new roam took the page away: %d", shown())
	}
	d.press("l", "l", "l")
	if shown() != 3 {
		t.Errorf("the newest is %d", shown())
	}
}

func TestRoamsAreKeptWhenTheEngineForgetsThem(t *testing.T) {
	d := newHand(t, 80, 24, nil)
	for id := range 30 {
		s := withPast(recoveredState())
		s.Roams[0].ID = phone.RoamID(id + 1)
		d.show(s)
	}
	if n := len(d.m.roams.list); n != 34 || d.m.roams.list[0].ID != -4 || d.m.roams.list[33].ID != 30 {
		t.Errorf("%d roams to look at", n)
	}
}

func TestTheListOfRoams(t *testing.T) {
	d := newHand(t, 80, 24, nil)
	d.show(idle())
	d.press("H")
	if d.m.over != nil || !strings.Contains(screen(d), "roams needs a roam: none was yet") {
		t.Errorf("a list of nothing:\n%s", screen(d))
	}
	d.show(withPast(idle()))
	d.press(":", "r", "o", "a", "m", "s", "enter")
	if _, open := d.m.over.(*roamsView); !open {
		t.Fatalf(":roams opens %T", d.m.over)
	}
	d.press("j", "j", "j", "j", "j", "k", "enter")
	if r, _ := d.m.shownRoam(); d.m.over != nil || !d.m.lower.roam || r.ID != -3 || d.m.panes.focused != paneLower {
		t.Errorf("enter shows roam %d", r.ID)
	}
	d.press("H")
	if o := d.m.over.(*roamsView); o.at != 2 {
		t.Errorf("the list begins at %d, not at the roam that is shown", o.at)
	}
	d.press("G", "g", "H")
	if d.m.over != nil {
		t.Error("H does not close the list")
	}
	d.press("H", "esc")
	if d.m.over != nil {
		t.Error("esc does not close the list")
	}
}

// TestWhatHelpsHasItsKeys: those of the user, and for the latest roam only.
func TestWhatHelpsHasItsKeys(t *testing.T) {
	d := newHand(t, 80, 24, func(o *Options) { o.Keys = map[string][]string{"refresh": {"f9"}, "hangup": {"B"}} })
	d.show(recovering())
	d.show(failedState())
	text := screen(d)
	if !strings.Contains(text, "next  f9 re-INVITE   B hang up") || !strings.Contains(text, "      ! restart all") || strings.Contains(text, "I refreshes") {
		t.Errorf("what helps:\n%s", text)
	}
	newer := failedState()
	r := recoveredState().Roams[0]
	r.ID = 4
	newer.Roams = append(newer.Roams, r)
	d.show(newer)
	d.press("f5", "h")
	if text := screen(d); !strings.Contains(text, "Failed at repair") || strings.Contains(text, "next  ") {
		t.Errorf("an older failure:\n%s", text)
	}
	// Keys that nobody has any more are no help.
	s := failedState()
	s.Roams[0].Next, s.Calls = []string{"refresh", "hangup", "unheard-of"}, nil
	d = newHand(t, 80, 24, nil)
	d.show(recovering())
	d.show(s)
	if text := screen(d); strings.Contains(text, "next  ") {
		t.Errorf("it offers what cannot be done:\n%s", text)
	}
}

// TestNothingIsRestartedForACallThatIsOver: once the call that was not repaired
// is hung up, restarting all, or another call's re-INVITE, is no help.
func TestNothingIsRestartedForACallThatIsOver(t *testing.T) {
	d := newHand(t, 80, 24, nil)
	d.show(recovering())
	d.show(failedState())
	d.sees("restart all")
	s := failedState()
	s.Calls[0].State, s.Calls[0].Ended, s.Current = phone.Ended, noon, 0
	d.show(s)
	d.sees("Failed at repair")
	d.seesNot("next  ")
	other := carol()
	other.ID, other.State, other.Answered, s.Current = 2, phone.Up, noon, 2
	s.Calls = append(s.Calls, other)
	d.show(s)
	d.seesNot("next  ")
	s.Roams[0].Next = []string{"redial", "restart"} // the other side lost it
	s.Calls, s.Current = s.Calls[:1], 0
	d.show(s)
	d.sees("call again")
	d.seesNot("restart all")
}

// TestRecentCallsOfEarlierRuns: they stand below those of this run, and can be
// called again.
func TestRecentCallsOfEarlierRuns(t *testing.T) {
	d := newHand(t, 80, 24, nil)
	d.show(withPast(idle()))
	d.press("enter")
	if asked := d.doer.take(); !slices.Equal(asked, []phone.Command{phone.Redial{Call: -1}}) {
		t.Errorf("enter asks for %v", asked)
	}
	s := withPast(inCall())
	s.Calls[0].State, s.Calls[0].Ended = phone.Ended, noon
	for range 3 {
		d.show(s)
	}
	var ids []phone.CallID
	for _, c := range d.m.recent.calls {
		ids = append(ids, c.ID)
	}
	if !slices.Equal(ids, []phone.CallID{1, -1, -2, -3, -4}) {
		t.Errorf("recent calls %v", ids)
	}
	d.press("j", "j", "enter")
	if asked := d.doer.take(); len(asked) == 0 || asked[len(asked)-1] != (phone.Redial{Call: -2}) {
		t.Errorf("enter further down asks for %v", asked)
	}
	d.press("d", "c", "a", "r", "o")
	if found := d.m.suggestions(); len(found) != 1 || found[0].target != "sip:carol@example.net" {
		t.Errorf("suggestions %v", found)
	}
}

func TestWhen(t *testing.T) {
	d := newHand(t, 80, 24, nil)
	for ago, want := range map[time.Duration]string{
		time.Minute: "13:04", 14 * time.Hour: "yesterday 23:05", 4 * 24 * time.Hour: "Thu 13:05", 9 * 24 * time.Hour: "14 Nov", 400 * 24 * time.Hour: "19 Oct 2025",
	} {
		if got := d.m.when(noon.Add(-ago)); got != want {
			t.Errorf("%s ago is %q, want %q", ago, got, want)
		}
	}
}

// TestPlainHistory is what `ramble calls` and `ramble roams` print.
func TestPlainHistory(t *testing.T) {
	var b strings.Builder
	p := past()
	hostile := p.Calls[1]
	hostile.Name, hostile.NeedsRedial, hostile.Reason = "Bob\x1b[31m", true, "the other side no longer knows the call (481)"
	for _, c := range append(p.Calls, hostile) {
		b.WriteString(PlainCall(c) + "\n")
	}
	for _, r := range p.Roams {
		b.WriteString(PlainRoam(r, r.Phase != phone.RoamSuperseded))
	}
	golden.RequireEqual(t, b.String())
}

// TestEveryReasonIsSeen: those that have no room in the row of the sign stand
// below it.
func TestEveryReasonIsSeen(t *testing.T) {
	for _, size := range [][2]int{{80, 40}, {120, 36}} {
		d := newHand(t, size[0], size[1], nil)
		s := recoveredState()
		s.Roams[0].Why = said("wlan0 lost 192.168.1.23", "usb0 has 172.20.10.4", "route now by usb0")
		s.Roams[0].Steps[0].Facts = s.Roams[0].Why
		d.show(recovering())
		d.show(s)
		text := screen(d)
		for _, reason := range words.Reasons(s.Roams[0].Why) {
			if !strings.Contains(text, reason) {
				t.Errorf("%q is not on the screen:\n%s", reason, text)
			}
		}
		if strings.Contains(text, "because: ") {
			t.Errorf("the reasons stand twice:\n%s", text)
		}
	}
}

// TestTheListHasTheKeys: a letter in it hangs nothing up.
func TestTheListHasTheKeys(t *testing.T) {
	d := newHand(t, 80, 24, nil)
	d.show(withPast(inCall()))
	d.press("H", "b", "m", "N", "x")
	if asked := d.doer.take(); len(asked) > 0 || d.m.over == nil {
		t.Errorf("the list let through %v", asked)
	}
}

// TestStepsOfTwoAccountsAreNamed: each account of a change registers, and says which it is.
func TestStepsOfTwoAccountsAreNamed(t *testing.T) {
	ok := []phone.Fact{{Kind: phone.Accepted, Method: "REGISTER", Text: "200 OK"}}
	r := phone.Roam{ID: 1, Phase: phone.RoamDone, Started: noon, From: "wlan0 192.0.2.1", To: "usb0 192.0.2.2",
		Parts: []phone.RoamPart{{Account: "work"}, {Account: "home"}},
		Steps: []phone.RoamStep{{Name: phone.StepRegister, Account: "work", OK: true, Facts: ok}, {Name: phone.StepRegister, Account: "home", OK: true, Facts: ok}}}
	d := newHand(t, 120, 36, nil)
	for n, want := range []string{"work", "home"} {
		if got := text(d.m.stepRow(r, r.Steps[n], 80)); !strings.Contains(got, "register "+want+" ") {
			t.Errorf("the row is %q", got)
		}
		if got := PlainRoam(r, true); !strings.Contains(got, "register  "+want+" ") {
			t.Errorf("in plain:\n%s", got)
		}
	}
	r.Parts = nil
	if got := text(d.m.stepRow(r, r.Steps[0], 80)); strings.Contains(got, "work") {
		t.Errorf("one account is named: %q", got)
	}
}

func text(r row) (s string) {
	for _, span := range r.left {
		s += span.text
	}
	return s
}
