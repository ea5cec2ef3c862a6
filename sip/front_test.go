package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// TestFloodOfRefusals has requests of a trusted source, which UDP lets anybody
// forge, in numbers that no table holds, and then a BYE of a live call.
func TestFloodOfRefusals(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	c, l := dialled(t, ph, p)
	a := newAttacker(t, ph.st.Local())
	for i := range 3000 {
		method := []string{"OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "BYE", "NEWMETHOD", "INVITE"}[i%7]
		m := request(method, a)
		if method == "INVITE" { // for nobody here
			m = strings.Replace(m, "sip:alice@127.0.0.1 ", "sip:nobody@127.0.0.1 ", 1)
		}
		m2, err := wire.Scan([]byte(m))
		if err != nil {
			t.Fatal(err)
		}
		if fl := ph.st.answerable(m2, addrPort(a.conn.LocalAddr())); fl == nil {
			t.Fatalf("%s needs a transaction", method)
		}
		if i < 300 { // the socket's queue is finite
			a.send(m)
			a.answer()
		}
	}
	if _, n := ph.st.inProgress(); n > 0 {
		t.Errorf("%d transactions", n)
	}
	l.send("BYE", "")
	p.expect("SIP/2.0 200", "BYE")
	c.over(t)
	if !ask(c, c.IsOver) {
		t.Error("the call goes on")
	}
}

// TestFullTable fills the transactions with calls that were begun and given up,
// and shows that what belongs to a live call still has room.
func TestFullTable(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	_, l := dialled(t, ph, p)
	ph.st.mu.Lock()
	for i := range maxServers {
		ph.st.servers[fmt.Sprintf("flood %d", i)] = &serverTx{}
	}
	ph.st.mu.Unlock()
	defer func() { // Close ends real ones only
		ph.st.mu.Lock()
		defer ph.st.mu.Unlock()
		for k := range ph.st.servers {
			if strings.HasPrefix(k, "flood ") {
				delete(ph.st.servers, k)
			}
		}
	}()
	stranger := p.call(ph.st.Local())
	stranger.send("INVITE", sdpB)
	p.expect("SIP/2.0 486", "INVITE")
	l.send("BYE", "")
	p.expect("SIP/2.0 200", "BYE")
}

// TestRingingLinesBySource lets one address of several that may call have two
// lines at once, and the others what is left.
func TestRingingLinesBySource(t *testing.T) {
	acct := account()
	acct.AllowAny = true
	ph := open(t, acct, nowhere())
	one := newAttacker(t, ph.st.Local())
	var calls []*talker
	for range ringingFrom {
		one.send(request("INVITE", one))
		calls = append(calls, event[incoming](ph).Call)
	}
	one.send(request("INVITE", one))
	if got := one.answer(); !strings.HasPrefix(got, "SIP/2.0 486 ") {
		t.Errorf("the third was answered %q", got)
	}
	if _, n := ph.st.dialogs.ringing(netip.MustParseAddr("127.0.0.2")); n != 0 {
		t.Errorf("%d lines of another address", n)
	}
	calls[0].Reject(486)
	if got := one.answer(); !strings.HasPrefix(got, "SIP/2.0 486 ") {
		t.Errorf("answered %q", got)
	}
	one.send(request("INVITE", one))
	event[incoming](ph)
}

func TestTrunk(t *testing.T) {
	p := newPeer(t, locate.UDP)
	acct := account()
	acct.Trunk = true
	ph := open(t, acct, p.server())
	l := p.call(ph.st.Local())
	l.target = "sip:+49301234567@trunk.example.test"
	l.send("INVITE", sdpB)
	event[incoming](ph).Call.Reject(603)
	p.expect("SIP/2.0 603", "INVITE")
}

// TestTrunkAnswersItsServer is A6: a PBX whose realm is its own name, and an
// account that never registers there.
func TestTrunkAnswersItsServer(t *testing.T) {
	p := newPeer(t, locate.UDP)
	acct := account()
	acct.Trunk = true
	ph := open(t, acct, p.server())
	_, ans := invite(t, ph, nil)
	p.expect("INVITE").reply(401, "Unauthorized", "x", "", `WWW-Authenticate: Digest realm="asterisk", nonce="n", qop="auth", algorithm=MD5`)
	p.expect("ACK")
	m := p.expect("INVITE")
	if v := m.value("Authorization"); !strings.Contains(v, `realm="asterisk"`) {
		t.Errorf("sent %q", v)
	}
	m.reply(403, "Forbidden", "x", "")
	if _, err := wait(t, ans); err == nil {
		t.Error("it was refused")
	}
}

func TestUnknownLoginIsNamed(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	done := job(func() (Registered, error) {
		return NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{})
	})
	p.expect("REGISTER").reply(401, "Unauthorized", "x", "", `WWW-Authenticate: Digest realm="example.test", nonce="n", algorithm=AKAv1-MD5`)
	_, err := wait(t, done)
	var re *ResponseError
	if !errors.As(err, &re) || len(re.Asked) != 1 || re.Asked[0] != "Digest AKAv1-MD5" {
		t.Fatalf("got %+v", err)
	}
}

