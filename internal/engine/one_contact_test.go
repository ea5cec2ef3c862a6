package engine_test

import (
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// rewritingServer has room for so many contacts, and puts the source in the place of
// the first one of a REGISTER.
func rewritingServer(places int) demo.Options {
	return demo.Options{Server: func(o *siptest.Options) {
		o.Quirks.RewriteContact, o.Quirks.MaxContacts = true, places
	}}
}

// TestAServerWithOnePlace: the phone moves, and quits, at a server that has one
// place and rewrites Contacts. What is removed is what that server stored, in
// the REGISTER that adds the new one. With more places nothing stays behind either.
func TestAServerWithOnePlace(t *testing.T) {
	for name, places := range map[string]int{"one": 1, "more": 0} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				r := script{world: rewritingServer(places)}.run(t, transport)
				r.registered()
				refused := 0
				r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply { refused++; return nil })
				r.walk()
				r.done()
				r.registered()
				r.bound("the new address alone", func(b []siptest.Binding) bool {
					return len(b) == 1 && b[0].Received.Addr() == tether().Addr()
				})
				if refused > 2 { // one, or two where the nonce was old
					t.Errorf("%d requests for one move\n%s", refused, r.story())
				}
				r.quit()
				if b := r.world.Registrar.Bindings(demo.User); len(b) != 0 {
					t.Errorf("%v is left", b)
				}
			})
		})
	}
}

// TestSomebodyElseHasThePlace: 403 after the same password was accepted means that
// the place is taken. That is said, and tried again slowly.
func TestSomebodyElseHasThePlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := script{phone: func(p *engine.Parts) { p.Accounts[0].SIP.Expires = time.Hour }}.run(t, locate.UDP)
		r.registered()
		var asked []time.Time
		r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
			if req.Method != sipgo.REGISTER || req.To().Address.User != demo.User {
				return nil
			}
			asked = append(asked, time.Now())
			return &siptest.Reply{Code: 403, Reason: "Maximum Contacts Reached"}
		})
		r.do(phone.Register{})
		a := r.until("it failed", func(s phone.State) bool { return s.Accounts[0].State == phone.RegistrationFailed }).Accounts[0]
		text, hint := words.Registration(a)
		if a.Code != 403 || a.Fault.Kind != phone.FaultPlace || !strings.Contains(text, "nother registration holds the only place") || hint == "" {
			t.Errorf("%+v: %s", a.Fault, text)
		}
		if a.Trying.Next.IsZero() {
			t.Error("the next try is not shown")
		}
		r.pass(30 * time.Minute)
		for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
			if got := asked[i+1].Sub(asked[i]).Round(time.Second); got != want {
				t.Errorf("try %d came after %v, not %v", i+2, got, want)
			}
		}
		r.world.Registrar.Script(nil)
		r.stateAfter(11*time.Minute, "registered again", func(s phone.State) bool { return s.Accounts[0].State == phone.Registered })
	})
}
