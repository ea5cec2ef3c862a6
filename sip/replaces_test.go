package sip

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

func TestReplacing(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		t.Run("an answered call, at the peer's address of record", func(t *testing.T) {
			p := newPeer(t, transport)
			ph := open(t, account(), p.server())
			c, _ := dialled(t, ph, p, "Supported: replaces, timer")
			if !c.Replaceable() {
				t.Error("the peer said that it can")
			}
			list := c.Replacements(wire.URI{Scheme: "sip", User: "bob", Host: "example.test"})
			if len(list) != 1 {
				t.Fatalf("%d calls", len(list))
			}
			n := list[0]
			ans := job(func() (Answer, error) { return n.Invite(ctxOf(t), ph.st, []byte(sdpA), nil) })
			m := p.expect("INVITE")
			r, ok := parseReplaces(m.value("Replaces"))
			if !ok || r.callID != c.CallID() || r.toTag != "bobtag" || r.fromTag != c.d.localTag || m.value("Require") != "replaces" ||
				m.value("Call-ID") == c.CallID() || !strings.HasPrefix(m.Start, "INVITE sip:bob@example.test ") {
				t.Errorf("got %s", m.text)
			}
			m.reply(200, "OK", "other", sdpB, p.contact())
			if _, err := wait(t, ans); err != nil {
				t.Fatal(err)
			}
			p.expect("ACK")
			again := job(func() (Answer, error) { return n.Modify(ctxOf(t), Reinvite, []byte(sdpA)) })
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
		c := NewCall(ph.acct, ph.auth, wire.URI{Scheme: "sip", User: "bob", Host: "example.test"})
		rang := make(chan struct{}, 2)
		job(func() (Answer, error) {
			return c.Invite(ctxOf(t), ph.st, []byte(sdpA), func(Progress) { rang <- struct{}{} })
		})
		m := p.expect("INVITE")
		m.reply(180, "Ringing", "one", "", p.contact())
		m.reply(180, "Ringing", "two", "", p.contact())
		<-rang
		<-rang
		var tags []string
		for _, n := range c.Replacements(wire.URI{Scheme: "sip", User: "bob", Host: "example.test"}) {
			r, _ := parseReplaces(n.replaces)
			tags = append(tags, r.toTag)
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
		names := func(c *Call, l *leg) string {
			return "Replaces: " + replaces{callID: l.callID, toTag: c.d.localTag, fromTag: c.d.remoteTag}.String()
		}
		t.Run("by the peer: the engine hears which call it is", func(t *testing.T) {
			c, l := called(t, ph, p)
			n := p.call(ph.st.Local())
			n.send("INVITE", sdpB, names(c, l), "Require: replaces")
			in := event[Incoming](ph)
			if in.Replaces != c {
				t.Fatalf("it replaces %v", in.Replaces)
			}
			done := errJob(func() error { return in.Call.Accept(ctxOf(t), []byte(sdpA)) })
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
			rings := event[Incoming](ph).Call
			over, lOver := called(t, ph, p)
			lOver.send("BYE", "")
			p.expect("SIP/2.0 200", "BYE")
			event[Ended](ph) // the 200 goes first, and the next request comes by another connection
			for _, tt := range []struct{ name, header, code string }{
				{"another dialog", "Replaces: x;to-tag=a;from-tag=b", "481"},
				{"the wrong tag", "Replaces: " + l.callID + ";to-tag=" + c.d.localTag + ";from-tag=b", "481"},
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
			if c.isOver() {
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
		n.send("INVITE", sdpB, "Replaces: "+replaces{callID: l.callID, toTag: c.d.localTag, fromTag: "guessed"}.String())
		stranger.expect("SIP/2.0 403")
		n = stranger.call(ph.st.Local())
		n.send("INVITE", sdpB, "Replaces: "+replaces{callID: l.callID, toTag: c.d.localTag, fromTag: c.d.remoteTag}.String())
		if in := event[Incoming](ph); in.Replaces != c {
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
			lost := job(func() (Answer, error) { return c.Modify(ctxOf(t), Reinvite, []byte(sdpA)) })
			inv := p.expect("INVITE")
			if c.Unfinished() {
				t.Error("it is still in progress")
			}
			old.close()
			if _, err := wait(t, lost); !errors.Is(err, ErrStackClosed) {
				t.Fatalf("got %v", err)
			}
			c.Move(next.st)
			if !c.Unfinished() {
				t.Error("the server may hold it")
			}
			settled := errJob(func() error { return c.Settle(ctxOf(t)) })
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
			_, err := wait(t, settled)
			var re *ResponseError
			if answered != errors.As(err, &re) || c.Unfinished() {
				t.Errorf("got %v, unfinished %v", err, c.Unfinished())
			}
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
		c := event[Incoming](old).Call
		accepted := errJob(func() error { return c.Accept(ctxOf(t), []byte(sdpA)) })
		p.expect("SIP/2.0 200", "INVITE")
		old.close()
		c.Move(next.st)
		moved := strings.Replace(sdpA, "4000", "4444", 1)
		if !c.Reanswer([]byte(moved)) {
			t.Fatal("the answer waits for its ACK")
		}
		var m *message
		for m == nil || string(m.Body) != moved {
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
		select {
		case <-c.Acknowledged():
		case <-time.After(patience):
			t.Error("it is acknowledged")
		}
		if c.Reanswer([]byte(sdpA)) {
			t.Error("nothing waits any more")
		}
	})
}

func TestAbandoning(t *testing.T) {
	p := newPeer(t, locate.UDP)
	dialogs := NewDialogs()
	share := func(o *StackOptions) { o.Dialogs = dialogs }
	old := open(t, account(), p.server(), share)
	next := open(t, old.acct, p.server(), share)
	c := NewCall(old.acct, old.auth, wire.URI{Scheme: "sip", User: "bob", Host: "example.test"})
	rang := make(chan struct{}, 2)
	ans := job(func() (Answer, error) {
		return c.Invite(ctxOf(t), old.st, []byte(sdpA), func(Progress) { rang <- struct{}{} })
	})
	m := p.expect("INVITE")
	m.reply(180, "Ringing", "bobtag", "", p.contact())
	<-rang
	old.close()
	if _, err := wait(t, ans); !errors.Is(err, ErrStackClosed) {
		t.Fatalf("got %v", err)
	}
	c.Move(next.st)
	done := errJob(func() error { return c.Abandon(ctxOf(t)) })
	p.expect("CANCEL").reply(481, "Call/Transaction Does Not Exist", "x", "")
	if bye := p.expect("BYE"); bye.Tag("To") != "bobtag" {
		t.Errorf("got %s", bye.text)
	} else {
		bye.reply(200, "OK", "", "")
	}
	_, _ = wait(t, done)
	if !c.isOver() {
		t.Error("it is not over")
	}
}
