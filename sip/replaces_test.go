package sip

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/sdp"
)

func TestReplacing(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		t.Run("an answered call, at the peer's address of record", func(t *testing.T) {
			p := newPeer(t, transport)
			ph := open(t, account(), p.server())
			c, _ := dialled(t, ph, p, "Supported: replaces, timer")
			if !ask(c, c.Replaceable) {
				t.Error("the peer said that it can")
			}
			list := c.replacements()
			if len(list) != 1 {
				t.Fatalf("%d calls", len(list))
			}
			n := list[0]
			ans := job(func() (Answer, error) { return n.Invite(ctxOf(t), ph.st, nil) })
			m := p.expect("INVITE")
			r, ok := parseReplaces(m.value("Replaces"))
			if !ok || r.callID != c.CallID() || r.toTag != "bobtag" || r.fromTag != c.id.tag || m.value("Require") != "replaces" ||
				m.value("Call-ID") == c.CallID() || !strings.HasPrefix(m.Start, "INVITE sip:bob@example.test ") {
				t.Errorf("got %s", m.text)
			}
			m.reply(200, "OK", "other", sdpB, p.contact())
			if _, err := wait(t, ans); err != nil {
				t.Fatal(err)
			}
			p.expect("ACK")
			again := errJob(func() error { return n.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv) })
			m = p.expect("INVITE")
			if m.value("Replaces") != "" || m.value("Require") != "" {
				t.Errorf("a re-INVITE replaces nothing: %s", m.text)
			}
			m.reply(200, "OK", "", sdpB, p.contact())
			if _, err := wait(t, again); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("what rings: the newest fork first", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c := newTalker(ph, bob())
		rang := make(chan struct{}, 2)
		job(func() (Answer, error) {
			return c.Invite(ctxOf(t), ph.st, func(Progress) { rang <- struct{}{} })
		})
		m := p.expect("INVITE")
		m.reply(180, "Ringing", "one", "", p.contact())
		m.reply(180, "Ringing", "two", "", p.contact())
		<-rang
		<-rang
		var tags []string
		for _, n := range c.replacements() {
			ans := job(func() (Answer, error) { return n.Invite(ctxOf(t), ph.st, nil) })
			m := p.expect("INVITE")
			r, _ := parseReplaces(m.value("Replaces"))
			tags = append(tags, r.toTag)
			m.reply(481, "No", "z", "")
			_, _ = wait(t, ans)
		}
		if strings.Join(tags, " ") != "two one" {
			t.Errorf("got %q", tags)
		}
	})
}

func TestBeingReplaced(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		names := func(c *talker, l *leg) string {
			return "Replaces: " + replaces{callID: l.callID, toTag: c.id.tag, fromTag: c.tags()[0]}.String()
		}
		t.Run("by the peer: the engine hears which call it is", func(t *testing.T) {
			c, l := called(t, ph, p)
			n := p.call(ph.st.Local())
			n.send("INVITE", sdpB, names(c, l), "Require: replaces")
			in := event[incoming](ph)
			if in.Replaces != c.Call {
				t.Fatalf("it replaces %v", in.Replaces)
			}
			done := errJob(func() error { return in.Call.Accept(ctxOf(t)) })
			n.answeredBy(p.expect("SIP/2.0 200", "INVITE"))
			n.send("ACK", "")
			if _, err := wait(t, done); err != nil {
				t.Fatal(err)
			}
		})
		t.Run("refused by the book", func(t *testing.T) {
			c, l := called(t, ph, p)
			ringing := p.call(ph.st.Local())
			ringing.send("INVITE", sdpB)
			rings := event[incoming](ph).Call
			over, lOver := called(t, ph, p)
			lOver.send("BYE", "")
			p.expect("SIP/2.0 200", "BYE")
			over.over(t) // the 200 goes first, and the next request comes by another connection
			for _, tt := range []struct{ name, header, code string }{
				{"another dialog", "Replaces: x;to-tag=a;from-tag=b", "481"},
				{"the wrong tag", "Replaces: " + l.callID + ";to-tag=" + c.id.tag + ";from-tag=b", "481"},
				{"no tags", "Replaces: " + l.callID, "400"},
				{"two of them", names(c, l) + "\r\n" + names(c, l), "400"},
				{"early-only, but answered", names(c, l) + ";early-only", "486"},
				{"a call that rings here", names(rings, ringing), "481"},
				{"a call that is over", names(over, lOver), "603"},
			} {
				n := p.call(ph.st.Local())
				n.send("INVITE", sdpB, tt.header)
				if m := p.expect("SIP/2.0 "+tt.code, "INVITE"); m == nil {
					t.Error(tt.name)
				}
				n.branchACK()
			}
			other := p.call(ph.st.Local())
			other.local = `<sip:mallory@example.test>;tag=m`
			other.send("INVITE", sdpB, names(c, l))
			p.expect("SIP/2.0 403", "INVITE")
			if ask(c, c.IsOver) {
				t.Error("the call is over")
			}
		})
	})
	t.Run("directly, from an address that nobody knows", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		acct := account()
		acct.AllowFrom = []netip.Prefix{netip.PrefixFrom(p.addr.Addr(), 32)}
		ph := open(t, acct, locate.Server{})
		c, l := called(t, ph, p)
		stranger := newPeerAt(t, locate.UDP, "127.0.0.2:0", nil)
		n := stranger.call(ph.st.Local())
		n.send("INVITE", sdpB)
		stranger.expect("SIP/2.0 403")
		n = stranger.call(ph.st.Local())
		n.send("INVITE", sdpB, "Replaces: "+replaces{callID: l.callID, toTag: c.id.tag, fromTag: "guessed"}.String())
		stranger.expect("SIP/2.0 403")
		n = stranger.call(ph.st.Local())
		n.send("INVITE", sdpB, "Replaces: "+replaces{callID: l.callID, toTag: c.id.tag, fromTag: c.tags()[0]}.String())
		if in := event[incoming](ph); in.Replaces != c.Call {
			t.Fatal("it replaces nothing")
		}
	})
}

