package sip

import (
	"strings"
	"testing"
	"time"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/sdp"
	"ramble/sip/wire"
)

// Faults that interleavings brought about, each with the order of messages that
// showed it.

// TestAPeerThatMovesRightBehindItsAnswer: 180, 200 and an UPDATE with a new
// Contact leave the peer at once. The order in which they were read is the order
// in which they count, so that the new Contact stands.
func TestAPeerThatMovesRightBehindItsAnswer(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		for range 50 {
			c, _ := invite(t, ph, nil)
			m := p.expect("INVITE")
			m.reply(180, "Ringing", "bobtag", "", p.contact())
			m.reply(200, "OK", "bobtag", sdpB, p.contact())
			l := m.legOf("bobtag")
			l.contact = "Contact: <sip:bob@192.0.2.77:5070>"
			l.send("UPDATE", "")
			p.expect("SIP/2.0 200", "UPDATE")
			if id := ask(c, c.CallID); id != c.id.callID { // while the 200 is being taken in
				t.Error(id)
			}
			if e := event[retargeted](ph); e.Call != c {
				t.Fatal("another call moved")
			}
			if at := ask(c, c.m.Target); at != "sip:bob@192.0.2.77:5070" {
				t.Fatalf("the peer is believed at %s", at)
			}
			c.feed(dialog.Drop{})
		}
	})
}

// TestAHangUpThatCrossesTheAnswer: the 200 comes before, with and after the
// CANCEL. It is acknowledged, a BYE follows, and the user has hung up.
func TestAHangUpThatCrossesTheAnswer(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		for range 80 {
			rang := make(chan struct{})
			c, _ := invite(t, ph, func(Progress) { close(rang) })
			inv := p.expect("INVITE")
			inv.reply(180, "Ringing", "x", "", p.contact())
			<-rang
			go c.feed(dialog.Hangup{})
			inv.reply(200, "OK", "x", sdpB, p.contact())
			ack, bye := false, false
			for !bye {
				switch m := p.expect(""); m.Method() {
				case "ACK":
					ack = true
				case "CANCEL":
					m.reply(481, "Call/Transaction Does Not Exist", "x", "")
				case "BYE":
					if bye = true; !ack {
						t.Error("BYE without the ACK")
					}
					m.reply(200, "OK", "", "")
				}
			}
			if e := c.over(t); e.How != dialog.HungUp || e.By != dialog.Us {
				t.Errorf("got %+v", e)
			}
		}
	})
}

// TestTheFirst200LeavesOnce: the second one is its repetition after T1.
func TestTheFirst200LeavesOnce(t *testing.T) {
	p := newPeer(t, locate.UDP)
	dialogs := NewDialogs()
	share := func(o *StackOptions) { o.Dialogs = dialogs }
	ph := open(t, account(), p.server(), share)
	next := open(t, ph.acct, p.server(), share)
	l := p.call(ph.st.Local())
	l.send("INVITE", sdpB)
	c := event[incoming](ph).Call
	c.MoveTo(next.st) // as whoever answers does, to be on the present path
	began := time.Now()
	accepted := errJob(func() error { return c.Accept(ctxOf(t)) })
	p.expect("SIP/2.0 200", "INVITE")
	l.answeredBy(p.expect("SIP/2.0 200", "INVITE"))
	if apart := time.Since(began); apart < dialog.T1*9/10 {
		t.Errorf("a second 200 left after %v", apart)
	}
	l.send("ACK", "")
	if _, err := wait(t, accepted); err != nil {
		t.Fatal(err)
	}
}

