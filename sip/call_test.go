package sip

import (
	"errors"
	"strings"
	"testing"

	"ramble/sip/dialog"
	"ramble/sip/locate"
)

// dialled is a call of ours that the peer answered.
func dialled(t *testing.T, ph *phone, p *peer, vary ...string) (*talker, *leg) {
	t.Helper()
	c := newTalker(ph, bob())
	ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
	m := p.expect("INVITE")
	m.reply(180, "Ringing", "bobtag", "", p.contact())
	m.reply(200, "OK", "bobtag", sdpB, append([]string{p.contact(), "Allow: INVITE, ACK, BYE, UPDATE"}, vary...)...)
	a, err := wait(t, ans)
	if err != nil {
		t.Fatal(err)
	}
	if a.Remote.Port() != 4002 {
		t.Fatalf("media at %v", a.Remote)
	}
	ack := p.expect("ACK")
	for ack.value("Call-ID") != m.value("Call-ID") { // one of a call before
		ack = p.expect("ACK")
	}
	if ack.cseq() != m.cseq() || ack.Tag("To") != "bobtag" {
		t.Fatalf("the ACK does not fit: %s", ack.text)
	}
	return c, m.legOf("bobtag")
}

// called is a call of the peer that the phone answered.
func called(t *testing.T, ph *phone, p *peer, extra ...string) (*talker, *leg) {
	t.Helper()
	l := p.call(ph.st.Local())
	l.send("INVITE", sdpB, extra...)
	c := event[incoming](ph).Call
	c.Ring(180)
	p.expect("SIP/2.0 180")
	accepted := errJob(func() error { return c.Accept(ctxOf(t)) })
	ok := p.expect("SIP/2.0 200", "INVITE")
	l.answeredBy(ok)
	l.send("ACK", "")
	if _, err := wait(t, accepted); err != nil {
		t.Fatal(err)
	}
	return c, l
}

func TestOutgoingCall(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		t.Run("is answered, and we hang up", func(t *testing.T) {
			c, _ := dialled(t, ph, p)
			if uri, _ := c.Peer(); uri != "sip:bob@example.test" {
				t.Errorf("peer %q", uri)
			}
			if !c.PeerAllows("UPDATE") || c.PeerAllows("REFER") {
				t.Error("Allow was not read")
			}
			bye := errJob(func() error { return c.Bye(ctxOf(t)) })
			m := p.expect("BYE")
			if m.Tag("To") != "bobtag" {
				t.Errorf("BYE without the peer's tag: %s", m.text)
			}
			m.reply(200, "OK", "", "")
			if _, err := wait(t, bye); err != nil {
				t.Fatal(err)
			}
			if err := c.Bye(ctxOf(t)); err != nil {
				t.Errorf("a second Bye: %v", err)
			}
		})
		t.Run("is answered, and the peer hangs up", func(t *testing.T) {
			c, l := dialled(t, ph, p)
			l.send("BYE", "", `Reason: Q.850;cause=16;text="all said"`)
			p.expect("SIP/2.0 200", "BYE")
			if e := c.over(t); e.Text != "all said" || e.By != dialog.Peer {
				t.Fatalf("got %+v", e)
			}
			if !ask(c, c.IsOver) {
				t.Error("it is not over")
			}
		})
		t.Run("shows its progress", func(t *testing.T) {
			c := newTalker(ph, bob())
			seen := make(chan Progress, 4)
			ans := job(func() (Answer, error) {
				return c.Invite(ctxOf(t), ph.st, func(p Progress) { seen <- p })
			})
			m := p.expect("INVITE")
			m.reply(183, "Session Progress", "tag1", sdpB, p.contact())
			if g := <-seen; g.Code != 183 || !g.Early || g.ToTag != "tag1" {
				t.Errorf("got %+v", g)
			}
			m.reply(486, "Busy Here", "tag1", "")
			_, err := wait(t, ans)
			var re *ResponseError
			if !errors.As(err, &re) || re.Code != 486 {
				t.Fatalf("got %v", err)
			}
			p.expect("ACK")
		})
		t.Run("is cancelled while it rings", func(t *testing.T) {
			rang := make(chan struct{})
			c, ans := invite(t, ph, func(Progress) { close(rang) })
			inv := p.expect("INVITE")
			inv.reply(180, "Ringing", "x", "", p.contact())
			<-rang
			hungUp := errJob(func() error { return c.Bye(ctxOf(t)) })
			m := p.expect("CANCEL")
			if m.value("Via") != inv.value("Via") || m.cseq() != inv.cseq() || m.Tag("To") != "" {
				t.Errorf("the CANCEL does not fit its INVITE:\n%s\n%s", inv.text, m.text)
			}
			m.reply(200, "OK", "x", "")
			inv.reply(487, "Request Terminated", "x", "")
			if _, err := wait(t, hungUp); err != nil {
				t.Error(err)
			}
			if e := c.over(t); e.How != dialog.HungUp || e.By != dialog.Us {
				t.Errorf("got %+v", e)
			}
			p.expect("ACK")
			_, _ = wait(t, ans)
		})
		t.Run("is answered while the CANCEL is under way, and hung up", func(t *testing.T) {
			rang := make(chan struct{})
			c, ans := invite(t, ph, func(Progress) { close(rang) })
			inv := p.expect("INVITE")
			inv.reply(180, "Ringing", "x", "", p.contact())
			<-rang
			hungUp := errJob(func() error { return c.Bye(ctxOf(t)) })
			m := p.expect("CANCEL")
			inv.reply(200, "OK", "x", sdpB, p.contact())
			p.expect("ACK")
			bye := p.expect("BYE")
			m.reply(481, "Call/Transaction Does Not Exist", "x", "")
			bye.reply(200, "OK", "", "")
			if _, err := wait(t, hungUp); err != nil {
				t.Error(err)
			}
			if e := c.over(t); e.How != dialog.HungUp || e.By != dialog.Us {
				t.Errorf("got %+v", e)
			}
			_, _ = wait(t, ans)
		})
		t.Run("is not redirected by itself", func(t *testing.T) {
			c := newTalker(ph, bob())
			ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
			p.expect("INVITE").reply(302, "Moved", "x", "", "Contact: <sip:evil@192.0.2.9>")
			_, err := wait(t, ans)
			var re *RedirectError
			if !errors.As(err, &re) || len(re.Contacts) != 1 || re.Contacts[0] != "sip:evil@192.0.2.9" {
				t.Fatalf("got %v", err)
			}
			p.expect("ACK")
		})
		t.Run("of two forks that answer, the second is hung up", func(t *testing.T) {
			c, first := dialled(t, ph, p)
			var inv *message
			p.mu.Lock()
			for _, m := range p.seen {
				if m.Method() == "INVITE" && m.value("Call-ID") == first.callID {
					inv = m
				}
			}
			p.mu.Unlock()
			inv.reply(200, "OK", "othertag", sdpB, p.contact())
			if m := p.expect("ACK"); m.Tag("To") != "othertag" {
				t.Errorf("ACK to %q", m.Tag("To"))
			}
			m := p.expect("BYE")
			if m.Tag("To") != "othertag" {
				t.Errorf("BYE to %q", m.Tag("To"))
			}
			m.reply(200, "OK", "", "")
			inv.reply(200, "OK", "bobtag", sdpB, p.contact())
			if m := p.expect("ACK"); m.Tag("To") != "bobtag" {
				t.Errorf("ACK again to %q", m.Tag("To"))
			}
			first.send("BYE", "")
			c.over(t)
			if !ask(c, c.IsOver) {
				t.Error("it is not over")
			}
		})
	})
}

