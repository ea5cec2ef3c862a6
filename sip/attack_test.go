package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
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
func nowhere() Server {
	return Server{Addr: netip.MustParseAddrPort("192.0.2.1:5060"), Host: "example.test"}
}

func request(method string, a *attacker, extra ...string) string {
	return strings.Join(append([]string{
		method + " sip:alice@127.0.0.1 SIP/2.0",
		"Via: SIP/2.0/UDP " + a.conn.LocalAddr().String() + ";branch=z9hG4bK" + randomToken() + ";rport",
		"From: <sip:mallory@example.test>;tag=m", "To: <sip:alice@example.test>", "Call-ID: " + randomToken(),
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
		m := &rawMessage{start: "INVITE sip:alice@x SIP/2.0"}
		answers := 0
		for range 1000 {
			if f := ph.st.admit(m, src); f != nil && f.code == 403 {
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
			if err := event[Incoming](ph).Call.Reject(ctxOf(t), 486, "Busy Here"); err != nil {
				t.Error(err)
			}
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
		p := newPeer(t, UDP)
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
		if c.isOver() {
			t.Fatal("the call ended")
		}
		l.send("BYE", "")
		event[Ended](ph)
	})
	t.Run("with the right tags are believed only where the route set is empty", func(t *testing.T) {
		st := open(t, account(), nowhere()).st
		for _, tc := range []struct {
			name   string
			d      dialog
			let    bool
			source string
		}{
			{"direct, from anywhere", dialog{}, true, "203.0.113.9:5060"},
			{"routed, from a stranger", dialog{routes: []string{"<sip:192.0.2.1;lr>"}}, false, "203.0.113.9:5060"},
			{"routed, from the proxy", dialog{routes: []string{"<sip:192.0.2.1;lr>"}}, true, "192.0.2.1:5060"},
			{"by the server as the peer, from a stranger", dialog{viaServer: true}, false, "203.0.113.9:5060"},
		} {
			c := newCall(account(), nil)
			c.d = tc.d
			c.d.callID, c.d.localTag, c.d.remoteTag = randomToken(), "ours", "theirs"
			st.dialogs.add(c, st.now())
			m := &rawMessage{start: "BYE sip:alice@x SIP/2.0", headers: []header{{"From", "<sip:b@x>;tag=theirs"},
				{"To", "<sip:a@x>;tag=ours"}, {"Call-ID", c.d.callID}}}
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
				server, p := newPeer(t, UDP), newPeer(t, UDP)
				server.setAuto(newRegistrar("MD5").serve)
				// The account registers with one server; the call's peer answers for
				// itself, as its Contact says, and challenges everything.
				ph := open(t, account(), server.server())
				if _, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
					t.Fatal(err)
				}
				c := NewCall(ph.acct, ph.auth, URI{Scheme: "sip", User: "bob", Host: "example.test"})
				ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, []byte(sdpA), nil) })
				server.expect("INVITE").reply(200, "OK", "bobtag", sdpB, p.contact())
				p.expect("ACK")
				if _, err := wait(t, ans); err != nil {
					t.Fatal(err)
				}
				p.setAuto(func(m *message) bool {
					if m.method() != "ACK" {
						m.reply(code, "Who are you", "", "", challengeOf(realm)...)
					}
					return true
				})
				for _, method := range []Method{Reinvite, Update} {
					_, err := c.Modify(ctxOf(t), method, []byte(sdpA))
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
		p := newPeer(t, UDP)
		p.setAuto(func(m *message) bool {
			if m.method() == "INVITE" {
				m.reply(407, "Proxy Authentication Required", "x", "", challengeOf("evil.test")...)
			}
			return true
		})
		ph := open(t, account(), p.server())
		_, err := NewCall(ph.acct, ph.auth, URI{Scheme: "sip", User: "bob", Host: "example.test"}).Invite(ctxOf(t), ph.st, []byte(sdpA), nil)
		var re *ResponseError
		if !errors.As(err, &re) || re.Code != 407 {
			t.Errorf("got %v", err)
		}
		noSecret(t, p)
	})
	t.Run("a registrar cannot change its realm", func(t *testing.T) {
		r := newRegistrar("MD5")
		r.realm = "asterisk"
		ph, p, reg := registering(t, UDP, r)
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		r.change(func() { r.realm = "evil.test"; r.renew() })
		_, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{})
		var re *ResponseError
		if !errors.As(err, &re) || re.Code != 401 {
			t.Errorf("got %v", err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, m := range p.seen {
			if strings.Contains(m.value("Authorization"), "evil.test") {
				t.Error(m.text)
			}
		}
	})
	t.Run("the answer to a REGISTER is not volunteered in an INVITE, which its own challenge is answered for", func(t *testing.T) {
		p := newPeer(t, UDP)
		p.setAuto(newRegistrar("SHA-256").serve)
		ph := open(t, account(), p.server())
		if _, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			c := NewCall(ph.acct, ph.auth, URI{Scheme: "sip", User: "bob", Host: "example.test"})
			ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, []byte(sdpA), nil) })
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

func TestMalformed(t *testing.T) {
	for _, tc := range []struct {
		name, want string // "" is silence
		change     func(string) string
	}{
		{"well formed", "200", func(s string) string { return s }},
		{"SIP/9.9", "505", func(s string) string { return strings.Replace(s, "SIP/2.0\r\n", "SIP/9.9\r\n", 1) }},
		{"the CSeq names another method", "400", func(s string) string { return strings.Replace(s, "CSeq: 1 OPTIONS", "CSeq: 1 INVITE", 1) }},
		{"the CSeq is too large", "400", func(s string) string { return strings.Replace(s, "CSeq: 1 ", "CSeq: 4294967296 ", 1) }},
		{"unknown Require", "420", func(s string) string { return strings.Replace(s, "Max-", "Require: 100rel\r\nMax-", 1) }},
		{"unknown scheme", "416", func(s string) string { return strings.Replace(s, "sip:alice@127.0.0.1 ", "nobody:alice ", 1) }},
		{"two Content-Length", "400", func(s string) string { return strings.Replace(s, "Max-", "l: 0\r\nMax-", 1) }},
		{"two CSeq", "400", func(s string) string { return strings.Replace(s, "Max-", "CSeq: 2 OPTIONS\r\nMax-", 1) }},
		{"two Call-ID", "400", func(s string) string { return strings.Replace(s, "Max-", "i: x\r\nMax-", 1) }},
		{"two From", "400", func(s string) string { return strings.Replace(s, "Max-", "f: <sip:x@y>;tag=2\r\nMax-", 1) }},
		{"no To", "400", func(s string) string { return strings.Replace(s, "To:", "Tx:", 1) }},
		{"no From", "400", func(s string) string { return strings.Replace(s, "From:", "Frm:", 1) }},
		{"no Call-ID", "400", func(s string) string { return strings.Replace(s, "Call-ID:", "X:", 1) }},
		{"no CSeq", "400", func(s string) string { return strings.Replace(s, "CSeq:", "X:", 1) }},
		{"no Via", "", func(s string) string { return strings.Replace(s, "Via:", "X:", 1) }},
		{"a Via with a bad port", "", func(s string) string { return strings.Replace(s, ";branch", "9999;branch", 1) }},
		{"a Content-Length beyond the datagram", "400", func(s string) string { return strings.Replace(s, "Content-Length: 0", "Content-Length: 4294967295", 1) }},
		{"a negative Content-Length", "400", func(s string) string { return strings.Replace(s, "Content-Length: 0", "Content-Length: -1", 1) }},
		{"no end of the headers", "", func(s string) string { return strings.TrimSuffix(s, "\r\n") }},
		{"a NUL in a name", "", func(s string) string { return strings.Replace(s, "<sip:mallory", "\x00<sip:mallory", 1) }},
		{"a quoted name that does not end", "400", func(s string) string { return strings.Replace(s, "From: <", `From: "x <`, 1) }},
		{"port 99999999 in the Request-URI", "400", func(s string) string { return strings.Replace(s, "alice@127.0.0.1 ", "alice@127.0.0.1:99999999 ", 1) }},
		{"bad Max-Forwards", "400", func(s string) string { return strings.Replace(s, "Max-Forwards: 70", "Max-Forwards: 300", 1) }},
		{"an unknown method", "405", func(s string) string { return strings.ReplaceAll(s, "OPTIONS", "NEWMETHOD") }},
		{"legal: spaces around = and folded lines", "200", func(s string) string {
			s = strings.Replace(s, ";branch=", " ; branch = ", 1)
			s = strings.Replace(s, ";tag=m", " ;\r\n  tag = m", 1)
			return strings.Replace(s, "Via: SIP/2.0/UDP", "v:  SIP  / 2.0\r\n / UDP ", 1)
		}},
		{"legal: a long list of strange but harmless headers", "200", func(s string) string {
			return strings.Replace(s, "Max-", strings.Repeat("NewFangledHeader:   newfangled value\r\n continued ;;,,;;\r\n", 40)+"Max-", 1)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			acct := account()
			acct.AllowAny = true
			ph := open(t, acct, nowhere())
			a := newAttacker(t, ph.st.Local())
			a.send(tc.change(request("OPTIONS", a)))
			if tc.want != "" {
				if got := a.answer(); !strings.HasPrefix(got, "SIP/2.0 "+tc.want+" ") {
					t.Fatalf("answered %q, want %s", got, tc.want)
				}
			}
			// Whatever it was, the next one is answered.
			a.send(request("OPTIONS", a))
			if got := a.answer(); got != "SIP/2.0 200 OK" {
				t.Fatalf("the next OPTIONS was answered %q", got)
			}
		})
	}
	t.Run("spaces around = in tags and branches still match dialogs", func(t *testing.T) {
		p := newPeer(t, UDP)
		ph := open(t, account(), p.server())
		_, l := dialled(t, ph, p)
		l.local = strings.Replace(l.local, ";tag=", " ; tag = ", 1)
		l.remote = strings.Replace(l.remote, ";tag=", " ;  tag= ", 1)
		l.send("BYE", "")
		p.expect("SIP/2.0 200", "BYE")
		event[Ended](ph)
	})
	t.Run("a body that is no SDP hears 415", func(t *testing.T) {
		acct := account()
		acct.AllowAny = true
		ph := open(t, acct, nowhere())
		a := newAttacker(t, ph.st.Local())
		a.send(strings.Replace(request("INVITE", a), "Content-Length: 0\r\n\r\n", "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi", 1))
		if got := a.answer(); !strings.HasPrefix(got, "SIP/2.0 415 ") {
			t.Errorf("answered %q", got)
		}
	})
}

func TestStreams(t *testing.T) {
	dial := func(t *testing.T, ph *phone) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", ph.st.Local().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		return c
	}
	tcp := func(t *testing.T) *phone {
		acct := account()
		acct.Transport, acct.AllowAny = TCP, true
		return open(t, acct, Server{})
	}
	options := func(c net.Conn) string {
		return strings.Replace(request("OPTIONS", &attacker{conn: udpLike{c}}), "/UDP", "/TCP", 1)
	}
	read := func(t *testing.T, c net.Conn) string {
		t.Helper()
		buf := make([]byte, 1<<16)
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	closes := func(t *testing.T, c net.Conn) {
		t.Helper()
		buf := make([]byte, 1<<16)
		for {
			if _, err := c.Read(buf); err != nil {
				var ne net.Error
				if errors.As(err, &ne) && ne.Timeout() {
					t.Fatal("the connection stays open")
				}
				return
			}
		}
	}
	t.Run("messages are found whatever the pieces they come in", func(t *testing.T) {
		c := dial(t, tcp(t))
		msg := options(c)
		for i := range len(msg) {
			c.Write([]byte(msg[i : i+1]))
		}
		if got := read(t, c); !strings.HasPrefix(got, "SIP/2.0 200 ") {
			t.Fatalf("got %q", got)
		}
		c.Write([]byte("\r\n\r\n" + options(c) + options(c)))
		got := ""
		for strings.Count(got, "SIP/2.0 200 ") < 2 {
			got += read(t, c)
		}
		if !strings.HasPrefix(got, "\r\n") {
			t.Error("the ping was not answered")
		}
	})
	t.Run("a wrong or missing Content-Length closes the connection", func(t *testing.T) {
		ph := tcp(t)
		for _, length := range []string{"Content-Length: 4294967295", "Content-Length: -5", "Content-Length: 0\r\nl: 0", "X: 0", "Content-Length: 70000"} {
			c := dial(t, ph)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c.Write([]byte(strings.Replace(options(c), "Content-Length: 0", length, 1)))
			closes(t, c)
			if runtime.ReadMemStats(&after); after.HeapAlloc > before.HeapAlloc+(4<<20) {
				t.Errorf("%s: %d bytes more", length, after.HeapAlloc-before.HeapAlloc)
			}
		}
	})
	t.Run("headers without an end close the connection", func(t *testing.T) {
		c := dial(t, tcp(t))
		line := []byte("X-Filler: " + strings.Repeat("x", 1000) + "\r\n")
		for range 100 {
			if _, err := c.Write(line); err != nil {
				break
			}
		}
		closes(t, c)
	})
	t.Run("one address has a bounded number of connections", func(t *testing.T) {
		acct := account()
		acct.Transport = TCP
		ph := open(t, acct, Server{})
		var conns []net.Conn
		for range maxConnsPerAddr + 3 {
			conns = append(conns, dial(t, ph))
		}
		for _, c := range conns[maxConnsPerAddr:] {
			closes(t, c)
		}
		ph.st.mu.Lock()
		n := len(ph.st.conns)
		ph.st.mu.Unlock()
		if n != maxConnsPerAddr {
			t.Errorf("%d connections", n)
		}
	})
}

// udpLike lets request ask a connection for its address.
type udpLike struct{ c net.Conn }

func (u udpLike) LocalAddr() net.Addr                  { return u.c.LocalAddr() }
func (udpLike) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, net.ErrClosed }
func (udpLike) WriteTo([]byte, net.Addr) (int, error)  { return 0, net.ErrClosed }
func (udpLike) Close() error                           { return nil }
func (udpLike) SetDeadline(time.Time) error            { return nil }
func (udpLike) SetReadDeadline(time.Time) error        { return nil }
func (udpLike) SetWriteDeadline(time.Time) error       { return nil }

func TestOptionsFlood(t *testing.T) {
	p := newPeer(t, UDP)
	ph := open(t, account(), p.server())
	a := newAttacker(t, ph.st.Local())
	for range 2000 {
		a.send(request("OPTIONS", a))
	}
	// The table is bounded, and our own requests go through meanwhile.
	if _, n := ph.st.inProgress(); n > maxServers {
		t.Errorf("%d requests in progress", n)
	}
	p.setAuto(newRegistrar().serve)
	if _, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
		t.Error(err)
	}
}

