package sip

import (
	"strconv"
	"strings"
	"testing"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/sdp"
)

// ringsReliably has a call of ours answered by 183 with SDP that wants a PRACK.
func ringsReliably(t *testing.T, ph *phone, p *peer) (c *talker, inv *message, ans <-chan result[Answer], progress chan Progress) {
	t.Helper()
	progress = make(chan Progress, 8)
	c = newTalker(ph, bob())
	ans = job(func() (Answer, error) {
		return c.Invite(ctxOf(t), ph.st, func(p Progress) { progress <- p })
	})
	inv = p.expect("INVITE")
	if !strings.Contains(inv.value("Supported"), "100rel") {
		t.Errorf("no 100rel in %s", inv.text)
	}
	inv.reply(183, "Session Progress", "bobtag", sdpB, p.contact(), "Require: 100rel", "RSeq: 7", "Allow: INVITE, ACK, PRACK, UPDATE")
	return c, inv, ans, progress
}

func TestReliableProgress(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		t.Run("is acknowledged once, in its dialog, and counts once", func(t *testing.T) {
			p := newPeer(t, transport)
			ph := open(t, account(), p.server())
			_, inv, ans, progress := ringsReliably(t, ph, p)
			m := p.expect("PRACK")
			if m.value("RAck") != "7 "+strconv.Itoa(inv.cseq())+" INVITE" || m.Tag("To") != "bobtag" || m.cseq() != inv.cseq()+1 ||
				!strings.Contains(m.Start, "sip:peer@"+p.addr.String()) {
				t.Errorf("got %s", m.text)
			}
			m.reply(200, "OK", "", "")
			inv.reply(183, "Session Progress", "bobtag", sdpB, p.contact(), "Require: 100rel", "RSeq: 7")
			inv.reply(180, "Ringing", "bobtag", "", p.contact(), "Require: 100rel", "RSeq: 9") // 8 is missing
			inv.reply(180, "Ringing", "bobtag", "", p.contact(), "Require: 100rel", "RSeq: 8")
			m = p.expect("PRACK")
			if !strings.HasPrefix(m.value("RAck"), "8 ") {
				t.Errorf("acknowledged %q", m.value("RAck"))
			}
			m.reply(200, "OK", "", "")
			inv.reply(200, "OK", "bobtag", "", p.contact())
			if ack := p.expect("ACK"); ack.cseq() != inv.cseq() {
				t.Errorf("got %s", ack.text)
			}
			if _, err := wait(t, ans); err != nil {
				t.Fatal(err)
			}
			if n := len(progress); n != 2 {
				t.Errorf("progress was told %d times, want 2: repetitions and gaps do not count", n)
			}
		})
		t.Run("lets an UPDATE move the early media, from another stack, either way", func(t *testing.T) {
			p := newPeer(t, transport)
			dialogs := NewDialogs()
			share := func(o *StackOptions) { o.Dialogs = dialogs }
			old := open(t, account(), p.server(), share)
			next := open(t, old.acct, p.server(), share)
			c, inv, ans, _ := ringsReliably(t, old, p)
			p.expect("PRACK").reply(200, "OK", "", "")
			if row := ask(c, c.Row); row != dialog.CallingEarly {
				t.Fatalf("UPDATE should be possible: row %d", row)
			}
			c.MoveTo(next.st)
			up := errJob(func() error { return c.Modify(ctxOf(t), dialog.Update, sdp.SendRecv) })
			m := p.expect("UPDATE")
			if m.Tag("To") != "bobtag" || !strings.Contains(m.value("Via"), next.st.Local().String()) ||
				m.value("Contact") != "<"+next.st.Contact(next.acct)+">" {
				t.Errorf("got %s", m.text)
			}
			m.reply(200, "OK", "", sdpB, p.contact())
			if _, err := wait(t, up); err != nil {
				t.Fatal(err)
			}
			l := inv.legOf("bobtag")
			l.send("UPDATE", sdpB)
			p.expect("SIP/2.0 200", "UPDATE")
			inv.reply(200, "OK", "bobtag", "", p.contact())
			if ack := p.expect("ACK"); !strings.Contains(ack.value("Via"), next.st.Local().String()) {
				t.Errorf("the ACK went by %s", ack.value("Via"))
			}
			if _, err := wait(t, ans); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("without it no UPDATE is sent before the answer, and theirs hears 500", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c := newTalker(ph, bob())
		rang := make(chan struct{}, 1)
		ans := job(func() (Answer, error) {
			return c.Invite(ctxOf(t), ph.st, func(Progress) { rang <- struct{}{} })
		})
		inv := p.expect("INVITE")
		inv.reply(183, "Session Progress", "bobtag", sdpB, p.contact(), "Allow: UPDATE")
		<-rang
		if row := ask(c, c.Row); row != dialog.CallingOut {
			t.Errorf("the answer was not reliable: row %d", row)
		}
		if err := c.Modify(ctxOf(t), dialog.Update, sdp.SendRecv); err == nil {
			t.Error("it was sent")
		}
		l := inv.legOf("bobtag")
		l.send("UPDATE", sdpB)
		if m := p.expect("SIP/2.0 500"); m.value("Retry-After") == "" {
			t.Errorf("got %s", m.text)
		}
		inv.reply(200, "OK", "bobtag", sdpB, p.contact())
		if _, err := wait(t, ans); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRingingReliably(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		l := p.call(ph.st.Local())
		l.send("INVITE", sdpB, "Require: 100rel")
		invite := l.seq
		c := event[incoming](ph).Call
		c.Ring(180)
		m := p.expect("SIP/2.0 180")
		if !strings.Contains(m.value("Require"), "100rel") || m.value("RSeq") == "" {
			t.Fatalf("not reliable: %s", m.text)
		}
		if again := p.expect("SIP/2.0 180"); again.value("RSeq") != m.value("RSeq") {
			t.Errorf("it was repeated with another number: %s", again.text)
		}
		l.answeredBy(m)
		l.send("PRACK", "", "RAck: 1 1 INVITE")
		p.expect("SIP/2.0 481", "PRACK")
		l.send("PRACK", "", "RAck: "+m.value("RSeq")+" "+strconv.Itoa(invite)+" INVITE")
		p.expect("SIP/2.0 200", "PRACK")
		accepted := errJob(func() error { return c.Accept(ctxOf(t)) })
		p.expect("SIP/2.0 200", "INVITE")
		l.sendAs("ACK", invite, "")
		if _, err := wait(t, accepted); err != nil {
			t.Fatal(err)
		}
	})
}
