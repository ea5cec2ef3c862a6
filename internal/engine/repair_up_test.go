package engine_test

import (
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// The rows of the first repair table that begin with a call that is up.

func byUpdate(p *engine.Parts) { p.Accounts[0].Policy.Refresh = roam.Update }

func TestRefreshByUpdate(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{phone: byUpdate}.run(t, transport)
		id := r.call("melody")
		r.walk()
		r.done()
		r.talks(id, tether().Addr())
		peer := r.world.Peer("melody")
		if peer.Count("UPDATE") != 1 || peer.Count("INVITE") != 1 {
			t.Errorf("%d UPDATE and %d INVITE, want one of each", peer.Count("UPDATE"), peer.Count("INVITE"))
		}
		hangUp(t, r, id, true)
	})
}

func TestRefreshByUpdateFallsBack(t *testing.T) {
	for _, code := range []int{405, 501} {
		bubbles(t, func(t *testing.T, transport locate.Transport) {
			refuse := func(_ *siptest.PeerCall, req *sipgo.Request) *siptest.Reply {
				if req.Method == sipgo.UPDATE {
					return &siptest.Reply{Code: code}
				}
				return nil
			}
			r := script{phone: byUpdate, world: demo.Options{Peer: func(o *siptest.PeerOptions) { o.OnRequest = refuse }}}.run(t, transport)
			id := r.call("melody")
			r.walk()
			r.done()
			r.talks(id, tether().Addr())
			if n := r.world.Peer("melody").Count("UPDATE"); n != 1 {
				t.Errorf("%d UPDATEs, want one", n)
			}
		})
	}
}

// TestHeldCallsKeepTheirDirection: held by us, by them, by both.
func TestHeldCallsKeepTheirDirection(t *testing.T) {
	for _, held := range []phone.Hold{phone.HeldLocal, phone.HeldRemote, phone.HeldBoth} {
		for _, update := range []bool{false, true} {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				s := script{}
				if update {
					s.phone = byUpdate
				}
				r := s.run(t, transport)
				id := r.call("melody")
				if held != phone.HeldRemote {
					r.do(phone.HoldCall{Call: id})
					r.until("held by us", func(s phone.State) bool { return find(s, id).Held == phone.HeldLocal })
				}
				if held != phone.HeldLocal {
					if err := r.one("melody").Hold(r.ctx); err != nil {
						t.Fatal(err)
					}
				}
				r.until("held", func(s phone.State) bool { return find(s, id).Held == held })
				r.walk()
				r.done()
				if c := find(r.state1(), id); c.Held != held || c.State != phone.Up {
					t.Fatalf("after the roam it is %s, held by %s, want %s", c.State, c.Held, held)
				}
				there := r.one("melody").State()
				if (held != phone.HeldRemote) != there.Media.Held {
					t.Errorf("there: held %v after the roam", there.Media.Held)
				}
				if there.Media.Remote.RTP.Addr() != tether().Addr() {
					t.Errorf("there: media to %s", there.Media.Remote.RTP)
				}
				// Whoever held resumes, and there is sound on the new path.
				if held != phone.HeldRemote {
					r.do(phone.ResumeCall{Call: id})
				}
				if held != phone.HeldLocal {
					r.until("ours is over", func(s phone.State) bool { return find(s, id).Held == phone.HeldRemote })
					if err := r.one("melody").Resume(r.ctx); err != nil {
						t.Fatal(err)
					}
				}
				r.talks(id, tether().Addr())
			})
		}
	}
}

