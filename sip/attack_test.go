package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/sdp"
	"ramble/sip/wire"
)

// attacker sends raw datagrams to a phone and reads what comes back.
type attacker struct {
	t    *testing.T
	conn net.PacketConn
	to   netip.AddrPort
}

// newAttacker sits on 127.0.0.1 like everything here. To be a stranger to the
// phone, the phone's server must be elsewhere: see strange.
func newAttacker(t *testing.T, to netip.AddrPort) *attacker {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &attacker{t, conn, to}
}

func (a *attacker) send(text string) {
	a.t.Helper()
	if _, err := a.conn.WriteTo([]byte(text), net.UDPAddrFromAddrPort(a.to)); err != nil {
		a.t.Fatal(err)
	}
}

// answer returns the next response's start line.
func (a *attacker) answer() string {
	a.t.Helper()
	buf := make([]byte, 1<<16)
	a.conn.SetReadDeadline(time.Now().Add(patience))
	n, _, err := a.conn.ReadFrom(buf)
	if err != nil {
		a.t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(buf[:n]), "\r\n")
	return line
}

// nowhere is a server that no test has.
func nowhere() locate.Server {
	return locate.Server{Addr: netip.MustParseAddrPort("192.0.2.1:5060"), Host: "example.test"}
}

func request(method string, a *attacker, extra ...string) string {
	return strings.Join(append([]string{
		method + " sip:alice@127.0.0.1 SIP/2.0",
		"Via: SIP/2.0/UDP " + a.conn.LocalAddr().String() + ";branch=z9hG4bK" + wire.RandomToken() + ";rport",
		"From: <sip:mallory@example.test>;tag=m", "To: <sip:alice@example.test>", "Call-ID: " + wire.RandomToken(),
		"CSeq: 1 " + method, "Contact: <sip:mallory@" + a.conn.LocalAddr().String() + ">", "Max-Forwards: 70",
	}, append(extra, "Content-Length: 0", "", "")...), "\r\n")
}

