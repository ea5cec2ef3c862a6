package engine_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
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

// The places that these tests walk between.
func home() netip.Prefix   { return netip.MustParsePrefix("192.168.1.23/24") }
func tether() netip.Prefix { return netip.MustParsePrefix("172.20.10.4/28") }

// TestManyRoams: nothing is left behind by a roam, neither here nor at the
// registrar, and the call is still the same one.
func TestManyRoams(t *testing.T) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		t.Run(transport.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRigIn(t, transport, time.Nanosecond, demo.Options{Delay: time.Nanosecond})
				id := r.call("melody")
				roam := func(n int) {
					from, to, network, addr := "wlan0", "usb0", "tethering", tether()
					if n%2 == 0 {
						from, to, network, addr = "usb0", "wlan0", "home", home()
					}
					r.world.Phone.Unplug(from)
					r.world.Phone.Plug(to, network, addr)
					if got := r.roamed(n); got.Phase != phone.RoamDone {
						t.Fatalf("roam %d %s: %s\n%s", n, got.Phase, words.RoamFailure(got), r.story())
					}
				}
				const warm, all = 4, 60
				for n := 1; n <= warm; n++ {
					roam(n)
				}
				before := goroutines()
				for n := warm + 1; n <= all; n++ {
					roam(n)
				}
				// Old media sockets are read for two seconds more, so wait for them.
				r.until("the goroutines of old paths are gone", func(phone.State) bool { return goroutines() <= before })
				if c := find(r.state1(), id); c.State != phone.Up || c.Roams != all {
					t.Fatalf("the call is %s after %d roams", c.State, c.Roams)
				}
				oneBinding(t, r, home().Addr())
				hangUp(t, r, id, true)
			})
		})
	}
}

func (r *rig) walk() {
	r.world.Phone.Unplug("wlan0")
	r.world.Phone.Plug("usb0", "tethering", tether())
}

// there is the newest call of a peer, from its side.
func (r *rig) there(name string) *siptest.PeerCall {
	r.t.Helper()
	calls := r.world.Peer(name).Calls()
	if len(calls) == 0 {
		r.t.Fatalf("%s has no call\n%s", name, r.story())
	}
	return calls[len(calls)-1]
}

func (r *rig) thereIs(name, what string, ok func(siptest.CallState) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if s, err := r.there(name).Wait(ctx, ok); err != nil {
		r.t.Fatalf("%s never saw: %s (%v): %+v\n%s", name, what, err, s, r.story())
	}
}

// incoming lets Carol call and waits until it rings here.
func (r *rig) incoming() (phone.CallID, <-chan error) {
	r.t.Helper()
	r.registered()
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	go func() { defer cancel(); done <- r.world.Ring(ctx) }()
	s := r.until("ringing", func(s phone.State) bool {
		return len(s.Calls) > 0 && s.Calls[len(s.Calls)-1].State == phone.Ringing
	})
	return s.Calls[len(s.Calls)-1].ID, done
}

func TestIncoming(t *testing.T) {
	t.Run("answered, with sound both ways, and hung up by the caller", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			r := newRig(t, locate.UDP)
			id, done := r.incoming()
			r.do(phone.Answer{Call: id})
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			r.until("sound", func(s phone.State) bool {
				c := find(s, id)
				return c.State == phone.Up && c.Media.RxPackets > 25 && c.Media.TxPackets > 25
			})
			if err := r.there("carol").Hangup(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.until("ended", func(s phone.State) bool { return find(s, id).State == phone.Ended })
		})
	})
	t.Run("declined", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			r := newRig(t, locate.TCP)
			id, done := r.incoming()
			r.do(phone.Decline{Call: id})
			err := <-done
			if refused, ok := errors.AsType[*siptest.Refused](err); !ok || refused.Code != 603 {
				t.Fatalf("Carol got %v, want 603", err)
			}
		})
	})
	t.Run("ringing while the phone is closed is no refusal by a person", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			r := newRig(t, locate.TCP)
			_, done := r.incoming()
			r.do(phone.Quit{})
			err := <-done
			if refused, ok := errors.AsType[*siptest.Refused](err); !ok || refused.Code != 480 {
				t.Fatalf("Carol got %v, want 480", err)
			}
		})
	})
	t.Run("ringing while the network moves, then answered on the new path", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			r := newRig(t, locate.UDP)
			id, done := r.incoming()
			r.walk()
			r.roamed(1)
			if c := find(r.state1(), id); c.State != phone.Ringing {
				t.Fatalf("it is %s: %s", c.State, words.End(c).Text)
			}
			r.do(phone.Answer{Call: id})
			if err := <-done; err != nil {
				t.Fatalf("%v\n%s", err, r.story())
			}
			s := r.until("sound", func(s phone.State) bool {
				c := find(s, id)
				return c.State == phone.Up && c.Media.RxPackets > 25
			})
			if got := find(s, id).LocalMedia.Addr(); got != tether().Addr() {
				t.Errorf("media at %s, want the new address", got)
			}
		})
	})
}

