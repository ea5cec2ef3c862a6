package sip

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"ramble/sip/locate"
)

func TestRingers(t *testing.T) {
	now := time.Unix(1000, 0)
	r, one := ringers{}, source{addr: netip.MustParseAddr("203.0.113.5")}
	for i := range ringsAtOnce {
		if d := r.wait(one, now); d != 0 {
			t.Fatalf("call %d waits for %v", i+1, d)
		}
		r.ring(one, now)
	}
	if d := r.wait(one, now); d != ringAgain {
		t.Errorf("one more waits for %v, want %v", d, ringAgain)
	}
	if d := r.wait(source{caller: "sip:bob@example.test"}, now); d != 0 {
		t.Errorf("another caller waits for %v", d)
	}
	now = now.Add(ringAgain)
	if d := r.wait(one, now); d != 0 {
		t.Errorf("%v later it waits for %v", ringAgain, d)
	}
	r.ring(one, now)
	if d := r.wait(one, now); d != ringAgain {
		t.Errorf("after that one it waits for %v", d)
	}
	r.answered(one)
	if d := r.wait(one, now); d != 0 {
		t.Errorf("after an answer it waits for %v", d)
	}
	t.Run("are forgotten where they are many, and never more than fit", func(t *testing.T) {
		for i := range 3 * maxRingers {
			r.ring(source{caller: fmt.Sprint(i)}, now)
		}
		if len(r) != maxRingers {
			t.Errorf("%d callers are known", len(r))
		}
		now = now.Add(ringsAtOnce * ringAgain)
		r.ring(source{caller: "late"}, now)
		if len(r) != 1 {
			t.Errorf("%d callers are known later", len(r))
		}
	})
}

// TestACallerWhoRingsAndCancels has a caller, by the server and from an address
// that may call, ring and give up without end: it hears busy, and when to come
// again, and nobody else does.
func TestACallerWhoRingsAndCancels(t *testing.T) {
	for _, by := range []string{"the server", "an address that may call"} {
		t.Run("by "+by, func(t *testing.T) {
			p := newPeer(t, locate.UDP)
			acct, server := account(), p.server()
			if by != "the server" {
				acct.AllowAny, server = true, nowhere()
			}
			ph := open(t, acct, server)
			for range ringsAtOnce {
				l := p.call(ph.st.Local())
				l.send("INVITE", "")
				c := event[incoming](ph).Call
				l.sendAs("CANCEL", l.seq, "")
				p.expect("SIP/2.0 487", "INVITE")
				c.over(t)
			}
			p.call(ph.st.Local()).send("INVITE", "")
			m := p.expect("SIP/2.0 486", "INVITE")
			if n, err := strconv.Atoi(m.value("Retry-After")); err != nil || n < 1 || time.Duration(n)*time.Second > ringAgain {
				t.Errorf("Retry-After %q", m.value("Retry-After"))
			}
			if by == "the server" {
				l := p.call(ph.st.Local())
				l.local = strings.Replace(l.local, "sip:peer@", "sip:carol@", 1)
				l.send("INVITE", "")
				event[incoming](ph)
			}
		})
	}
	t.Run("may call as often as he is answered", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		for range ringsAtOnce + 2 {
			c, l := called(t, ph, p)
			l.send("BYE", "")
			p.expect("SIP/2.0 200", "BYE")
			c.over(t)
		}
	})
}