// TestOldTransactions matches by RFC 2543 what has no cookie: a retransmission
// rings no second time, a CANCEL finds its INVITE.
func TestOldTransactions(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	l := p.call(ph.st.Local())
	l.seq, l.branch = 1, "old.1"
	l.sendAs("INVITE", 1, sdpB)
	c := event[incoming](ph).Call
	l.sendAs("INVITE", 1, sdpB)
	l.sendAs("CANCEL", 1, "")
	p.expect("SIP/2.0 200", "CANCEL")
	p.expect("SIP/2.0 487", "INVITE")
	if e := c.over(t); e.How != dialog.Cancelled {
		t.Errorf("got %+v", e)
	}
	if n := ph.st.dialogs.Len(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// TestRefusalsAreRepeated gives a retransmission the answer of the first, tag
// included, although nothing is kept (RFC 3261 8.2.7).
func TestRefusalsAreRepeated(t *testing.T) {
	acct := account()
	acct.AllowAny = true
	ph := open(t, acct, nowhere())
	a := newAttacker(t, ph.st.Local())
	m := request("SUBSCRIBE", a)
	var answers []string
	for range 2 {
		a.send(m)
		buf := make([]byte, 1<<16)
		n, _, err := a.conn.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, string(buf[:n]))
	}
	if answers[0] != answers[1] {
		t.Errorf("%s\n%s", answers[0], answers[1])
	}
	_, port, err := net.SplitHostPort(a.conn.LocalAddr().String())
	if err != nil || !strings.Contains(answers[0], ";rport="+port) {
		t.Errorf("no rport: %s", answers[0])
	}
}

// TestOfferAmongParts takes the offer out of a multipart body, in an INVITE, an
// UPDATE and the answer of an ACK, and in responses.
func TestOfferAmongParts(t *testing.T) {
	several := func(sdp string) string {
		return "--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\nContent-Type: application/sdp\r\n\r\n" + sdp + "\r\n--x--\r\n"
	}
	for _, name := range []string{"INVITE", "UPDATE", "ACK"} {
		m := &wire.Message{Start: name + " sip:a@b SIP/2.0", Body: []byte(several(sdpB)),
			Headers: []wire.Header{{Name: "CSeq", Value: "1 " + name}, {Name: "Content-Type", Value: `multipart/mixed;boundary="x"`}}}
		m.TakeSDP()
		if string(m.Body) != sdpB {
			t.Errorf("%s: %q", name, m.Body)
		}
		if kind, n := m.Get("Content-Type"); kind != "application/sdp" || n != 1 {
			t.Errorf("%s: %q", name, kind)
		}
	}
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	c, ans := invite(t, ph, nil)
	m := p.expect("INVITE")
	m.replyAs("multipart/mixed;boundary=x", 200, "OK", "bobtag", several(sdpB), p.contact(), "Allow: INVITE, ACK, BYE, UPDATE")
	got, err := wait(t, ans)
	if err != nil || got.Remote.Port() != 4002 {
		t.Fatalf("%v, %v", got.Remote, err)
	}
	p.expect("ACK")
	l := m.legOf("bobtag")
	l.kind = "multipart/mixed;boundary=x"
	l.send("UPDATE", several(strings.Replace(sdpB, "4002", "4004", 1)))
	for e := event[applied](ph); e.Call != c || e.Negotiated.Remote.RTP.Port() != 4004; e = event[applied](ph) {
	}
}