// TestHoldPendingOnADeadPath: our offer is out when the network goes; the peer
// has not heard it, or has answered it in vain.
func TestHoldPendingOnADeadPath(t *testing.T) {
	for name, answered := range map[string]bool{"not heard": false, "answered in vain": true} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				var r *rig
				pull := &once{}
				o := demo.Options{}
				if answered {
					o.Peer = func(o *siptest.PeerOptions) {
						o.OnRequest = func(_ *siptest.PeerCall, req *sipgo.Request) *siptest.Reply {
							if req.Method == sipgo.INVITE {
								pull.fire(r.offline)
							}
							return nil
						}
					}
				}
				r = script{world: o}.run(t, transport)
				id := r.call("melody")
				if !answered {
					r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
						if req.Method != sipgo.INVITE {
							return nil
						}
						var reply *siptest.Reply
						pull.fire(func() { r.offline(); reply = &siptest.Reply{Silent: true} })
						return reply
					})
				}
				r.do(phone.HoldCall{Call: id})
				r.until("the network is gone", func(s phone.State) bool { return s.Accounts[0].State == phone.NoNetwork })
				r.pass(time.Second)
				r.online()
				r.done()
				s := r.until("held after all", func(s phone.State) bool { return find(s, id).Held == phone.HeldLocal })
				if c := find(s, id); c.State != phone.Up {
					t.Fatalf("it is %s: %s", c.State, words.End(c).Text)
				}
				r.thereIs("melody", "hold at the new address", func(s siptest.CallState) bool {
					return s.Media.Held && s.Media.Remote.RTP.Addr() == tether().Addr()
				})
				if n := r.world.Registrar.Count("CANCEL"); n != 1 {
					t.Errorf("%d CANCELs by the new path, want one", n)
				}
				// Forty seconds on, nobody has hung up for lack of an ACK.
				r.pass(40 * time.Second)
				r.one("melody")
				r.do(phone.ResumeCall{Call: id})
				r.talks(id, tether().Addr())
			})
		})
	}
}

// TestTheirOfferPending: the peer holds as the network goes; our answer or its
// ACK is lost.
func TestTheirOfferPending(t *testing.T) {
	for name, ackLost := range map[string]bool{"our answer is lost": false, "its ACK is lost": true} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				var r *rig
				pull := &once{armed: make(chan struct{})}
				r = script{world: demo.Options{Trace: func(m siptest.Traced) {
					raw := string(m.Raw)
					switch {
					case !ackLost && m.Out && isInviteTo(raw, demo.User): // on its way to us
						pull.fire(func() { time.AfterFunc(10*time.Millisecond, r.offline) })
					case ackLost && !m.Out && isOKToInvite(raw):
						pull.fire(r.offline)
					}
				}}}.run(t, transport)
				id := r.call("melody")
				close(pull.armed)
				held := make(chan error, 1)
				go func() { held <- r.one("melody").Hold(r.ctx) }()
				r.until("the network is gone", func(s phone.State) bool { return s.Accounts[0].State == phone.NoNetwork })
				r.pass(time.Second)
				r.online()
				if err := <-held; err != nil {
					t.Fatalf("the peer's hold: %v\n%s", err, r.story())
				}
				r.done()
				r.until("held by them", func(s phone.State) bool { return find(s, id).Held == phone.HeldRemote })
				r.thereIs("melody", "our new address", func(s siptest.CallState) bool {
					return s.Media.Remote.RTP.Addr() == tether().Addr()
				})
				if err := r.one("melody").Resume(r.ctx); err != nil {
					t.Fatal(err)
				}
				r.talks(id, tether().Addr())
			})
		})
	}
}

// TestRefreshOnDemand: keys I and U, and `refresh CALL [reinvite|update]`.
func TestRefreshOnDemand(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{}.run(t, transport)
		id := r.call("melody")
		peer := r.world.Peer("melody")
		for n, update := range []bool{false, true} {
			r.do(phone.Refresh{Call: id, Update: update})
			r.thereIs("melody", "the refresh", func(s siptest.CallState) bool { return s.Refreshes == n+1 })
			r.pass(time.Second)
		}
		if peer.Count("INVITE") != 2 || peer.Count("UPDATE") != 1 {
			t.Errorf("%d INVITEs and %d UPDATEs", peer.Count("INVITE"), peer.Count("UPDATE"))
		}
		r.talks(id, home().Addr())
	})
}
