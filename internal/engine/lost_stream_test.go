package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// away is for how long the account was not shown as registered, since it first was,
// and how often.
func (r *rig) away() (total time.Duration, times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var since time.Time
	first := false
	for _, n := range r.notices {
		c, ok := n.What.(phone.RegistrationChanged)
		if !ok {
			continue
		}
		switch registered := c.Account.State == phone.Registered; {
		case registered && !since.IsZero():
			total, since = total+n.At.Sub(since), time.Time{}
		case registered:
			first = true
		case first && since.IsZero():
			since = n.At
			times++
		}
	}
	return total, times
}

// oddMessages are requests that no phone should get: the framing is whole.
func oddMessages(target string) (list []string) {
	for i, odd := range []func(string) string{
		func(s string) string { return strings.Replace(s, "Call-ID", "Max-Forwards: 69\r\nCall-ID", 1) },
		func(s string) string { return strings.Replace(s, "Subject: x", "Subject: a\x00b", 1) },
		func(s string) string { return strings.Replace(s, "<sip:mallory", "\x00<sip:mallory", 1) },
		func(s string) string { return strings.Replace(s, "Max-Forwards: 70", "Max-Forwards: 300", 1) },
		func(s string) string { return strings.Replace(s, "CSeq: 1 OPTIONS", "CSeq: 1 INVITE", 1) },
		func(s string) string { return strings.Replace(s, "SIP/2.0\r\n", "SIP/7.0\r\n", 1) },
		func(s string) string { return strings.Replace(s, "To: ", "No: ", 1) },
		func(s string) string { return strings.Replace(s, "Via: ", "Vai: ", 1) },
		func(s string) string { return strings.Replace(s, "Subject: x", "this is no header", 1) },
		func(s string) string { return strings.Replace(s, "From: <", "From: \"x <", 1) },
	} {
		list = append(list, odd(fmt.Sprintf("OPTIONS %s SIP/2.0\r\nVia: SIP/2.0/TCP 203.0.113.10:5060;branch=z9hG4bKodd%d\r\nMax-Forwards: 70\r\nSubject: x\r\n"+
			"From: <sip:mallory@demo.ramble>;tag=m\r\nTo: <%s>\r\nCall-ID: odd%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", target, i, target, i)))
	}
	return list
}

// TestTenOddMessages: what is wrong within a message closes no connection. The phone
// is away for no time at all.
func TestTenOddMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := script{}.run(t, locate.TCP)
		r.registered()
		asked := r.world.Registrar.Count("REGISTER")
		for _, odd := range oddMessages("sip:you@192.168.1.23") {
			if err := r.world.Registrar.Send(demo.User, []byte(odd)); err != nil {
				t.Fatal(err)
			}
			r.pass(time.Second)
		}
		total, times := r.away()
		t.Logf("ten odd messages over TCP: away for %v, %d times", total, times)
		if n := r.world.Registrar.Count("REGISTER") - asked; total != 0 || times != 0 || n != 0 {
			t.Errorf("%d REGISTERs\n%s", n, r.story())
		}
		hangUp(t, r, r.call("melody"), true)
	})
}

// TestAConnectionThatIsLostTenTimes: while it is away the account is not shown as
// registered, and the wait before the next one does not grow, since each registered.
func TestAConnectionThatIsLostTenTimes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := script{}.run(t, locate.TCP)
		r.registered()
		for range 10 {
			r.world.Registrar.Close(demo.User)
			r.until("that is shown", func(s phone.State) bool { return s.Accounts[0].State != phone.Registered })
			r.registered()
			r.pass(5 * time.Second)
		}
		total, times := r.away()
		t.Logf("a connection that is lost ten times: away for %v, %d times", total, times)
		if times != 10 || total > 10*1200*time.Millisecond {
			t.Errorf("away for %v, %d times\n%s", total, times, r.story())
		}
		oneBinding(t, r, home().Addr())
	})
}

// TestWhoeverProvesThatTheServerForgotUs: 481 and 404 to a change within a call lead to
// REGISTER at once, and not in a loop.
func TestWhoeverProvesThatTheServerForgotUs(t *testing.T) {
	for _, code := range []int{481, 404} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				r := script{}.run(t, transport)
				id := r.call("melody")
				r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
					if _, within := req.To().Params.Get("tag"); within && (req.Method == sipgo.INVITE || req.Method == sipgo.UPDATE) {
						return &siptest.Reply{Code: code}
					}
					return nil
				})
				r.world.Registrar.Forget()
				asked := r.world.Registrar.Count("REGISTER")
				began := time.Now()
				r.do(phone.HoldCall{Call: id})
				r.bound("the phone again", func(b []siptest.Binding) bool { return len(b) == 1 })
				if d := time.Since(began); d > time.Second {
					t.Errorf("after %v", d)
				}
				for range 20 {
					_, _ = r.e.Do(r.ctx, phone.HoldCall{Call: id})
					r.pass(100 * time.Millisecond)
				}
				if n := r.world.Registrar.Count("REGISTER") - asked; n > 2 {
					t.Errorf("%d REGISTERs in two seconds\n%s", n, r.story())
				}
			})
		})
	}
}

// TestOtherProofsThatTheServerForgotUs are those besides answers to changes: each leads
// to REGISTER at once.
func TestOtherProofsThatTheServerForgotUs(t *testing.T) {
	within := func(method sipgo.RequestMethod, reply siptest.Reply) func(*sipgo.Request) *siptest.Reply {
		return func(req *sipgo.Request) *siptest.Reply {
			if req.Method == method {
				return &reply
			}
			return nil
		}
	}
	proofs := map[string]struct {
		over []locate.Transport
		give func(*rig)
	}{
		"481 to a BYE": {[]locate.Transport{locate.UDP, locate.TCP}, func(r *rig) {
			id := r.call("melody")
			r.world.Registrar.Script(within(sipgo.BYE, siptest.Reply{Code: 481}))
			r.world.Registrar.Forget()
			r.do(phone.Hangup{Call: id})
		}},
		"a connection that is reset": {[]locate.Transport{locate.TCP}, func(r *rig) {
			r.world.Registrar.Close(demo.User)
			r.world.Registrar.Forget()
		}},
		"OPTIONS answered 404, not 200": {[]locate.Transport{locate.UDP}, func(r *rig) {
			r.world.Registrar.Forget()
			r.world.Registrar.Script(within(sipgo.OPTIONS, siptest.Reply{Code: 404}))
		}},
		"OPTIONS answered by another version": {[]locate.Transport{locate.UDP}, func(r *rig) {
			r.world.Registrar.Forget()
			r.world.Registrar.Script(within(sipgo.OPTIONS, siptest.Reply{Code: 200, Headers: []sipgo.Header{sipgo.NewHeader("Server", "another one")}}))
		}},
	}
	for name, proof := range proofs {
		for _, transport := range proof.over {
			t.Run(name+", "+transport.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					const beat = 5 * time.Second
					r := script{phone: func(p *engine.Parts) { p.KeepAlive = beat }}.run(t, transport)
					r.registered()
					r.pass(8 * beat)
					asked, began := r.world.Registrar.Count("REGISTER"), time.Now()
					proof.give(r)
					r.bound("the phone again", func(b []siptest.Binding) bool { return len(b) == 1 })
					if d := time.Since(began); d > beat+2*time.Second {
						t.Errorf("after %v", d)
					}
					r.pass(20 * beat)
					if n := r.world.Registrar.Count("REGISTER") - asked; n > 2 {
						t.Errorf("%d REGISTERs\n%s", n, r.story())
					}
				})
			})
		}
	}
}
