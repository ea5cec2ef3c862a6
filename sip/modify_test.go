package sip

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

func TestModify(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		t.Run("we hold by re-INVITE and by UPDATE", func(t *testing.T) {
			c, _ := dialled(t, ph, p)
			for _, method := range []Method{Reinvite, Update} {
				hold := job(func() (Answer, error) { return c.Modify(ctxOf(t), method, []byte(sdpA+"a=sendonly\r\n")) })
				m := p.expect(method.String())
				if m.Tag("To") != "bobtag" || !strings.HasSuffix(string(m.Body), "a=sendonly\r\n") || m.value("Contact") == "" {
					t.Errorf("got %s", m.text)
				}
				m.reply(200, "OK", "", sdpB, p.contact())
				if a, err := wait(t, hold); err != nil || string(a.SDP) != sdpB {
					t.Fatalf("%v: %q, %v", method, a.SDP, err)
				}
				if method == Reinvite && p.expect("ACK").cseq() != m.cseq() {
					t.Error("the ACK does not fit")
				}
			}
		})
		t.Run("the peer holds by re-INVITE and by UPDATE", func(t *testing.T) {
			c, l := called(t, ph, p)
			for _, method := range []string{"INVITE", "UPDATE"} {
				l.send(method, sdpB+"a=sendonly\r\n")
				e := event[Offered](ph)
				if e.Call != c || e.Update != (method == "UPDATE") || string(e.Offer) != sdpB+"a=sendonly\r\n" {
					t.Fatalf("got %+v", e)
				}
				done := errJob(func() error { return e.Answer(ctxOf(t), []byte(sdpA)) })
				m := p.expect("SIP/2.0 200", method)
				if string(m.Body) != sdpA || m.value("Contact") == "" {
					t.Errorf("got %s", m.text)
				}
				if method == "INVITE" {
					l.send("ACK", "")
				}
				if _, err := wait(t, done); err != nil {
					t.Fatal(err)
				}
			}
			if string(c.Offer()) != sdpB {
				t.Errorf("the call's first offer became %q", c.Offer())
			}
		})
		t.Run("an offer of the peer is refused and the call goes on", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			l.send("INVITE", sdpB)
			if err := event[Offered](ph).Refuse(488); err != nil {
				t.Fatal(err)
			}
			p.expect("SIP/2.0 488")
			l.branchACK()
			if c.isOver() {
				t.Error("the call is over")
			}
		})
		t.Run("a re-INVITE without an offer gets ours", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			l.send("INVITE", "")
			e := event[Offered](ph)
			if e.Offer != nil {
				t.Error("an offer from nowhere")
			}
			done := errJob(func() error { return e.Answer(ctxOf(t), []byte(sdpA)) })
			p.expect("SIP/2.0 200", "INVITE")
			l.send("ACK", sdpB)
			if a := event[Answered](ph); a.Call != c || string(a.SDP) != sdpB {
				t.Errorf("got %+v", a)
			}
			if _, err := wait(t, done); err != nil {
				t.Error(err)
			}
		})
		t.Run("offers that cross get 491, and ours may be tried again", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			ours := job(func() (Answer, error) { return c.Modify(ctxOf(t), Reinvite, []byte(sdpA)) })
			m := p.expect("INVITE")
			l.send("INVITE", sdpB)
			p.expect("SIP/2.0 491")
			l.branchACK()
			m.reply(491, "Request Pending", "", "")
			_, err := wait(t, ours)
			var re *ResponseError
			if !errors.As(err, &re) || re.Code != 491 {
				t.Fatalf("got %v", err)
			}
			ours = job(func() (Answer, error) { return c.Modify(ctxOf(t), Reinvite, []byte(sdpA)) })
			p.expect("INVITE").reply(200, "OK", "", sdpB, p.contact())
			if _, err := wait(t, ours); err != nil {
				t.Error(err)
			}
		})
		t.Run("a second offer of the peer hears 500 with Retry-After, ours fails with 491", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			l.send("INVITE", sdpB)
			e := event[Offered](ph)
			l.send("UPDATE", sdpB)
			if m := p.expect("SIP/2.0 500"); m.value("Retry-After") == "" {
				t.Errorf("got %s", m.text)
			}
			_, err := c.Modify(ctxOf(t), Reinvite, []byte(sdpA))
			var re *ResponseError
			if !errors.As(err, &re) || re.Code != 491 {
				t.Errorf("got %v", err)
			}
			if err := e.Refuse(488); err != nil {
				t.Error(err)
			}
		})
		t.Run("the peer hangs up while our offer is out", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			ours := job(func() (Answer, error) { return c.Modify(ctxOf(t), Update, []byte(sdpA)) })
			p.expect("UPDATE")
			l.send("BYE", "")
			if _, err := wait(t, ours); !errors.Is(err, ErrEnded) {
				t.Errorf("got %v", err)
			}
		})
		t.Run("481 and 408 leave the call to the engine", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			for _, code := range []int{481, 408} {
				ours := job(func() (Answer, error) { return c.Modify(ctxOf(t), Reinvite, []byte(sdpA)) })
				p.expect("INVITE").reply(code, "No", "", "")
				_, err := wait(t, ours)
				var re *ResponseError
				if !errors.As(err, &re) || re.Code != code || c.isOver() {
					t.Fatalf("got %v, over %v", err, c.isOver())
				}
			}
			l.send("BYE", "")
			event[Ended](ph)
		})
	})
}

