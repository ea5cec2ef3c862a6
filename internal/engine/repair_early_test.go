package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// The rows of the first repair table for calls that are not answered yet.

// rings has every peer ring for a time, by 180 or with early media.
func rings(d siptest.Decision) func(*siptest.PeerOptions) {
	return func(o *siptest.PeerOptions) {
		o.OnInvite = func(*siptest.PeerCall) siptest.Decision { return d }
	}
}

// TestCallingOldPathAlive: the INVITE stays on the old path; the early media
// move by UPDATE where they can; once answered, the call follows.
func TestCallingOldPathAlive(t *testing.T) {
	for name, d := range map[string]siptest.Decision{
		"ringing":                  {Ring: 3 * time.Second},
		"early media, a preview":   {Ring: 3 * time.Second, Early: true},
		"early media, answered so": {Ring: 3 * time.Second, Early: true, Reliable: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				r := script{world: demo.Options{Peer: rings(d)}}.run(t, transport)
				id := r.dial("melody")
				want := phone.Ringing
				if d.Early {
					want = phone.Early
				}
				r.stateIs(id, want)
				r.pass(500 * time.Millisecond)
				r.online() // beside the old one
				r.done()
				if d.Reliable {
					r.thereIs("melody", "early media at the new address", func(s siptest.CallState) bool {
						return s.Phase == siptest.Ringing && s.Media.Remote.RTP.Addr() == tether().Addr()
					})
				}
				if c := find(r.state1(), id); c.State != want {
					t.Errorf("it is %s, want %s still", c.State, want)
				}
				r.stateIs(id, phone.Up)
				r.talks(id, tether().Addr())
				peer := r.world.Peer("melody")
				updates := 0
				if d.Reliable {
					updates = 1
				}
				if peer.Rings() != 1 || peer.Count("UPDATE") != updates {
					t.Errorf("it rang %d times and got %d UPDATEs, want 1 and %d", peer.Rings(), peer.Count("UPDATE"), updates)
				}
				if n := peer.Count("PRACK"); n != updates {
					t.Errorf("%d PRACKs, want %d", n, updates)
				}
				r.offline() // now the old path goes, and nothing is on it
				r.pass(time.Second)
				r.talks(id, tether().Addr())
				r.one("melody")
				hangUp(t, r, id, false)
			})
		})
	}
}

// TestCallingOldPathDead: the callee still rings, or has answered unheard.
// Either way there is one call in the end, in the same row, and who answered
// does not hear it ring again.
func TestCallingOldPathDead(t *testing.T) {
	for name, tt := range map[string]struct {
		d          siptest.Decision
		away       time.Duration
		noReplaces bool
		rang       int
	}{
		"still ringing":                            {d: siptest.Decision{Ring: 4 * time.Second}, rang: 2},
		"still ringing, with early media":          {d: siptest.Decision{Ring: 4 * time.Second, Early: true, Reliable: true}, rang: 2},
		"answered meanwhile":                       {d: siptest.Decision{Ring: 2 * time.Second}, away: 3 * time.Second, rang: 1},
		"answered meanwhile, early media":          {d: siptest.Decision{Ring: 2 * time.Second, Early: true}, away: 3 * time.Second, rang: 1},
		"answered meanwhile, cannot be replaced":   {d: siptest.Decision{Ring: 2 * time.Second}, away: 3 * time.Second, noReplaces: true, rang: 2},
		"still ringing, and it cannot be replaced": {d: siptest.Decision{Ring: 4 * time.Second}, noReplaces: true, rang: 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				r := script{world: demo.Options{Peer: func(o *siptest.PeerOptions) {
					rings(tt.d)(o)
					o.NoReplaces = tt.noReplaces
				}}}.run(t, transport)
				id := r.dial("melody")
				r.until("it rings", func(s phone.State) bool { return find(s, id).State >= phone.Ringing })
				r.offline()
				r.pass(tt.away)
				if tt.away > 0 {
					r.thereIs("melody", "answered", func(s siptest.CallState) bool { return s.Phase == siptest.Up })
				}
				r.online()
				r.stateIs(id, phone.Up)
				r.talks(id, tether().Addr())
				peer := r.world.Peer("melody")
				if peer.Rings() != tt.rang {
					t.Errorf("it rang %d times, want %d", peer.Rings(), tt.rang)
				}
				if n := r.world.Registrar.Count("CANCEL"); n < 1 {
					t.Error("no CANCEL by the new path")
				}
				if n := len(r.state1().Calls); n != 1 {
					t.Errorf("%d rows, want the same one", n)
				}
				r.pass(40 * time.Second)
				r.one("melody")
				hangUp(t, r, id, true)
			})
		})
	}
}

