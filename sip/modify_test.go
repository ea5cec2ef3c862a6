package sip

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/sdp"
)

func TestModify(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		t.Run("we hold by re-INVITE and by UPDATE", func(t *testing.T) {
			c, _ := dialled(t, ph, p)
			for _, method := range []dialog.Method{dialog.Reinvite, dialog.Update} {
				hold := errJob(func() error { return c.Modify(ctxOf(t), method, sdp.SendOnly) })
				m := p.expect(method.String())
				if m.Tag("To") != "bobtag" || !strings.HasSuffix(string(m.Body), "a=sendonly\r\n") || m.value("Contact") == "" {
					t.Errorf("got %s", m.text)
				}
				m.reply(200, "OK", "", sdpB, p.contact())
				if _, err := wait(t, hold); err != nil {
					t.Fatalf("%v: %v", method, err)
				}
				if method == dialog.Reinvite && p.expect("ACK").cseq() != m.cseq() {
					t.Error("the ACK does not fit")
				}
			}
		})
		t.Run("the peer holds by re-INVITE and by UPDATE, and is answered at once", func(t *testing.T) {
			c, l := called(t, ph, p)
			for _, method := range []string{"INVITE", "UPDATE"} {
				l.send(method, sdpB+"a=sendonly\r\n")
				m := p.expect("SIP/2.0 200", method)
				if !strings.HasSuffix(string(m.Body), "a=recvonly\r\n") || m.value("Contact") == "" {
					t.Errorf("got %s", m.text)
				}
				for e := event[applied](ph); e.Call != c || e.Negotiated.Direction != sdp.RecvOnly; e = event[applied](ph) {
				}
				if method == "INVITE" {
					l.send("ACK", "")
				}
			}
			if string(ask(c, c.Offer)) != sdpB {
				t.Errorf("the call's first offer became %q", ask(c, c.Offer))
			}
		})
		t.Run("an offer of the peer is refused and the call goes on", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			l.send("INVITE", strings.Replace(sdpB, "RTP/AVP 0", "RTP/AVP 18", 1))
			if w := p.expect("SIP/2.0 488").value("Warning"); w != `399 ramble "no codec in common"` {
				t.Errorf("Warning %q", w)
			}
			l.branchACK()
			if ask(c, c.IsOver) {
				t.Error("the call is over")
			}
		})
		t.Run("a re-INVITE without an offer gets ours", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			l.send("INVITE", "")
			p.expect("SIP/2.0 200", "INVITE")
			l.send("ACK", strings.Replace(sdpB, "4002", "4004", 1))
			for e := event[applied](ph); e.Call != c || e.Negotiated.Remote.RTP.Port() != 4004; e = event[applied](ph) {
			}
		})
		t.Run("offers that cross get 491, and ours may be tried again", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			ours := errJob(func() error { return c.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv) })
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
			ours = errJob(func() error { return c.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv) })
			p.expect("INVITE").reply(200, "OK", "", sdpB, p.contact())
			if _, err := wait(t, ours); err != nil {
				t.Error(err)
			}
			p.expect("ACK")
		})
		t.Run("an offer of ours waits until the peer's exchange is over", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			l.send("INVITE", sdpB)
			p.expect("SIP/2.0 200", "INVITE")
			c.feed(dialog.Want{Wish: wish(sdp.SendOnly), Urgency: dialog.Soon})
			l.send("ACK", "")
			if m := p.expect("INVITE"); !strings.HasSuffix(string(m.Body), "a=sendonly\r\n") {
				t.Errorf("got %s", m.text)
			} else {
				m.reply(200, "OK", "", sdpB, p.contact())
			}
			p.expect("ACK")
		})
		t.Run("the peer hangs up while our offer is out", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			ours := errJob(func() error { return c.Modify(ctxOf(t), dialog.Update, sdp.SendRecv) })
			p.expect("UPDATE")
			l.send("BYE", "")
			if _, err := wait(t, ours); !errors.Is(err, ErrEnded) {
				t.Errorf("got %v", err)
			}
		})
		t.Run("481 and 408 to a move leave the call to whoever moves it", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			for _, code := range []int{481, 408} {
				ours := errJob(func() error { return c.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv) })
				p.expect("INVITE").reply(code, "No", "", "")
				_, err := wait(t, ours)
				var re *ResponseError
				if !errors.As(err, &re) || re.Code != code || ask(c, c.IsOver) {
					t.Fatalf("got %v, over %v", err, ask(c, c.IsOver))
				}
			}
			l.send("BYE", "")
			c.over(t)
		})
		t.Run("481 and 408 to a hold end the call, which the peer does not know any more", func(t *testing.T) {
			for _, code := range []int{481, 408} {
				c, _ := dialled(t, ph, p)
				c.feed(dialog.Want{Wish: wish(sdp.SendOnly), Urgency: dialog.Soon})
				p.expect("INVITE").reply(code, "No", "", "")
				if e := c.over(t); e.How != dialog.Unknown || e.Code != code {
					t.Errorf("got %+v", e)
				}
				if code == 408 { // it may only not have been reached
					p.expect("BYE").reply(200, "OK", "", "")
				}
			}
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
		modify := func(t *testing.T, p *peer, c *talker, l *leg, next *phone) {
			t.Helper()
			refresh := errJob(func() error { return c.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv) })
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
				c.MoveTo(next.st)
				modify(t, p, c, l, next)
				if who == "the peer" {
					l.send("BYE", "")
					p.expect("SIP/2.0 200", "BYE")
					c.over(t)
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
			c.MoveTo(next.st)
			l.send("BYE", "")
			p.expect("SIP/2.0 200", "BYE")
			c.over(t)
		})
		t.Run("a request in flight fails at once and works on the new stack", func(t *testing.T) {
			p, old, next := setup(t)
			c, l := dialled(t, old, p)
			lost := errJob(func() error { return c.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv) })
			inv := p.expect("INVITE")
			old.close()
			if _, err := wait(t, lost); !errors.Is(err, ErrStackClosed) {
				t.Fatalf("got %v", err)
			}
			c.MoveTo(next.st)
			// The server may still hold it: CANCEL by the new path, with the old Via.
			again := errJob(func() error { return c.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv) })
			m := p.expect("CANCEL")
			if m.value("Via") != inv.value("Via") || m.cseq() != inv.cseq() {
				t.Errorf("the CANCEL does not fit:\n%s\n%s", inv.text, m.text)
			}
			m.reply(200, "OK", "", "")
			if ack := p.expect("ACK"); ack.cseq() != inv.cseq() {
				t.Errorf("got %s", ack.text)
			}
			p.expect("INVITE").reply(200, "OK", "", sdpB, p.contact())
			if _, err := wait(t, again); err != nil {
				t.Error(err)
			}
			p.expect("ACK")
			modify(t, p, c, l, next)
		})
		t.Run("an outgoing call that rings is cancelled by the new path, and what rang is hung up", func(t *testing.T) {
			p, old, next := setup(t)
			rang := make(chan struct{})
			c, _ := invite(t, old, func(Progress) { close(rang) })
			inv := p.expect("INVITE")
			inv.reply(180, "Ringing", "x", "", p.contact())
			<-rang
			old.close()
			c.MoveTo(next.st)
			hungUp := errJob(func() error { return c.Bye(ctxOf(t)) })
			m := p.expect("CANCEL")
			if m.value("Via") != inv.value("Via") {
				t.Errorf("CANCEL by %q", m.value("Via"))
			}
			if bye := p.expect("BYE"); bye.Tag("To") != "x" {
				t.Errorf("got %s", bye.text)
			} else {
				bye.reply(200, "OK", "", "")
			}
			m.reply(481, "Call/Transaction Does Not Exist", "x", "")
			if _, err := wait(t, hungUp); err != nil {
				t.Error(err)
			}
		})
		t.Run("an incoming call that rings is answered by the new path", func(t *testing.T) {
			p, old, next := setup(t)
			l := p.call(old.st.Local())
			l.send("INVITE", sdpB)
			c := event[incoming](old).Call
			old.close()
			c.MoveTo(next.st)
			accepted := errJob(func() error { return c.Accept(ctxOf(t)) })
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
			c.over(t)
		})
		t.Run("a BYE that could not be sent is sent after the move", func(t *testing.T) {
			p, old, next := setup(t)
			c, _ := dialled(t, old, p)
			old.close()
			bye := errJob(func() error { return c.Bye(ctxOf(t)) })
			c.MoveTo(next.st)
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
		c := event[incoming](ph).Call
		accepted := errJob(func() error { return c.Accept(ctxOf(t)) })
		l.answeredBy(p.expect("SIP/2.0 200", "INVITE"))
		l.send("ACK", "")
		if _, err := wait(t, accepted); err != nil {
			t.Fatal(err)
		}
		l.p = elsewhere
		l.send("INVITE", sdpB)
		elsewhere.expect("SIP/2.0 200", "INVITE")
		l.send("ACK", "")
		if e := event[retargeted](ph); e.Call != c {
			t.Error("another call moved")
		}
		if at := ask(c, c.RemoteSignalling); at != elsewhere.addr {
			t.Errorf("signalling with %v", at)
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
		c := newTalker(ph, bob())
		ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
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