// TestMove is the heart of roaming: the call goes on, on a new stack.
func TestMove(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		setup := func(t *testing.T) (p *peer, old, next *phone) {
			p = newPeer(t, transport)
			dialogs := NewDialogs()
			share := func(o *StackOptions) { o.Dialogs = dialogs }
			old = open(t, account(), p.server(), share)
			next = open(t, old.acct, p.server(), share)
			return p, old, next
		}
		modify := func(t *testing.T, p *peer, c *Call, l *leg, next *phone) {
			t.Helper()
			refresh := job(func() (Answer, error) { return c.Modify(ctxOf(t), Reinvite, []byte(sdpA)) })
			m := p.expect("INVITE")
			if via := m.value("Via"); !strings.Contains(via, next.st.Local().String()) {
				t.Errorf("Via %q, the stack is at %v", via, next.st.Local())
			}
			if m.value("Contact") != "<"+next.st.Contact(next.acct)+">" {
				t.Errorf("Contact %q", m.value("Contact"))
			}
			if transport == locate.UDP && m.from != next.st.Local() {
				t.Errorf("it came from %v", m.from)
			}
			m.reply(200, "OK", "", sdpB, p.contact())
			if _, err := wait(t, refresh); err != nil {
				t.Fatal(err)
			}
			if a := p.expect("ACK"); !strings.Contains(a.value("Via"), next.st.Local().String()) {
				t.Errorf("ACK by %q", a.value("Via"))
			}
			l.to, l.conn, l.target = m.from, m.conn, next.st.Contact(next.acct)
		}
		for _, who := range []string{"the peer", "we"} {
			t.Run("with the old stack closed, and then "+who+" hang up", func(t *testing.T) {
				p, old, next := setup(t)
				c, l := dialled(t, old, p)
				old.close()
				c.Move(next.st)
				modify(t, p, c, l, next)
				if who == "the peer" {
					l.send("BYE", "")
					p.expect("SIP/2.0 200", "BYE")
					if e := event[Ended](next); e.Call != c {
						t.Error("another call ended")
					}
					return
				}
				bye := errJob(func() error { return c.Bye(ctxOf(t)) })
				m := p.expect("BYE")
				if !strings.Contains(m.value("Via"), next.st.Local().String()) {
					t.Errorf("BYE by %q", m.value("Via"))
				}
				m.reply(200, "OK", "", "")
				if _, err := wait(t, bye); err != nil {
					t.Error(err)
				}
			})
		}
		t.Run("a BYE that still arrives at the old stack is heard", func(t *testing.T) {
			p, old, next := setup(t)
			c, l := called(t, old, p)
			c.Move(next.st)
			l.send("BYE", "")
			p.expect("SIP/2.0 200", "BYE")
			if e := event[Ended](old); e.Call != c {
				t.Error("another call ended")
			}
		})
		t.Run("a request in flight fails at once and works on the new stack", func(t *testing.T) {
			p, old, next := setup(t)
			c, l := dialled(t, old, p)
			lost := job(func() (Answer, error) { return c.Modify(ctxOf(t), Reinvite, []byte(sdpA)) })
			inv := p.expect("INVITE")
			old.close()
			if _, err := wait(t, lost); !errors.Is(err, ErrStackClosed) {
				t.Fatalf("got %v", err)
			}
			c.Move(next.st)
			// The server may still hold it: CANCEL by the new path, with the old Via.
			cancelled := errJob(func() error { return c.Cancel(ctxOf(t)) })
			m := p.expect("CANCEL")
			if m.value("Via") != inv.value("Via") || m.cseq() != inv.cseq() {
				t.Errorf("the CANCEL does not fit:\n%s\n%s", inv.text, m.text)
			}
			m.reply(200, "OK", "", "")
			if _, err := wait(t, cancelled); err != nil {
				t.Error(err)
			}
			modify(t, p, c, l, next)
		})
		t.Run("an outgoing call that rings is cancelled by the new path", func(t *testing.T) {
			p, old, next := setup(t)
			c := NewCall(old.acct, old.auth, wire.URI{Scheme: "sip", User: "bob", Host: "example.test"})
			ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), old.st, []byte(sdpA), nil) })
			inv := p.expect("INVITE")
			inv.reply(180, "Ringing", "x", "", p.contact())
			old.close()
			if _, err := wait(t, ans); !errors.Is(err, ErrStackClosed) {
				t.Fatalf("got %v", err)
			}
			c.Move(next.st)
			cancelled := errJob(func() error { return c.Cancel(ctxOf(t)) })
			m := p.expect("CANCEL")
			if m.value("Via") != inv.value("Via") {
				t.Errorf("CANCEL by %q", m.value("Via"))
			}
			m.reply(481, "Call/Transaction Does Not Exist", "x", "")
			_, err := wait(t, cancelled)
			var re *ResponseError
			if !errors.As(err, &re) || re.Code != 481 {
				t.Errorf("got %v", err)
			}
		})
		t.Run("an incoming call that rings is answered by the new path", func(t *testing.T) {
			p, old, next := setup(t)
			l := p.call(old.st.Local())
			l.send("INVITE", sdpB)
			c := event[Incoming](old).Call
			old.close()
			c.Move(next.st)
			accepted := errJob(func() error { return c.Accept(ctxOf(t), []byte(sdpA)) })
			m := p.expect("SIP/2.0 200", "INVITE")
			if m.value("Contact") != "<"+next.st.Contact(next.acct)+">" {
				t.Errorf("Contact %q", m.value("Contact"))
			}
			l.answeredBy(m)
			l.to, l.conn = next.st.Local(), nil
			if transport == locate.TCP {
				l.conn = p.dial(l.to)
			}
			l.send("ACK", "")
			if _, err := wait(t, accepted); err != nil {
				t.Error(err)
			}
			l.send("BYE", "")
			event[Ended](next)
		})
		t.Run("a BYE that could not be sent is sent after the move", func(t *testing.T) {
			p, old, next := setup(t)
			c, _ := dialled(t, old, p)
			old.close()
			if err := c.Bye(ctxOf(t)); !errors.Is(err, ErrStackClosed) {
				t.Fatalf("got %v", err)
			}
			c.Move(next.st)
			bye := errJob(func() error { return c.Bye(ctxOf(t)) })
			p.expect("BYE").reply(200, "OK", "", "")
			if _, err := wait(t, bye); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestPeerMoves(t *testing.T) {
	t.Run("its new Contact is followed, whatever address the request came from", func(t *testing.T) {
		p, elsewhere := newPeer(t, locate.UDP), newPeer(t, locate.UDP)
		acct := account()
		acct.AllowFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		ph := open(t, acct, locate.Server{}) // peers talk directly, no route set
		l := p.call(ph.st.Local())
		l.send("INVITE", sdpB)
		c := event[Incoming](ph).Call
		accepted := errJob(func() error { return c.Accept(ctxOf(t), []byte(sdpA)) })
		l.answeredBy(p.expect("SIP/2.0 200", "INVITE"))
		l.send("ACK", "")
		if _, err := wait(t, accepted); err != nil {
			t.Fatal(err)
		}
		l.p = elsewhere
		l.send("INVITE", sdpB)
		e := event[Offered](ph)
		answered := errJob(func() error { return e.Answer(ctxOf(t), []byte(sdpA)) })
		elsewhere.expect("SIP/2.0 200", "INVITE")
		l.send("ACK", "")
		if _, err := wait(t, answered); err != nil {
			t.Fatal(err)
		}
		if e := event[TargetMoved](ph); e.Call != c {
			t.Error("another call moved")
		}
		if c.RemoteSignalling() != elsewhere.addr {
			t.Errorf("signalling with %v", c.RemoteSignalling())
		}
		bye := errJob(func() error { return c.Bye(ctxOf(t)) })
		elsewhere.expect("BYE").reply(200, "OK", "", "")
		if _, err := wait(t, bye); err != nil {
			t.Error(err)
		}
	})
	t.Run("the route set is kept and its proxy is the next hop", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c := NewCall(ph.acct, ph.auth, wire.URI{Scheme: "sip", User: "bob", Host: "example.test"})
		ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, []byte(sdpA), nil) })
		p.expect("INVITE").reply(200, "OK", "bobtag", sdpB, "Contact: <sip:bob@192.0.2.44:5070;ob>",
			"Record-Route: <sip:far.example.test;lr>, <sip:"+p.addr.String()+";lr;ftag=1>")
		p.expect("ACK")
		if _, err := wait(t, ans); err != nil {
			t.Fatal(err)
		}
		bye := errJob(func() error { return c.Bye(ctxOf(t)) })
		m := p.expect("BYE")
		// Reversed (RFC 3261 12.1.2), and the target untouched.
		if routes := m.All("Route"); len(routes) != 2 || routes[0] != "<sip:"+p.addr.String()+";lr;ftag=1>" ||
			!strings.HasPrefix(m.Start, "BYE sip:bob@192.0.2.44:5070;ob ") {
			t.Errorf("got %s", m.text)
		}
		m.reply(200, "OK", "", "")
		_, _ = wait(t, bye)
	})
}