// TestTwoForksAnswerAtOnce: the second 200 comes while the transaction of the first
// is being put away. It is acknowledged and hung up all the same, every time.
func TestTwoForksAnswerAtOnce(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		for range 30 {
			c, ans := invite(t, ph, nil)
			m := p.expect("INVITE")
			m.reply(200, "OK", "one", sdpB, p.contact())
			m.reply(200, "OK", "two", sdpB, p.contact())
			if _, err := wait(t, ans); err != nil {
				t.Fatal(err)
			}
			bye := p.expect("BYE")
			if bye.Tag("To") != "two" || bye.value("Call-ID") != m.value("Call-ID") {
				t.Fatalf("hung up: %s", bye.text)
			}
			bye.reply(200, "OK", "", "")
			m.legOf("one").send("BYE", "")
			c.over(t)
		}
	})
}

// TestACancelSaysWhy: RFC 3326; a PBX says by Q.850 cause 26, non-selected user
// clearing, that another phone was answered.
func TestACancelSaysWhy(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	for reason, code := range map[string]int{
		`SIP;cause=200;text="Call completed elsewhere"`: 200,
		`Q.850;cause=26`:                             200,
		`Q.850;cause=26;text="x", SIP;cause=600`:     600,
		`Q.850;cause=16;text="Normal call clearing"`: 0,
		`Q.850;cause=26, Q.850;cause=16`:             200,
		`SIP;cause=26`:                               0,
		`X.Y;cause=200`:                              0,
	} {
		l := p.call(ph.st.Local())
		l.send("INVITE", sdpB)
		c := event[incoming](ph).Call
		l.send("CANCEL", "", "Reason: "+reason)
		l.answeredBy(p.expect("SIP/2.0 487"))
		if e := c.over(t); e.How != dialog.Cancelled || e.Code != code {
			t.Errorf("%s: got %+v, want code %d", reason, e, code)
		}
		l.sendAs("ACK", l.seq, "")
	}
}