func TestPing(t *testing.T) {
	both(t, func(t *testing.T, transport Transport) {
		p := newPeer(t, transport)
		p.setAuto(func(m *message) bool { m.reply(404, "Not Found", "x", ""); return true })
		ph := open(t, account(), p.server())
		if _, err := ph.st.Ping(ctxOf(t)); err != nil {
			t.Error(err)
		}
		p.setAuto(func(*message) bool { return true })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := ph.st.Ping(ctx); !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v", err)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	t.Run("a server that answered pings and stops is noticed", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			buf := make([]byte, 16)
			for i := 0; ; i++ {
				if n, err := c.Read(buf); err != nil || string(buf[:n]) != "\r\n\r\n" {
					return
				}
				if i < 2 {
					c.Write([]byte("\r\n"))
				}
			}
		}()
		ph := open(t, account(), Server{Transport: TCP, Addr: addrPort(ln.Addr())}, func(o *StackOptions) { o.KeepAlive = 20 * time.Millisecond })
		if e := event[StackFailed](ph); !errors.Is(e.Err, ErrTimeout) {
			t.Errorf("got %v", e.Err)
		}
		ph.close()
		<-gone
	})
	t.Run("over UDP they are sent and nothing is expected", func(t *testing.T) {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		ph := open(t, account(), Server{Addr: addrPort(pc.LocalAddr())}, func(o *StackOptions) { o.KeepAlive = 10 * time.Millisecond })
		buf := make([]byte, 16)
		pc.SetReadDeadline(time.Now().Add(patience))
		for range 3 {
			if n, _, err := pc.ReadFrom(buf); err != nil || string(buf[:n]) != "\r\n\r\n" {
				t.Fatalf("%q, %v", buf[:n], err)
			}
		}
		if len(ph.events) != 0 {
			t.Errorf("an event: %+v", <-ph.events)
		}
	})
}