func TestHold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		id := r.call("melody")
		r.do(phone.HoldCall{Call: id})
		r.until("held by us", func(s phone.State) bool { return find(s, id).Held == phone.HeldLocal })
		r.thereIs("melody", "hold", func(s siptest.CallState) bool { return s.Media.Held || !s.Media.Direction.Sends() })
		if err := r.there("melody").Hold(r.ctx); err != nil {
			t.Fatal(err)
		}
		r.until("held by both", func(s phone.State) bool { return find(s, id).Held == phone.HeldBoth })
		r.do(phone.ResumeCall{Call: id})
		r.until("held by them", func(s phone.State) bool { return find(s, id).Held == phone.HeldRemote })
		if err := r.there("melody").Resume(r.ctx); err != nil {
			t.Fatal(err)
		}
		s := r.until("nobody holds", func(s phone.State) bool { return find(s, id).Held == phone.HeldByNone })
		before := find(s, id).Media.RxPackets
		r.until("sound again", func(s phone.State) bool { return find(s, id).Media.RxPackets > before+25 })
	})
}

func TestHeldCallRoams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.TCP)
		id := r.call("melody")
		r.do(phone.HoldCall{Call: id})
		r.until("held", func(s phone.State) bool { return find(s, id).Held == phone.HeldLocal })
		r.walk()
		if roam := r.roamed(1); roam.Phase != phone.RoamDone {
			t.Fatalf("%s: %s\n%s", roam.Phase, words.RoamFailure(roam), r.story())
		}
		if c := find(r.state1(), id); c.Held != phone.HeldLocal || c.State != phone.Up {
			t.Fatalf("after the roam it is %s, held by %s", c.State, c.Held)
		}
		r.do(phone.ResumeCall{Call: id})
		before := find(r.state1(), id).Media.RxPackets
		r.until("sound on the new path", func(s phone.State) bool { return find(s, id).Media.RxPackets > before+25 })
	})
}

func TestUnansweredCallIsPlacedAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRigIn(t, locate.UDP, 0, demo.Options{Ring: 3 * time.Second})
		r.registered()
		id := r.do(phone.Dial{Target: "melody"}).Call
		r.until("ringing", func(s phone.State) bool { return find(s, id).State == phone.Ringing })
		r.walk()
		s := r.until("answered on the new path", func(s phone.State) bool {
			c := find(s, id)
			return c.State == phone.Up && c.Media.RxPackets > 25
		})
		if got := find(s, id).LocalMedia.Addr(); got != tether().Addr() {
			t.Errorf("media at %s, want the new address", got)
		}
	})
}

func TestGraceEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRigWith(t, locate.UDP, 0, demo.Options{}, func(p *engine.Parts) {
			p.Accounts[0].Policy.KeepFor = 700 * time.Millisecond
		})
		id := r.call("melody")
		r.world.Phone.Unplug("wlan0")
		r.until("the time left is shown", func(s phone.State) bool { return !find(s, id).KeepUntil.IsZero() })
		s := r.until("given up", func(s phone.State) bool { return find(s, id).State == phone.Ended })
		if c := find(s, id); words.End(c).Text == "" {
			t.Error("ended without a reason")
		}
		r.world.Phone.Plug("usb0", "tethering", tether())
		r.thereIs("melody", "the BYE that was owed", func(s siptest.CallState) bool { return s.Phase == siptest.Ended })
		r.onlyRedialHelps()
	})
}

