package engine_test

import (
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

func mute(*sipgo.Request) *siptest.Reply { return &siptest.Reply{Silent: true} }

// TestASilentServerIsShown: an INVITE that a UDP server does not answer raises the
// doubt whether it is there. The account says so, and since when, long before the
// call is given up; then when it is tried again, and nothing once it answers.
func TestASilentServerIsShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		r.registered()
		if a := r.state1().Accounts[0]; a.Trying != (phone.Trial{}) {
			t.Errorf("registered, and trying %+v", a.Trying)
		}
		r.world.Registrar.Script(mute)
		began := time.Now()
		id := r.do(phone.Dial{Target: "melody"}).Call
		server := r.state1().Accounts[0].Server
		s := r.until("the doubt is shown", func(s phone.State) bool { return s.Accounts[0].State == phone.Registering })
		a := s.Accounts[0]
		if after := time.Since(began); after > 5*time.Second || a.Trying.Server != server || !a.Trying.Next.IsZero() || a.Trying.Since.Sub(began) > time.Second {
			t.Errorf("after %v: %+v", after, a.Trying)
		}
		if c := find(s, id); c.State != phone.Dialing {
			t.Errorf("the call is %s", c.State)
		}
		r.stateAfter(time.Minute, "the next try is announced", func(s phone.State) bool {
			a = s.Accounts[0]
			return a.State == phone.RegistrationFailed && !a.Trying.Next.IsZero()
		})
		if wait := time.Until(a.Trying.Next); wait <= 0 || wait > time.Minute || a.Trying.Since.Sub(began) > time.Second {
			t.Errorf("the next try comes in %v: %+v", wait, a.Trying)
		}
		r.world.Registrar.Script(nil)
		r.stateAfter(time.Minute, "registered again", func(s phone.State) bool {
			return s.Accounts[0].State == phone.Registered && s.Accounts[0].Trying == (phone.Trial{})
		})
		if n := len(r.state1().Roams); n != 0 {
			t.Errorf("%d roams", n)
		}
	})
}

// TestFailingOverIsNoRoam: the server dies as a call is placed. The call goes out
// by the domain's other server, and no roam is shown, as no network moved.
func TestFailingOverIsNoRoam(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPair(t, pairOptions{transport: locate.UDP, account: locate.Auto, plugged: true, alive: true})
		p.at("203.0.113.1:5060")
		p.first.Script(mute)
		began := time.Now()
		p.do(phone.Dial{Target: "nobody"})
		p.at(secondServer)
		if err := p.second.WaitCount(p.ctx, "INVITE", 1); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		t.Logf("the INVITE is at the second server after %v", took.Round(time.Millisecond))
		if took > 12*time.Second {
			t.Errorf("it took %v\n%s", took, p.story())
		}
		if roams := p.state1().Roams; len(roams) != 0 {
			t.Errorf("%d roams are shown: %+v", len(roams), roams[0])
		}
	})
}
