package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// The second repair table: what follows each answer to the refresh.

// answers has the peer answer the refreshes of a call with these, one after the
// other, and then by the book.
func answers(codes ...siptest.Reply) func(*siptest.PeerOptions) {
	return func(o *siptest.PeerOptions) {
		n := 0
		o.OnRequest = func(_ *siptest.PeerCall, req *sipgo.Request) *siptest.Reply {
			if req.Method != sipgo.INVITE && req.Method != sipgo.UPDATE {
				return nil
			}
			n++
			if n > len(codes) {
				return nil
			}
			return &codes[n-1]
		}
	}
}

func header(name, value string) []sipgo.Header {
	return []sipgo.Header{sipgo.NewHeader(name, value)}
}

// TestAnswerThatPasses: each of these is tried again, and the call is whole in
// the end, no sooner and no later than the table says.
func TestAnswerThatPasses(t *testing.T) {
	code := func(c int) siptest.Reply { return siptest.Reply{Code: c} }
	for name, tt := range map[string]struct {
		replies         []siptest.Reply
		atLeast, atMost time.Duration
	}{
		"408":                     {replies: []siptest.Reply{code(408)}, atMost: time.Second},
		"408, four of them":       {replies: []siptest.Reply{code(408), code(408), code(408), code(408)}, atLeast: 1500 * time.Millisecond, atMost: 8 * time.Second},
		"503":                     {replies: []siptest.Reply{code(503)}, atMost: time.Second},
		"500 with Retry-After":    {replies: []siptest.Reply{{Code: 500, Headers: header("Retry-After", "6")}}, atLeast: 6 * time.Second, atMost: 8 * time.Second},
		"504 and nothing":         {replies: []siptest.Reply{code(504), {Silent: true}}, atMost: 40 * time.Second},
		"491, we own the Call-ID": {replies: []siptest.Reply{code(491)}, atLeast: 2 * time.Second, atMost: 5 * time.Second},
		"491, four times":         {replies: []siptest.Reply{code(491), code(491), code(491), code(491)}, atLeast: 8 * time.Second, atMost: 17 * time.Second},
		"488":                     {replies: []siptest.Reply{code(488)}, atMost: time.Second},
		"606":                     {replies: []siptest.Reply{code(606)}, atMost: time.Second},
		"480":                     {replies: []siptest.Reply{code(480)}, atMost: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				r := script{world: demo.Options{Peer: func(o *siptest.PeerOptions) {
					answers(tt.replies...)(o)
					o.NoReplaces = true // else that is tried at once, see TestBothRoam
				}}}.run(t, transport)
				id := r.call("melody")
				began := time.Now()
				r.walk()
				last := r.done()
				r.talks(id, tether().Addr())
				took := last.Total
				if took < tt.atLeast || took > tt.atMost {
					t.Errorf("it took %s (%s), want %s to %s\n%s", took, time.Since(began), tt.atLeast, tt.atMost, r.story())
				}
				r.one("melody")
				hangUp(t, r, id, true)
			})
		})
	}
}

// TestAnswer491NotOwner: who was called waits 0 to 2 s.
func TestAnswer491NotOwner(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r, id, cancel, done := script{world: demo.Options{Peer: answers(siptest.Reply{Code: 491})}}.ringing(t, transport)
		defer cancel()
		r.do(phone.Answer{Call: id})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		r.stateIs(id, phone.Up)
		r.talks(id, home().Addr())
		r.walk()
		if took := r.done().Total; took > 2500*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		r.talks(id, tether().Addr())
	})
}

// TestPlainCodecs: after a 488 only the codec in use is offered.
func TestPlainCodecs(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		var offers []string
		r := script{world: demo.Options{Trace: func(m siptest.Traced) {
			if raw := string(m.Raw); !m.Out && strings.HasPrefix(raw, "INVITE ") {
				_, line, _ := strings.Cut(raw, "m=audio ")
				line, _, _ = strings.Cut(line, "\r\n")
				offers = append(offers, line)
			}
		}, Peer: answers(siptest.Reply{Code: 488})}}.run(t, transport)
		id := r.call("melody")
		r.walk()
		r.done()
		r.talks(id, tether().Addr())
		if last := offers[len(offers)-1]; !strings.HasSuffix(last, "RTP/AVP 0 101") {
			t.Errorf("offered %q", offers)
		}
	})
}