// onlyRedialHelps: the roam cost the call, and no restart brings it back.
func (r *rig) onlyRedialHelps() {
	r.t.Helper()
	if roam := r.roamed(1); roam.Phase != phone.RoamFailed || !slices.Equal(roam.Next, []string{"redial"}) {
		r.t.Errorf("the roam %s at %s; what helps: %v", roam.Phase, roam.FailedStep, roam.Next)
	}
}

func TestLostDialogOffersRedial(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		id := r.call("melody")
		r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
			if to := req.To(); req.Method == sipgo.INVITE && to != nil {
				if _, inDialog := to.Params.Get("tag"); inDialog {
					return &siptest.Reply{Code: 481, Reason: "Call Does Not Exist"}
				}
			}
			return nil
		})
		r.walk()
		s := r.until("lost, with a redial offered", func(s phone.State) bool {
			c := find(s, id)
			return c.State == phone.Ended && c.NeedsRedial
		})
		if words.End(find(s, id)).Text == "" {
			t.Error("no reason is told")
		}
		again := r.do(phone.Redial{Call: id}).Call
		r.until("talking again", func(s phone.State) bool {
			c := find(s, again)
			return c.State == phone.Up && c.Media.RxPackets > 25
		})
		r.onlyRedialHelps()
	})
}

func TestRestartKeepsCalls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.TCP)
		id := r.call("melody")
		r.do(phone.Restart{})
		if roam := r.roamed(1); roam.Phase != phone.RoamDone {
			t.Fatalf("%s: %s\n%s", roam.Phase, words.RoamFailure(roam), r.story())
		}
		before := find(r.state1(), id).Media.RxPackets
		r.until("sound", func(s phone.State) bool { return find(s, id).Media.RxPackets > before+25 })
		hangUp(t, r, id, true)
	})
}

func TestPeerRoams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		id := r.call("melody")
		host := r.world.Net.Host("melody")
		host.Plug("eth1", "melody's other network", netip.MustParsePrefix("198.51.100.88/24"))
		ctx, cancel := context.WithTimeout(r.ctx, patience)
		defer cancel()
		if err := r.world.Peer("melody").Move(ctx, netip.MustParseAddrPort("198.51.100.88:5060")); err != nil {
			t.Fatal(err)
		}
		before := find(r.state1(), id).Media.RxPackets
		r.until("sound goes on", func(s phone.State) bool { return find(s, id).Media.RxPackets > before+25 })
		hangUp(t, r, id, false)
	})
}

func TestRefusals(t *testing.T) { bubble(t, refusals) }

func refusals(t *testing.T) {
	r := newRig(t, locate.UDP)
	r.registered()
	for _, tt := range []struct {
		name string
		cmd  phone.Command
		code phone.Code
	}{
		{"hang up without a call", phone.Hangup{}, phone.ErrNoSuchCall},
		{"hold a call that never was", phone.HoldCall{Call: 77}, phone.ErrNoSuchCall},
		{"dial nothing", phone.Dial{Target: " "}, phone.ErrUsage},
		{"dial with an unknown account", phone.Dial{Target: "melody", Account: "nobody"}, phone.ErrNoSuchAccount},
		{"redial before anything was dialled", phone.Redial{}, phone.ErrNoSuchCall},
		{"swap without calls", phone.Swap{}, phone.ErrNoSuchCall},
	} {
		_, err := r.e.Do(r.ctx, tt.cmd)
		if e, ok := errors.AsType[*phone.Error](err); !ok || e.Code() != tt.code {
			t.Errorf("%s: got %v, want code %d", tt.name, err, tt.code)
		}
	}
}
