package engine_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/netwatch/netwatchtest"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// Two phones of ours, of which one or both move.

func cafe() netip.Prefix { return netip.MustParsePrefix("10.44.0.9/16") }

// duo is a call between them that is up with sound.
type duo struct {
	t          *testing.T
	me, friend *rig
	theirHost  *netwatchtest.Host
	mine, his  phone.CallID
}

func newDuo(t *testing.T, transport locate.Transport, friendCalls bool, o demo.Options) *duo {
	t.Helper()
	auto := func(p *engine.Parts) { p.Accounts[0].AutoAnswer = engine.AutoAlways }
	p := &duo{t: t, me: script{world: o, phone: auto}.run(t, transport)}
	p.friend, p.theirHost = p.me.friend(transport, auto)
	p.me.registered()
	p.friend.registered()
	if friendCalls {
		p.friend.do(phone.Dial{Target: demo.User})
	} else {
		p.me.do(phone.Dial{Target: "friend"})
	}
	id := func(r *rig) phone.CallID {
		s := r.until("the call is up with sound", func(s phone.State) bool {
			return len(s.Calls) == 1 && s.Calls[0].State == phone.Up && s.Calls[0].Media.RxPackets > 10
		})
		return s.Calls[0].ID
	}
	p.mine, p.his = id(p.me), id(p.friend)
	p.me.pass(time.Second)
	return p
}

func (p *duo) iMove()  { p.me.walk() }
func (p *duo) heMove() { p.theirHost.Unplug("wlan0"); p.theirHost.Plug("wlan1", "cafe", cafe()) }

// talk: both hear each other from now on, and know where the other is.
func (p *duo) talk() time.Duration {
	p.t.Helper()
	began := time.Now()
	side := func(r *rig, id phone.CallID) {
		before := find(r.state1(), id).Media.RxPackets
		r.until("sound", func(s phone.State) bool {
			c := find(s, id)
			return c.State == phone.Up && c.Media.RxPackets > before+25 && !c.Recovering && !s.Accounts[0].Roaming
		})
	}
	side(p.me, p.mine)
	side(p.friend, p.his)
	for _, r := range []*rig{p.me, p.friend} {
		live := 0
		for _, c := range r.state1().Calls {
			if c.State != phone.Ended {
				live++
			}
		}
		if live != 1 || len(r.state1().Calls) != 1 {
			p.t.Fatalf("%d calls, %d of them live; want the one\n%s", len(r.state1().Calls), live, r.story())
		}
	}
	return time.Since(began)
}

// ends: a hang-up arrives.
func (p *duo) ends(heDoes bool) {
	p.t.Helper()
	if heDoes {
		p.friend.do(phone.Hangup{Call: p.his})
	} else {
		p.me.do(phone.Hangup{Call: p.mine})
	}
	p.me.stateIs(p.mine, phone.Ended)
	p.friend.stateIs(p.his, phone.Ended)
}

// TestBothRoam: at once, and one shortly after the other, whoever called.
func TestBothRoam(t *testing.T) {
	for _, friendCalls := range []bool{false, true} {
		for name, apart := range map[string]time.Duration{
			"at once": 0, "5 ms apart": 5 * time.Millisecond, "40 ms apart": 40 * time.Millisecond, "a second apart": time.Second,
		} {
			who := "I called"
			if friendCalls {
				who = "the friend called"
			}
			t.Run(who+"/"+name, func(t *testing.T) {
				bubbles(t, func(t *testing.T, transport locate.Transport) {
					p := newDuo(t, transport, friendCalls, demo.Options{})
					p.iMove()
					p.me.pass(apart)
					p.heMove()
					t.Logf("both talk after %s", p.talk())
					for _, r := range []*rig{p.me, p.friend} {
						for _, ro := range r.state1().Roams {
							if ro.Phase == phone.RoamFailed {
								t.Errorf("a roam failed: %s", words.RoamFailure(ro))
							}
						}
					}
					p.me.pass(45 * time.Second)
					p.talk()
					p.ends(!friendCalls)
				})
			})
		}
	}
}

// TestBothRoamAgainAndAgain: twenty times, at once, one call.
func TestBothRoamAgainAndAgain(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		p := newDuo(t, transport, false, demo.Options{})
		for n := range 20 {
			mine, his := []string{"wlan0", "usb0"}, []string{"wlan0", "wlan1"}
			if n%2 == 1 {
				mine[0], mine[1], his[0], his[1] = mine[1], mine[0], his[1], his[0]
			}
			p.me.world.Phone.Unplug(mine[0])
			p.theirHost.Unplug(his[0])
			p.me.world.Phone.Plug(mine[1], "tethering", tether())
			p.theirHost.Plug(his[1], "cafe", cafe())
			p.talk()
		}
		p.ends(true)
	})
}

// TestOneRoamsDirectly: no proxy in the dialog; the peer is believed wherever
// it comes from, and is not when it moved as well and says so to nobody.
func TestOneRoamsDirectly(t *testing.T) {
	direct := demo.Options{Server: func(o *siptest.Options) { o.Quirks.NoRecordRoute = true }}
	for name, apart := range map[string]time.Duration{"one": -1, "one after the other": 2 * time.Second, "both at once": 0} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				p := newDuo(t, transport, false, direct)
				before := p.me.world.Registrar.Count("INVITE")
				p.iMove()
				if apart >= 0 {
					p.me.pass(apart)
					p.heMove()
				}
				t.Logf("both talk after %s", p.talk())
				if n := p.me.world.Registrar.Count("INVITE") - before; apart != 0 && n != 0 {
					t.Errorf("%d INVITEs went by the server, want none", n)
				}
				p.ends(true)
			})
		})
	}
}