func TestStrangers(t *testing.T) {
	t.Run("get no ring, 403 for INVITE, silence for the rest, and are counted", func(t *testing.T) {
		ph := open(t, account(), nowhere())
		a := newAttacker(t, ph.st.Local())
		for _, method := range []string{"OPTIONS", "REGISTER", "SUBSCRIBE", "MESSAGE", "NOTIFY", "REFER", "BYE", "ACK", "CANCEL", "INFO"} {
			a.send(request(method, a))
		}
		a.send(request("INVITE", a))
		if got := a.answer(); !strings.HasPrefix(got, "SIP/2.0 403 ") {
			t.Errorf("answered %q", got)
		}
		if e := event[RefusedRequest](ph); e.Method != "OPTIONS" || e.Count != 1 {
			t.Errorf("got %+v", e)
		}
		if n := ph.st.dialogs.Len(); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
	t.Run("are answered and reported at a bounded rate", func(t *testing.T) {
		now := time.Unix(1000, 0)
		ph := open(t, account(), nowhere(), func(o *StackOptions) { o.Now = func() time.Time { return now } })
		src := netip.MustParseAddrPort("203.0.113.5:5060")
		m := &wire.Message{Start: "INVITE sip:alice@x SIP/2.0"}
		answers := 0
		for range 1000 {
			if f := ph.st.admit(m, src); f != nil && f.Code == 403 {
				answers++
			}
		}
		if answers != strangerAnswers || len(ph.events) != strangerReports {
			t.Errorf("%d answers, %d events", answers, len(ph.events))
		}
	})
	t.Run("ring when they are listed, or anyone may call", func(t *testing.T) {
		for _, list := range []bool{true, false} {
			acct := account()
			acct.AllowAny = !list
			if list {
				acct.AllowFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			}
			ph := open(t, acct, nowhere())
			a := newAttacker(t, ph.st.Local())
			a.send(request("INVITE", a))
			event[incoming](ph).Call.Reject(486)
		}
	})
	t.Run("hear 404 for an unknown user", func(t *testing.T) {
		acct := account()
		acct.AllowAny = true
		ph := open(t, acct, nowhere())
		a := newAttacker(t, ph.st.Local())
		a.send(strings.Replace(request("INVITE", a), "sip:alice@127.0.0.1 ", "sip:100@127.0.0.1 ", 1))
		if got := a.answer(); !strings.HasPrefix(got, "SIP/2.0 404 ") {
			t.Errorf("answered %q", got)
		}
	})
	t.Run("cannot touch a call whose tags they do not know", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c, l := dialled(t, ph, p)
		good := *l
		for _, wrong := range []func(*leg){
			func(l *leg) { l.local = "<sip:bob@example.test>;tag=guess" },
			func(l *leg) { l.remote = "<sip:alice@example.test>;tag=guess" },
			func(l *leg) { l.callID = "guess" },
			func(l *leg) { l.local, l.remote = l.remote, l.local },
		} {
			for _, method := range []string{"BYE", "INVITE", "UPDATE"} {
				forged := good
				wrong(&forged)
				forged.send(method, sdpB)
				p.expect("SIP/2.0 481", method)
			}
		}
		forged := good
		forged.branch = "z9hG4bKforged"
		forged.sendAs("CANCEL", 1, "")
		p.expect("SIP/2.0 481", "CANCEL")
		if ask(c, c.IsOver) {
			t.Fatal("the call ended")
		}
		l.send("BYE", "")
		event[ended](ph)
	})
	t.Run("with the right tags are believed only where the route set is empty", func(t *testing.T) {
		st := open(t, account(), nowhere()).st
		for _, tc := range []struct {
			name   string
			d      dialog.Dialog
			let    bool
			source string
		}{
			{"direct, from anywhere", dialog.Dialog{}, true, "203.0.113.9:5060"},
			{"routed, from a stranger", dialog.Dialog{Routes: []string{"<sip:192.0.2.1;lr>"}}, false, "203.0.113.9:5060"},
			{"routed, from the proxy", dialog.Dialog{Routes: []string{"<sip:192.0.2.1;lr>"}}, true, "192.0.2.1:5060"},
			{"by the server as the peer, from a stranger", dialog.Dialog{Server: true}, false, "203.0.113.9:5060"},
		} {
			c := newCall(account(), nil)
			tc.d.RemoteTag = "theirs"
			c.m = dialog.Answering(dialog.Config{Session: ownerOf(st.dialogs).options().Session}, tc.d, dialog.Request{Seq: 1})
			c.id.callID, c.id.tag = wire.RandomToken(), "ours"
			st.dialogs.add(c, st.now())
			st.dialogs.refile(c)
			m := &wire.Message{Start: "BYE sip:alice@x SIP/2.0", Headers: []wire.Header{{Name: "From", Value: "<sip:b@x>;tag=theirs"},
				{Name: "To", Value: "<sip:a@x>;tag=ours"}, {Name: "Call-ID", Value: c.id.callID}}}
			if got := st.admit(m, netip.MustParseAddrPort(tc.source)) == nil; got != tc.let {
				t.Errorf("%s: %v", tc.name, got)
			}
		}
	})
}

func TestCredentialsStayHome(t *testing.T) {
	challengeOf := func(realm string) []string {
		return []string{`WWW-Authenticate: Digest realm="` + realm + `", nonce="evil", algorithm=MD5`,
			`Proxy-Authenticate: Digest realm="` + realm + `", nonce="evil", algorithm=MD5`}
	}
	noSecret := func(t *testing.T, p *peer) {
		t.Helper()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, m := range p.seen {
			if strings.Contains(m.text, "uthorization:") {
				t.Errorf("credentials were sent:\n%s", m.text)
			}
		}
	}
	for _, realm := range []string{"evil.test", "example.test", ""} {
		for _, code := range []int{401, 407} {
			t.Run(fmt.Sprintf("a peer that is called directly gets none for realm %q with %d", realm, code), func(t *testing.T) {
				server, p := newPeer(t, locate.UDP), newPeer(t, locate.UDP)
				server.setAuto(newRegistrar("MD5").serve)
				// The account registers with one server; the call's peer answers for
				// itself, as its Contact says, and challenges everything.
				ph := open(t, account(), server.server())
				if _, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
					t.Fatal(err)
				}
				c := newTalker(ph, bob())
				ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
				server.expect("INVITE").reply(200, "OK", "bobtag", sdpB, p.contact())
				p.expect("ACK")
				if _, err := wait(t, ans); err != nil {
					t.Fatal(err)
				}
				p.setAuto(func(m *message) bool {
					if m.Method() != "ACK" {
						m.reply(code, "Who are you", "", "", challengeOf(realm)...)
					}
					return true
				})
				for _, method := range []dialog.Method{dialog.Reinvite, dialog.Update} {
					err := c.Modify(ctxOf(t), method, sdp.SendRecv)
					var re *ResponseError
					if !errors.As(err, &re) || re.Code != code {
						t.Errorf("got %v", err)
					}
				}
				if err := c.Bye(ctxOf(t)); err != nil {
					t.Errorf("Bye: %v", err)
				}
				noSecret(t, p)
			})
		}
	}
	t.Run("the server's answer for a foreign realm gets none", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		p.setAuto(func(m *message) bool {
			if m.Method() == "INVITE" {
				m.reply(407, "Proxy Authentication Required", "x", "", challengeOf("evil.test")...)
			}
			return true
		})
		ph := open(t, account(), p.server())
		_, err := newTalker(ph, bob()).Invite(ctxOf(t), ph.st, nil)
		var re *ResponseError
		if !errors.As(err, &re) || re.Code != 407 {
			t.Errorf("got %v", err)
		}
		noSecret(t, p)
	})
	t.Run("a registrar that changes its realm is answered for the new one alone, and one that is set stays", func(t *testing.T) {
		for _, set := range []string{"", "asterisk"} {
			r := newRegistrar("MD5")
			r.realm = "asterisk"
			ph, p, _ := registering(t, locate.UDP, r)
			acct := account()
			acct.Realm = set
			auth := NewCredentials(acct, nil)
			reg := NewRegistration(acct, auth)
			if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
				t.Fatal(err)
			}
			r.change(func() { r.realm = "pbx.test"; r.renew() })
			_, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{})
			if (err == nil) != (set == "") {
				t.Errorf("realm %q set: %v", set, err)
			}
			all, _ := p.soFar()
			if last := all[len(all)-1].text; set == "" && strings.Count(last, "Authorization: ") != 1 {
				t.Error(last)
			}
			if told := slices.ContainsFunc(all, func(m *message) bool { return strings.Contains(m.text, "pbx.test") }); told != (set == "") {
				t.Errorf("realm %q set: answered for the other one: %v", set, told)
			}
		}
	})
	t.Run("the answer to a REGISTER is not volunteered in an INVITE, which its own challenge is answered for", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		p.setAuto(newRegistrar("SHA-256").serve)
		ph := open(t, account(), p.server())
		if _, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			c := newTalker(ph, bob())
			ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
			m := p.expect("INVITE")
			if i == 0 {
				if strings.Contains(m.text, "uthorization:") {
					t.Error(m.text)
				}
				m.reply(407, "Proxy Authentication Required", "x", "", `Proxy-Authenticate: Digest realm="example.test", nonce="n2", qop="auth", algorithm=SHA-256`)
				p.expect("ACK")
				m = p.expect("INVITE")
			}
			if !strings.Contains(m.value("Proxy-Authorization"), `nonce="n2"`) || m.value("Authorization") != "" {
				t.Error(m.text)
			}
			m.reply(486, "Busy Here", "x", "")
			_, _ = wait(t, ans)
		}
	})
}