// TestAnswer481: before the REGISTER's 2xx it means nothing; after it the call
// is lost, said so, and a redial works from its row.
func TestAnswer481(t *testing.T) {
	t.Run("before the REGISTER's 2xx", func(t *testing.T) {
		bubbles(t, func(t *testing.T, transport locate.Transport) {
			r := script{}.run(t, transport)
			id := r.call("melody")
			known := r.world.Registrar.Count("REGISTER")
			r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
				_, inDialog := req.To().Params.Get("tag")
				if req.Method == sipgo.INVITE && inDialog && r.bindings(tether().Addr()) == 0 {
					return &siptest.Reply{Code: 481}
				}
				return nil
			})
			r.walk()
			r.done()
			r.talks(id, tether().Addr())
			if r.world.Registrar.Count("REGISTER") == known {
				t.Error("no REGISTER")
			}
			hangUp(t, r, id, true)
		})
	})
	t.Run("after it", func(t *testing.T) {
		bubbles(t, func(t *testing.T, transport locate.Transport) {
			r := script{}.run(t, transport)
			id := r.call("melody")
			there := r.one("melody")
			r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
				if _, inDialog := req.To().Params.Get("tag"); req.Method == sipgo.INVITE && inDialog {
					return &siptest.Reply{Code: 481}
				}
				return nil
			})
			byes := r.world.Registrar.Count("BYE")
			r.walk()
			s := r.until("lost", func(s phone.State) bool { return find(s, id).State == phone.Ended })
			if c := find(s, id); !c.NeedsRedial || words.End(c).Text == "" || words.End(c).Hint == "" {
				t.Errorf("not a word: %+v", c)
			}
			r.pass(10 * time.Second)
			if n := r.world.Registrar.Count("BYE"); n != byes {
				t.Error("a BYE hides what happened")
			}
			_ = there.Hangup(r.ctx) // it did know the call after all: ours is over, and says so
			again := r.do(phone.Redial{Call: id}).Call
			r.stateIs(again, phone.Up)
			r.talks(again, tether().Addr())
		})
	})
}

// bindings counts those of the phone at an address.
func (r *rig) bindings(at interface{ String() string }) (n int) {
	for _, b := range r.world.Registrar.Bindings("sip:" + demo.User + "@" + demo.Domain) {
		if strings.Contains(b.Contact, at.String()) {
			n++
		}
	}
	return n
}

// TestForeignChallenge: 401 and 407 of the peer get no credentials. The call is
// kept, and the user told.
func TestForeignChallenge(t *testing.T) {
	for code, name := range map[int]string{401: "WWW-Authenticate", 407: "Proxy-Authenticate"} {
		synctest.Test(t, func(t *testing.T) { // the peer speaks UDP
			leaked := false
			r := script{world: demo.Options{
				Server: func(o *siptest.Options) { o.Quirks.NoRecordRoute = true },
				Peer: func(o *siptest.PeerOptions) {
					o.OnRequest = func(_ *siptest.PeerCall, req *sipgo.Request) *siptest.Reply {
						leaked = leaked || req.GetHeader("Authorization") != nil || req.GetHeader("Proxy-Authorization") != nil
						if req.Method != sipgo.INVITE {
							return nil
						}
						return &siptest.Reply{Code: code, Headers: header(name, `Digest realm="demo.ramble", nonce="evil"`)}
					}
				},
			}}.run(t, locate.UDP)
			id := r.call("melody")
			r.walk()
			s := r.until("the roam has failed", func(s phone.State) bool {
				return len(s.Roams) > 0 && s.Roams[len(s.Roams)-1].Phase == phone.RoamFailed
			})
			if leaked {
				t.Error("credentials went to the peer")
			}
			if why := words.RoamFailure(s.Roams[len(s.Roams)-1]); !strings.Contains(why, "re-INVITE 40") || !strings.Contains(why, "the call is kept") {
				t.Errorf("it says %q", why)
			}
			r.stateIs(id, phone.Up)
		})
	}
}

// TestOwnChallenge: 407 of our own proxy within the dialog gets credentials.
func TestOwnChallenge(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{world: demo.Options{Server: func(o *siptest.Options) {
			o.ProxyAuth, o.Quirks.AuthInDialog = true, true
		}}}.run(t, transport)
		id := r.call("melody")
		r.walk()
		r.done()
		r.talks(id, tether().Addr())
		hangUp(t, r, id, false)
	})
}