// TestAnsweredUnheardByAFriend: my friend's phone answers as my network goes;
// it takes the call up again without ringing.
func TestAnsweredUnheardByAFriend(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		me := script{}.run(t, transport)
		friend, _ := me.friend(transport, func(*engine.Parts) {})
		me.registered()
		friend.registered()
		mine := me.do(phone.Dial{Target: "friend"}).Call
		s := friend.until("it rings there", func(s phone.State) bool { return len(s.Calls) == 1 && s.Calls[0].State == phone.Ringing })
		his := s.Calls[0].ID
		me.stateIs(mine, phone.Ringing)
		me.offline()
		friend.do(phone.Answer{Call: his})
		me.pass(time.Second)
		me.online()
		me.stateIs(mine, phone.Up)
		friend.stateIs(his, phone.Up)
		p := &duo{t: t, me: me, friend: friend, mine: mine, his: his}
		p.talk()
		if c := find(friend.state1(), his); c.Direction != phone.Incoming || c.Answered.IsZero() {
			t.Errorf("it is another call: %+v", c)
		}
		p.ends(true)
	})
}

// TestGlareOfRefreshes: both hold at the moment in which both move.
func TestGlareOfRefreshes(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		p := newDuo(t, transport, false, demo.Options{})
		p.me.do(phone.HoldCall{Call: p.mine})
		p.friend.do(phone.HoldCall{Call: p.his})
		p.iMove()
		p.heMove()
		for r, id := range map[*rig]phone.CallID{p.me: p.mine, p.friend: p.his} {
			r.until("held by both", func(s phone.State) bool { return find(s, id).Held == phone.HeldBoth && !s.Accounts[0].Roaming })
		}
		p.me.do(phone.ResumeCall{Call: p.mine})
		p.friend.do(phone.ResumeCall{Call: p.his})
		for r, id := range map[*rig]phone.CallID{p.me: p.mine, p.friend: p.his} {
			r.until("held by nobody", func(s phone.State) bool { return find(s, id).Held == phone.HeldByNone })
		}
		p.talk()
		p.ends(false)
	})
}

// TestByeOvertakesTheAnswer: the friend takes the new dialog, and its BYE to the
// old one is here before its 2xx.
func TestByeOvertakesTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *duo
		armed := make(chan struct{})
		var old string
		answers := 0
		p = newDuo(t, locate.UDP, false, demo.Options{Trace: func(m siptest.Traced) {
			select {
			case <-armed:
			default:
				return
			}
			raw := string(m.Raw)
			if !m.Out || !isOKToInvite(raw) || m.Remote.Addr() != tether().Addr() {
				return
			}
			if !strings.Contains(raw, old) {
				answers++ // to the INVITE with Replaces: the second arrives
			}
			if answers < 2 { // that to the refresh never does
				net := p.me.world.Net
				net.Loss("tethering", 1)
				time.AfterFunc(time.Microsecond, func() { net.Loss("tethering", 0) })
			}
		}})
		old = find(p.me.state1(), p.mine).SIPCallID
		close(armed)
		p.iMove()
		p.me.until("the new dialog", func(s phone.State) bool { return find(s, p.mine).SIPCallID != old })
		p.talk()
		if answers < 2 {
			t.Errorf("%d answers to the INVITE with Replaces, want one that is lost and its repetition", answers)
		}
		p.ends(true)
	})
}

// TestForeignReplacesIsRefused: somebody else of the same server knows the
// call's tags and wants it.
func TestForeignReplacesIsRefused(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		names := ""
		r := script{world: demo.Options{
			Trace: func(m siptest.Traced) {
				if raw := string(m.Raw); names == "" && isOKToInvite(raw) && !m.Out {
					names = tagsOf(raw)
				}
			},
			Peer: func(o *siptest.PeerOptions) {
				if o.User == "carol" {
					o.Headers = func() []sipgo.Header { return []sipgo.Header{sipgo.NewHeader("Replaces", names)} }
				}
			},
		}}.run(t, transport)
		id := r.call("melody")
		if err := r.world.Ring(r.ctx); err == nil || !strings.Contains(err.Error(), "403") {
			t.Fatalf("Carol got %v, want 403", err)
		}
		audioBothWays(t, r, id, r.world.Voices()[0], home().Addr())
		r.one("melody")
	})
}

// tagsOf is the Replaces of a dialog, from the answer to the call that we made:
// our tag is in From.
func tagsOf(raw string) string {
	get := func(name, param string) string {
		_, rest, _ := strings.Cut(raw, "\r\n"+name+": ")
		line, _, _ := strings.Cut(rest, "\r\n")
		if param == "" {
			return line
		}
		_, v, _ := strings.Cut(line, ";"+param+"=")
		return v
	}
	return get("Call-ID", "") + ";to-tag=" + get("From", "tag") + ";from-tag=" + get("To", "tag")
}