// TestCallingTwoRoams: the path goes twice before the answer.
func TestCallingTwoRoams(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{world: demo.Options{Peer: rings(siptest.Decision{Ring: 5 * time.Second})}}.run(t, transport)
		id := r.dial("melody")
		r.stateIs(id, phone.Ringing)
		r.walk()
		r.pass(30 * time.Millisecond) // in the middle of the repair
		r.world.Phone.Unplug("usb0")
		r.world.Phone.Plug("wlan0", "home", home())
		r.stateIs(id, phone.Up)
		r.talks(id, home().Addr())
		r.pass(40 * time.Second)
		r.one("melody")
		hangUp(t, r, id, true)
	})
}

// TestHangingUpWhileOffline: nothing can be said, until there is a way again.
func TestHangingUpWhileOffline(t *testing.T) {
	for name, tt := range map[string]struct {
		ring, away time.Duration
		up         bool
	}{
		"an unanswered call that still rings":     {ring: 30 * time.Second, away: 2 * time.Second},
		"an unanswered call, answered in silence": {ring: 2 * time.Second, away: 3 * time.Second},
		"a call that is up":                       {ring: time.Second, away: 2 * time.Second, up: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				r := script{world: demo.Options{Peer: rings(siptest.Decision{Ring: tt.ring})}}.run(t, transport)
				id := r.dial("melody")
				if tt.up {
					r.stateIs(id, phone.Up)
				} else {
					r.stateIs(id, phone.Ringing)
				}
				there := r.one("melody")
				r.offline()
				r.pass(tt.away)
				r.do(phone.Hangup{Call: id})
				r.stateIs(id, phone.Ended)
				r.online()
				select {
				case <-there.Done():
				case <-time.After(patience):
					t.Fatalf("the other side never heard of it: %+v\n%s", there.State(), r.story())
				}
			})
		})
	}
}

// TestGoodbyeIsRepeated: the server does not answer the BYE at first.
func TestGoodbyeIsRepeated(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{}.run(t, transport)
		id := r.call("melody")
		there := r.one("melody")
		n := 0
		r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
			if req.Method != sipgo.BYE {
				return nil
			}
			n++
			return map[int]*siptest.Reply{1: {Silent: true}, 2: {Code: 503}}[n]
		})
		r.do(phone.Hangup{Call: id})
		select {
		case <-there.Done():
		case <-time.After(time.Minute):
			t.Fatal("the other side never heard of it")
		}
	})
}

// ringing is a call of Carol's that rings here.
func (s script) ringing(t *testing.T, transport locate.Transport) (*rig, phone.CallID, context.CancelFunc, <-chan error) {
	t.Helper()
	r := s.run(t, transport)
	r.registered()
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error, 1)
	go func() { done <- r.world.Ring(ctx) }()
	st := r.until("ringing", func(s phone.State) bool { return len(s.Calls) == 1 && s.Calls[0].State == phone.Ringing })
	r.pass(100 * time.Millisecond)
	return r, st.Calls[0].ID, cancel, done
}