func TestIncomingCall(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		t.Run("is answered, and the peer hangs up", func(t *testing.T) {
			c, l := called(t, ph, p)
			if uri, name := c.Peer(); uri != "sip:peer@example.test" || name != "Peer" {
				t.Errorf("peer %q %q", uri, name)
			}
			if string(ask(c, c.Offer)) != sdpB {
				t.Errorf("offer %q", c.Offer())
			}
			l.send("BYE", "")
			p.expect("SIP/2.0 200", "BYE")
			c.over(t)
		})
		t.Run("is answered, and we hang up", func(t *testing.T) {
			c, l := called(t, ph, p)
			bye := errJob(func() error { return c.Bye(ctxOf(t)) })
			m := p.expect("BYE")
			if m.value("From") != l.remote || m.value("To") != l.local {
				t.Errorf("From and To of the BYE: %q %q, want %q %q", m.value("From"), m.value("To"), l.remote, l.local)
			}
			m.reply(200, "OK", "", "")
			if _, err := wait(t, bye); err != nil {
				t.Fatal(err)
			}
		})
		t.Run("is cancelled by the caller", func(t *testing.T) {
			l := p.call(ph.st.Local())
			l.send("INVITE", sdpB)
			c := event[incoming](ph).Call
			l.send("CANCEL", "", `Reason: SIP;cause=200;text="answered elsewhere"`)
			p.expect("SIP/2.0 200", "CANCEL")
			m := p.expect("SIP/2.0 487")
			if m.Tag("To") != c.id.tag {
				t.Errorf("the 487 has tag %q, the call %q", m.Tag("To"), c.id.tag)
			}
			if e := c.over(t); e.How != dialog.Cancelled || e.Code != 200 || e.Text != "answered elsewhere" {
				t.Fatalf("got %+v", e)
			}
			l.answeredBy(m)
			l.branchACK()
		})
		t.Run("is declined", func(t *testing.T) {
			l := p.call(ph.st.Local())
			l.send("INVITE", sdpB)
			c := event[incoming](ph).Call
			c.Reject(603)
			l.answeredBy(p.expect("SIP/2.0 603"))
			l.branchACK()
		})
		t.Run("without an offer gets ours, and its answer is told", func(t *testing.T) {
			l := p.call(ph.st.Local())
			l.send("INVITE", "")
			c := event[incoming](ph).Call
			if c.Offer() != nil {
				t.Error("an offer from nowhere")
			}
			accepted := errJob(func() error { return c.Accept(ctxOf(t)) })
			l.answeredBy(p.expect("SIP/2.0 200", "INVITE"))
			l.send("ACK", sdpB)
			if e := event[applied](ph); e.Call != c || e.Negotiated.Remote.RTP.Port() != 4002 {
				t.Errorf("got %+v", e)
			}
			if _, err := wait(t, accepted); err != nil {
				t.Fatal(err)
			}
			l.send("BYE", "")
			c.over(t)
		})
		t.Run("is repeated until the ACK comes", func(t *testing.T) {
			l := p.call(ph.st.Local())
			l.send("INVITE", sdpB)
			c := event[incoming](ph).Call
			accepted := errJob(func() error { return c.Accept(ctxOf(t)) })
			p.expect("SIP/2.0 200", "INVITE")
			l.answeredBy(p.expect("SIP/2.0 200", "INVITE"))
			l.send("ACK", "")
			if _, err := wait(t, accepted); err != nil {
				t.Fatal(err)
			}
			l.send("BYE", "")
			c.over(t)
		})
		t.Run("of too many at once, the last hears busy", func(t *testing.T) {
			var calls []*talker
			for range 4 {
				p.call(ph.st.Local()).send("INVITE", sdpB)
				calls = append(calls, event[incoming](ph).Call)
			}
			p.call(ph.st.Local()).send("INVITE", sdpB)
			p.expect("SIP/2.0 486")
			for _, c := range calls {
				c.Reject(486)
			}
		})
	})
}

// branchACK acknowledges a refusal: the branch of the INVITE stays.
func (l *leg) branchACK() {
	branch := l.branch
	l.p.write(l.to, l.conn, strings.Join([]string{"ACK " + l.target + " SIP/2.0",
		"Via: SIP/2.0/" + l.p.transport.Via() + " " + l.p.addr.String() + ";branch=" + branch + ";rport",
		"From: " + l.local, "To: " + l.remote, "Call-ID: " + l.callID, "CSeq: 101 ACK", "Content-Length: 0", "", ""}, "\r\n"))
}

// TestTheNextInviteComesBehindTheAck: a refusal is acknowledged before the INVITE
// is sent again with what it asked for.
func TestTheNextInviteComesBehindTheAck(t *testing.T) {
	for range 50 {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		_, ans := invite(t, ph, nil)
		p.expect("INVITE").reply(407, "Proxy Authentication Required", "x", "", `Proxy-Authenticate: Digest realm="example.test", nonce="n", qop="auth", algorithm=MD5`)
		var got []string
		for range 2 {
			m := p.expect("")
			if got = append(got, m.Method()); m.Method() == "INVITE" {
				m.reply(403, "Forbidden", "x", "")
			}
		}
		if got[0] != "ACK" || got[1] != "INVITE" {
			t.Fatalf("sent %v", got)
		}
		_, _ = wait(t, ans)
	}
}
