package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// timed is a peer with session timers (RFC 4028): what it says of them, and what it
// is asked within a call.
type timed struct {
	says   string // Session-Expires of its INVITEs, refreshes and 2xx
	answer func(n int, req *sipgo.Request) *siptest.Reply

	mu    sync.Mutex
	asked []refresh
}

// refresh is one that the peer was asked for.
type refresh struct {
	method, timer, contact string
	at                     time.Time
}

func (p *timed) headers() []sipgo.Header {
	return []sipgo.Header{sipgo.NewHeader("Session-Expires", p.says), sipgo.NewHeader("Supported", "timer")}
}

func (p *timed) play(o *siptest.PeerOptions) {
	o.Headers, o.Session = p.headers, p.headers
	o.OnRequest = func(_ *siptest.PeerCall, req *sipgo.Request) *siptest.Reply {
		if req.Method != sipgo.INVITE && req.Method != sipgo.UPDATE {
			return nil
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		one := refresh{method: string(req.Method), contact: req.Contact().Value(), at: time.Now()}
		if h := req.GetHeader("Session-Expires"); h != nil {
			one.timer = h.Value()
		}
		p.asked = append(p.asked, one)
		if p.answer == nil {
			return nil
		}
		return p.answer(len(p.asked), req)
	}
}

func (p *timed) refreshes() []refresh {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]refresh(nil), p.asked...)
}

// fresh says whether the call is up and its last refresh so long ago at most.
func (p *timed) fresh(t *testing.T, r *rig, id phone.CallID, most time.Duration) {
	t.Helper()
	list := p.refreshes()
	if c := find(r.state1(), id); c.State != phone.Up {
		t.Fatalf("the call is %v: %+v\n%s", c.State, c.End, r.story())
	}
	if len(list) == 0 || time.Since(list[len(list)-1].at) > most {
		t.Errorf("refreshes: %+v, now %v", list, time.Now())
	}
}

// outlasts waits for so long at most until a call is over.
func (r *rig) outlasts(id phone.CallID, most time.Duration) phone.Call {
	r.t.Helper()
	for began := time.Now(); time.Since(began) < most && find(r.state1(), id).State != phone.Ended; {
		r.pass(time.Second)
	}
	return r.stateIs(id, phone.Ended)
}

// TestASessionTimerOfOurs: we refresh, whoever called, by UPDATE, or by re-INVITE where
// the peer does not take that, before half of the time is over, with the address that
// we have by then; a longer interval that the peer wants is taken.
func TestASessionTimerOfOurs(t *testing.T) {
	for name, tt := range map[string]struct {
		theyCall bool
		answer   func(n int, req *sipgo.Request) *siptest.Reply
		method   string
		least    string // of the timer by the end
	}{
		"we call":   {method: "UPDATE", least: "90"},
		"they call": {theyCall: true, method: "UPDATE", least: "90"},
		"without UPDATE": {method: "INVITE", least: "90", answer: func(_ int, req *sipgo.Request) *siptest.Reply {
			if req.Method == sipgo.UPDATE {
				return &siptest.Reply{Code: 405}
			}
			return nil
		}},
		"422 to a refresh": {method: "UPDATE", least: "120", answer: func(n int, _ *sipgo.Request) *siptest.Reply {
			if n == 1 {
				return &siptest.Reply{Code: 422, Headers: []sipgo.Header{sipgo.NewHeader("Min-SE", "120")}}
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				p := &timed{says: "90;refresher=uac", answer: tt.answer}
				if tt.theyCall {
					p.says = "90;refresher=uas"
				}
				s := script{world: demo.Options{Peer: p.play}}
				var r *rig
				var id phone.CallID
				if tt.theyCall {
					var done <-chan error
					r, id, _, done = s.ringing(t, transport)
					r.do(phone.Answer{Call: id})
					r.stateIs(id, phone.Up)
					if err := <-done; err != nil {
						t.Fatal(err)
					}
				} else {
					r = s.run(t, transport)
					id = r.call("melody")
				}
				p.says = "90;refresher=uac" // ours, by our refreshes
				if tt.least == "120" {
					p.says = "120;refresher=uac"
				}
				r.pass(50 * time.Second)
				p.fresh(t, r, id, 46*time.Second)
				if list := p.refreshes(); list[len(list)-1].method != tt.method || !strings.HasPrefix(list[len(list)-1].timer, tt.least+";refresher=uac") {
					t.Errorf("refreshed by %+v", list)
				}
				r.world.Phone.Unplug("wlan0")
				r.world.Phone.Plug("usb0", "tethering", tether())
				r.pass(5 * time.Minute)
				p.fresh(t, r, id, 70*time.Second)
				list := p.refreshes()
				if last := list[len(list)-1]; !strings.Contains(last.contact, tether().Addr().String()) || !strings.HasPrefix(last.timer, tt.least) {
					t.Errorf("refreshed by %+v", last)
				}
				r.do(phone.Hangup{Call: id})
				r.stateIs(id, phone.Ended)
			})
		})
	}
}

// TestASessionTimerOfTheirs: they refresh, and the call lives; they fall silent, and
// it is over before the time is, said with its reason, and with a BYE.
func TestASessionTimerOfTheirs(t *testing.T) {
	for _, method := range []string{"re-INVITE", "UPDATE"} {
		t.Run(method, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				p := &timed{says: "90;refresher=uas"}
				r := script{world: demo.Options{Peer: p.play}}.run(t, transport)
				id := r.call("melody")
				melody := r.one("melody")
				p.says = "90;refresher=uac" // they are, in their refreshes
				for range 6 {
					r.pass(45 * time.Second)
					refresh := melody.Reinvite
					if method == "UPDATE" {
						refresh = melody.Update
					}
					ctx, cancel := context.WithTimeout(r.ctx, patience)
					if err := refresh(ctx, nil); err != nil {
						t.Fatal(err, r.story())
					}
					cancel()
					r.stateIs(id, phone.Up)
				}
				if list := p.refreshes(); len(list) != 0 {
					t.Errorf("and so do we: %+v", list)
				}
				began := time.Now()
				c := r.outlasts(id, 95*time.Second)
				if d := time.Since(began); c.End.Cause != phone.Expired || d < 55*time.Second || d > 62*time.Second {
					t.Errorf("after %v: %+v", d, c.End)
				}
				r.hasHungUp(melody)
			})
		})
	}
}

// TestASessionTimerThatNobodyAnswers: our refreshes come to nothing, and the call is
// over, with its reason.
func TestASessionTimerThatNobodyAnswers(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		p := &timed{says: "90;refresher=uac", answer: func(int, *sipgo.Request) *siptest.Reply { return &siptest.Reply{Silent: true} }}
		r := script{world: demo.Options{Peer: p.play}}.run(t, transport)
		id := r.call("melody")
		melody, began := r.one("melody"), time.Now()
		c := r.outlasts(id, 95*time.Second)
		if d := time.Since(began); d > 91*time.Second || c.End.Cause != phone.Expired && c.End.Cause != phone.LostToPeer {
			t.Errorf("after %v: %+v", d, c.End)
		}
		t.Logf("over after %v: %v %v", time.Since(began), c.End.By, c.End.Cause)
		r.hasHungUp(melody)
	})
}