func TestSettlingALostOffer(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		for _, answered := range []bool{false, true} {
			p := newPeer(t, transport)
			dialogs := NewDialogs()
			share := func(o *StackOptions) { o.Dialogs = dialogs }
			old := open(t, account(), p.server(), share)
			next := open(t, old.acct, p.server(), share)
			c, _ := dialled(t, old, p)
			c.feed(dialog.Want{Wish: wish(sdp.SendOnly), Urgency: dialog.Soon})
			inv := p.expect("INVITE")
			if row := ask(c, c.Row); row != dialog.Offering {
				t.Errorf("it is still in progress: row %d", row)
			}
			old.close()
			lost := dialog.Quiet
			for until := time.Now().Add(patience); lost != dialog.OfferLost && time.Now().Before(until); lost = ask(c, c.Row) {
				runtime.Gosched()
			}
			if lost != dialog.OfferLost {
				t.Errorf("the server may hold it: row %d", lost)
			}
			c.MoveTo(next.st)
			m := p.expect("CANCEL")
			if m.value("Via") != inv.value("Via") || m.cseq() != inv.cseq() || m.Tag("To") != "bobtag" {
				t.Errorf("the CANCEL does not fit: %s", m.text)
			}
			if answered {
				m.reply(481, "Call/Transaction Does Not Exist", "x", "")
			} else {
				m.reply(200, "OK", "x", "")
			}
			// The ACK goes out either way: a 200 to the CANCEL does not say that
			// the INVITE was not answered before (RFC 3261 9.2).
			if ack := p.expect("ACK"); ack.cseq() != inv.cseq() {
				t.Errorf("got %s", ack.text)
			}
			p.expect("INVITE").reply(200, "OK", "", sdpB, p.contact())
			p.expect("ACK")
		}
	})
}

func TestAnswerRepeatedByTheNewPath(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		dialogs := NewDialogs()
		share := func(o *StackOptions) { o.Dialogs = dialogs }
		old := open(t, account(), p.server(), share)
		next := open(t, old.acct, p.server(), share)
		l := p.call(old.st.Local())
		l.send("INVITE", sdpB)
		c := event[incoming](old).Call
		accepted := errJob(func() error { return c.Accept(ctxOf(t)) })
		p.expect("SIP/2.0 200", "INVITE")
		old.close()
		c.MoveTo(next.st)
		moved := wish(sdp.SendRecv)
		moved.At.RTP = netip.MustParseAddrPort("127.0.0.1:4444")
		c.feed(dialog.Want{Wish: moved, Urgency: dialog.Now})
		var m *message
		for m == nil || !strings.Contains(string(m.Body), "m=audio 4444 ") {
			m = p.expect("SIP/2.0 200", "INVITE")
		}
		if m.value("Contact") != "<"+next.st.Contact(next.acct)+">" {
			t.Errorf("Contact %s", m.value("Contact"))
		}
		l.answeredBy(m)
		l.to, l.conn = m.from, m.conn
		l.send("ACK", "")
		if _, err := wait(t, accepted); err != nil {
			t.Fatal(err)
		}
		p.expect("INVITE").reply(200, "OK", "", sdpB, p.contact()) // the refresh follows
	})
}