// TestAnswersThatMakeNoCall: what cannot be talked over ends with a BYE and a
// reason.
func TestAnswersThatMakeNoCall(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	t.Run("a 200 whose Contact cannot be reached", func(t *testing.T) {
		c, _ := invite(t, ph, nil)
		p.expect("INVITE").reply(200, "OK", "b", sdpB, "Contact: <sip:bob@nowhere.invalid>")
		if e := c.over(t); e.How != dialog.Adrift || e.Err == nil {
			t.Errorf("got %+v", e)
		}
	})
	for name, body := range map[string]string{"without SDP": "", "with no codec of ours": strings.Replace(sdpB, "AVP 0", "AVP 18", 1), "with nonsense": "v=1\r\n"} {
		t.Run("a 200 "+name, func(t *testing.T) {
			c, _ := invite(t, ph, nil)
			p.expect("INVITE").reply(200, "OK", "b", body, p.contact())
			p.expect("ACK")
			p.expect("BYE").reply(200, "OK", "", "")
			if e := c.over(t); e.How != dialog.Unusable || e.Err == nil || !e.Passed {
				t.Errorf("got %+v", e)
			}
		})
		t.Run("the ACK to a delayed offer "+name, func(t *testing.T) {
			l := p.call(ph.st.Local())
			l.send("INVITE", "")
			c := event[incoming](ph).Call
			c.feed(dialog.Accept{Wish: wish(sdp.SendRecv)})
			l.answeredBy(p.expect("SIP/2.0 200", "INVITE"))
			l.send("ACK", body)
			p.expect("BYE").reply(200, "OK", "", "")
			if e := c.over(t); e.How != dialog.Unusable || e.Err == nil {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// TestAnACKOfAnotherDialogIsNotHeard: the tags are those of the call, or it is
// nobody's.
func TestAnACKOfAnotherDialogIsNotHeard(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	l := p.call(ph.st.Local())
	l.send("INVITE", sdpB)
	c := event[incoming](ph).Call
	c.feed(dialog.Accept{Wish: wish(sdp.SendRecv)})
	l.answeredBy(p.expect("SIP/2.0 200", "INVITE"))
	forged := *l
	forged.local = "<sip:peer@example.test>;tag=guess"
	forged.send("ACK", "")
	p.expect("SIP/2.0 200", "INVITE") // it is still repeated
	if s := ask(c, c.State); s != dialog.Accepted {
		t.Errorf("it is %s", s)
	}
	l.send("ACK", "")
	c.feed(dialog.Drop{})
}

// TestOffersThatCannotBeAnswered are seen before anything rings.
func TestOffersThatCannotBeAnswered(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	for body, fine := range map[string]bool{sdpB: true, "": true,
		strings.Replace(sdpB, "audio 4002", "audio 0", 1): false, strings.Replace(sdpB, "AVP 0", "AVP 18", 1): false} {
		p.call(ph.st.Local()).send("INVITE", body)
		c := event[incoming](ph).Call
		if err := ask(c, c.Acceptable); (err == nil) != fine {
			t.Errorf("%q: %v", body, err)
		}
		c.feed(dialog.Reject{Code: 488, Err: ask(c, c.Acceptable)})
		if w := p.expect("SIP/2.0 488", "INVITE").value("Warning"); strings.HasPrefix(w, `399 ramble "`) == fine {
			t.Errorf("%q: Warning %q", body, w)
		}
	}
}

// TestSessionTimer is RFC 4028 on the wire: a server that requires it both ways.
func TestSessionTimer(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	t.Run("of a call of ours", func(t *testing.T) {
		c, _ := invite(t, ph, nil)
		m := p.expect("INVITE")
		if !wire.Lists(m.All("Supported"), "timer") {
			t.Errorf("got %s", m.text)
		}
		m.reply(422, "Session Interval Too Small", "x", "", "Min-SE: 1800")
		p.expect("ACK")
		m = p.expect("INVITE")
		if m.value("Session-Expires") != "1800;refresher=uac" || m.value("Min-SE") != "1800" {
			t.Errorf("got %s", m.text)
		}
		m.reply(200, "OK", "bobtag", sdpB, p.contact(), "Require: timer", "Session-Expires: 1800;refresher=uac")
		p.expect("ACK")
		if next := ask(c, c.Next); next.IsZero() || time.Until(next) > 15*time.Minute {
			t.Errorf("it is refreshed in %v", time.Until(next))
		}
	})
	t.Run("of a call of theirs", func(t *testing.T) {
		l := p.call(ph.st.Local())
		l.send("INVITE", sdpB, "Require: timer", "Supported: timer", "Session-Expires: 60")
		if m := p.expect("SIP/2.0 422"); m.value("Min-SE") != "90" {
			t.Errorf("got %s", m.text)
		}
		l.branchACK()
		l.send("INVITE", sdpB, "Require: timer", "Supported: timer", "x: 90")
		c := event[incoming](ph).Call
		c.feed(dialog.Accept{Wish: wish(sdp.SendRecv)})
		m := p.expect("SIP/2.0 200", "INVITE")
		if m.value("Session-Expires") != "90;refresher=uac" || !wire.Lists(m.All("Require"), "timer") {
			t.Errorf("got %s", m.text)
		}
	})
}