// TestNothingAnswers: everything is restarted once; then it is said what failed
// and what to do. The call is kept, and found again when the server is back.
func TestNothingAnswers(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{phone: func(p *engine.Parts) { p.Accounts[0].Policy.KeepFor = 2 * time.Minute }}.run(t, transport)
		id := r.call("melody")
		r.world.Registrar.Script(func(*sipgo.Request) *siptest.Reply { return &siptest.Reply{Silent: true} })
		r.walk()
		r.stateAfter(10*time.Minute, "restarted, and failed", func(s phone.State) bool {
			restarted, failed := false, false
			for _, ro := range s.Roams {
				restarted = restarted || strings.Contains(words.Facts(ro.Why), "everything is restarted")
				failed = failed || ro.Phase == phone.RoamFailed && strings.Contains(words.RoamFailure(ro), "it is tried further")
			}
			return restarted && failed
		})
		r.stateIs(id, phone.Up)
		r.world.Registrar.Script(nil)
		r.stateAfter(3*time.Minute, "registered again", func(s phone.State) bool { return s.Accounts[0].State == phone.Registered })
		r.talks(id, tether().Addr())
		hangUp(t, r, id, true)
	})
}

// TestNoAudioAfterThe2xx: refreshed once more after two seconds, then said.
func TestNoAudioAfterThe2xx(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{world: demo.Options{Peer: func(o *siptest.PeerOptions) { o.Media = nil }}}.run(t, transport)
		id := r.dial("melody")
		r.stateIs(id, phone.Up)
		r.walk()
		s := r.until("it is said", func(s phone.State) bool {
			return len(s.Roams) > 0 && s.Roams[len(s.Roams)-1].Phase == phone.RoamFailed
		})
		if why := words.RoamFailure(s.Roams[len(s.Roams)-1]); !strings.Contains(why, "no audio") {
			t.Errorf("it says %q", why)
		}
		if n := r.one("melody").State().Refreshes; n != 2 {
			t.Errorf("%d refreshes, want two", n)
		}
	})
}

// TestSecondRoamInsideTheFirst, at every moment of the first.
func TestSecondRoamInsideTheFirst(t *testing.T) {
	for at := time.Duration(0); at <= 60*time.Millisecond; at += 4 * time.Millisecond {
		t.Run(at.String(), func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				r := script{}.run(t, transport)
				id := r.call("melody")
				r.walk()
				r.pass(at)
				r.world.Phone.Unplug("usb0")
				r.world.Phone.Plug("wlan0", "cafe", home()) // the first address, on another network
				r.talks(id, home().Addr())
				r.until("at peace", func(s phone.State) bool { return !s.Accounts[0].Roaming })
				if n := r.bindings(home().Addr()); n != 1 {
					t.Errorf("%d bindings at the address in use", n)
				}
				oneBinding(t, r, home().Addr())
				r.pass(40 * time.Second)
				r.one("melody")
				hangUp(t, r, id, true)
			})
		})
	}
}

// TestSameAddressAnotherPort: the network blinks; the address is the same, the
// ports are not, and the server and the peer are told.
func TestSameAddressAnotherPort(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{}.run(t, transport)
		id := r.call("melody")
		before := r.state1().Accounts[0].Contact
		r.world.Phone.Unplug("wlan0")
		r.world.Phone.Plug("wlan0", "cafe", home())
		r.done()
		r.talks(id, home().Addr())
		oneBinding(t, r, home().Addr())
		after := r.state1().Accounts[0].Contact
		if target := r.one("melody").State().Target; transport == locate.UDP && (before == after || target != after) {
			t.Errorf("the peer reaches us at %s, the server at %s, before it was %s", target, after, before)
		}
	})
}

// TestPeerMovesWhileWeDo: its re-INVITE comes while ours is out.
func TestPeerMovesWhileWeDo(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{}.run(t, transport)
		id := r.call("melody")
		r.walk()
		moved := make(chan error, 1)
		go func() { moved <- r.one("melody").Reinvite(r.ctx, nil) }()
		<-moved // perhaps 491, and then ours settles it
		r.done()
		r.talks(id, tether().Addr())
	})
}
