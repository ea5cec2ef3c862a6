package words

import (
	"testing"
	"time"

	"ramble/internal/leaf/phone"
)

// TestSearch is what is said of a server that keeps silent, at its moments.
func TestSearch(t *testing.T) {
	const at = "203.0.113.10:5060"
	silent := phone.Fault{Kind: phone.FaultTimeout}
	for name, x := range map[string]struct {
		a           phone.Account
		short, long string
	}{
		"it answers":            {phone.Account{State: phone.Registered}, "", ""},
		"it was asked just now": {phone.Account{State: phone.Registering, Trying: phone.Trial{Server: at, Since: noon.Add(-time.Second)}}, "", ""},
		"it keeps silent": {phone.Account{State: phone.Registering, Trying: phone.Trial{Server: at, Since: noon.Add(-12 * time.Second)}},
			"no answer for 12 s", "the server has not answered for 12 s, trying " + at},
		"the next try has its time": {phone.Account{State: phone.RegistrationFailed, Binding: phone.Binding{Fault: silent}, Trying: phone.Trial{Server: at, Since: noon.Add(-time.Minute), Next: noon.Add(8 * time.Second)}},
			"no answer, next try in 8 s", at + ": no answer, next try in 8 s"},
		"that time is now": {phone.Account{State: phone.RegistrationFailed, Trying: phone.Trial{Server: at, Since: noon.Add(-time.Minute), Next: noon}},
			"trying again", at + ": trying again"},
		"there is no network": {phone.Account{State: phone.NoNetwork, Trying: phone.Trial{Server: at, Since: noon.Add(-time.Minute)}}, "", ""},
		"it said no":          {phone.Account{State: phone.RegistrationRefused, Trying: phone.Trial{Server: at, Since: noon.Add(-time.Minute)}}, "", ""},
	} {
		if got := SearchShort(x.a, noon); got != x.short {
			t.Errorf("%s: %q, want %q", name, got, x.short)
		}
		if got := Search(x.a, noon); got != x.long {
			t.Errorf("%s: %q, want %q", name, got, x.long)
		}
	}
	c := phone.Call{Direction: phone.Outgoing, State: phone.Dialing, Times: phone.Times{Started: noon.Add(-57 * time.Second)}}
	if got := Unheard(c, phone.Account{State: phone.Registered}, noon); got != "the server has not answered for 57 s" {
		t.Errorf("a call that nothing was heard of: %q", got)
	}
	c.State = phone.Ringing
	if got := Unheard(c, phone.Account{}, noon); got != "" {
		t.Errorf("a call that rings: %q", got)
	}
}

// TestARoamThatFailedIsSaidInSentences: no colon behind a colon, and no capital
// within a sentence.
func TestARoamThatFailedIsSaidInSentences(t *testing.T) {
	ended := phone.Fact{Kind: phone.CallEnded, Call: 1, For: 45 * time.Second}
	one := phone.Roam{ID: 1, Phase: phone.RoamFailed, FailedStep: "path", Total: 45 * time.Second, Failures: []phone.Fact{ended},
		Calls: []phone.RoamCall{{Call: 1, Name: "Bob"}}}
	two := one
	two.Calls = append(two.Calls, phone.RoamCall{Call: 2, Name: "Carol"})
	for want, r := range map[string]phone.Roam{
		"failed at path after 45 s: the call ended, there was no network for 45 s":          one,
		"failed at path after 45 s: the call with Bob ended, there was no network for 45 s": two,
	} {
		if got := RoamEndWithin(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