// TestRingingHere: it rings on, and the answer carries the new addresses.
func TestRingingHere(t *testing.T) {
	for name, alive := range map[string]bool{"old path dead": false, "old path alive": true} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				r, id, cancel, done := script{}.ringing(t, transport)
				defer cancel()
				if alive {
					r.online()
				} else {
					r.walk()
				}
				r.done()
				r.pass(3 * time.Second)
				r.stateIs(id, phone.Ringing)
				r.do(phone.Answer{Call: id})
				if err := <-done; err != nil {
					t.Fatalf("%v\n%s", err, r.story())
				}
				r.stateIs(id, phone.Up)
				r.talks(id, tether().Addr())
				if target := r.one("carol").State().Target; !strings.Contains(target, tether().Addr().String()) {
					t.Errorf("Carol reaches us at %s", target)
				}
				if err := r.one("carol").Hangup(r.ctx); err != nil {
					t.Fatal(err)
				}
				r.stateIs(id, phone.Ended)
			})
		})
	}
}

// TestCancelLostWhileRinging: the caller gives up while we are away.
func TestCancelLostWhileRinging(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r, id, cancel, done := script{}.ringing(t, transport)
		r.offline()
		r.pass(time.Second)
		cancel()
		<-done
		r.pass(20 * time.Second) // nobody repeats the CANCEL any more
		r.stateIs(id, phone.Ringing)
		r.online()
		c := r.stateIs(id, phone.Ended)
		if !strings.HasPrefix(words.End(c).Text, "missed: ") || !strings.Contains(words.End(c).Text, "stopped calling") {
			t.Errorf("it says %q", words.End(c).Text)
		}
	})
}

// TestRingingEndsWithItsInvite: Expires, or four minutes.
func TestRingingEndsWithItsInvite(t *testing.T) {
	for value, limit := range map[string]time.Duration{"7": 7 * time.Second, "": 4 * time.Minute} {
		bubbles(t, func(t *testing.T, transport locate.Transport) {
			s := script{world: demo.Options{Peer: func(o *siptest.PeerOptions) {
				if value != "" {
					o.Headers = headers("Expires", value)
				}
			}}}
			r, id, cancel, done := s.ringing(t, transport)
			defer cancel()
			r.pass(limit - time.Second)
			r.stateIs(id, phone.Ringing)
			c := r.stateIs(id, phone.Ended)
			if !strings.HasPrefix(words.End(c).Text, "missed: ") {
				t.Errorf("it says %q", words.End(c).Text)
			}
			if err := <-done; err == nil {
				t.Error("Carol heard of nothing")
			}
		})
	}
}

// TestRequiresReliableRinging: a caller that insists on 100rel.
func TestRequiresReliableRinging(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		s := script{world: demo.Options{Peer: func(o *siptest.PeerOptions) {
			o.Headers = headers("Require", "100rel")
		}}}
		r, id, cancel, done := s.ringing(t, transport)
		defer cancel()
		if n := r.world.Registrar.Count("PRACK"); n != 1 {
			t.Errorf("%d PRACKs, want one", n)
		}
		r.do(phone.Answer{Call: id})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		r.stateIs(id, phone.Up)
		r.talks(id, home().Addr())
	})
}

// TestAnswerLostWithItsPath: we answer as the network goes; our 200 or its ACK
// is lost.
func TestAnswerLostWithItsPath(t *testing.T) {
	for name, ack := range map[string]bool{"the 200": false, "the ACK": true} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				var r *rig
				pull := &once{armed: make(chan struct{})}
				o := demo.Options{Trace: func(m siptest.Traced) {
					if ack && !m.Out && isOKToInvite(string(m.Raw)) {
						pull.fire(r.offline)
					}
				}}
				r, id, cancel, done := script{world: o}.ringing(t, transport)
				defer cancel()
				close(pull.armed)
				if !ack {
					r.world.Net.Stall("home") // nothing arrives, nobody is told
				}
				r.do(phone.Answer{Call: id})
				r.pass(500 * time.Millisecond)
				if !ack {
					r.offline()
				}
				r.pass(time.Second)
				r.online()
				if err := <-done; err != nil {
					t.Fatalf("%v\n%s", err, r.story())
				}
				r.stateIs(id, phone.Up)
				r.talks(id, tether().Addr())
				r.pass(40 * time.Second)
				r.one("carol")
			})
		})
	}
}

func headers(name, value string) func() []sipgo.Header {
	return func() []sipgo.Header { return []sipgo.Header{sipgo.NewHeader(name, value)} }
}
