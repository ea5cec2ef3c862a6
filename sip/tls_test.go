package sip

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// believing is an account over TLS that believes a CA.
func believing(ca *authority) *Account {
	acct := account()
	acct.Transport, acct.TLS.Roots = locate.TLS, ca.roots()
	return acct
}

func tlsPeer(t testing.TB, conf *tls.Config) *peer {
	t.Helper()
	p := newPeerAt(t, locate.TLS, "127.0.0.1:0", conf)
	p.setAuto(newRegistrar("SHA-256").serve)
	return p
}

// openFails tries to open a stack and returns why it does not work.
func openFails(t *testing.T, acct *Account, srv locate.Server) error {
	t.Helper()
	st, err := Open(ctxOf(t), StackOptions{Account: acct, Server: srv, Local: netip.MustParseAddr("127.0.0.1"), Sockets: sockets{}})
	if err == nil {
		st.Close()
		t.Fatal("it was opened")
	}
	if !errors.Is(err, ErrTransport) && !errors.Is(err, ErrTimeout) {
		t.Errorf("%v is neither ErrTransport nor ErrTimeout", err)
	}
	return err
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	t.Run("registers, calls and is called over one connection", func(t *testing.T) {
		p := tlsPeer(t, ca.server([]string{"example.test"}))
		ph := open(t, believing(ca), p.server())
		got, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{})
		if err != nil || !strings.HasSuffix(got.Contact, ph.st.Local().String()+";transport=tls") {
			t.Fatalf("got %+v, %v", got, err)
		}
		seen, _ := p.soFar()
		if via := seen[0].value("Via"); !strings.HasPrefix(via, "SIP/2.0/TLS "+ph.st.Local().String()+";") {
			t.Error(via)
		}
		if cs := ph.st.TLS(); cs.Version < tls.VersionTLS12 || cs.ServerName != "example.test" {
			t.Errorf("got %+v", cs)
		}
		p.setAuto(nil)
		_, l := dialled(t, ph, p)
		l.send("BYE", "")
		event[ended](ph)
		in := *l
		in.callID, in.remote, in.target = wire.RandomToken(), "<sip:alice@example.test>", got.Contact
		in.send("INVITE", sdpB)
		event[incoming](ph).Call.Reject(486)
		p.expect("SIP/2.0 486", "INVITE")
		if _, n := p.soFar(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
	t.Run("a server that goes away is noticed, and what was under way fails at once", func(t *testing.T) {
		p := tlsPeer(t, ca.server([]string{"example.test"}))
		p.setAuto(nil)
		ph := open(t, believing(ca), p.server())
		done := errJob(func() error {
			_, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{})
			return err
		})
		p.expect("REGISTER")
		p.dropConns()
		if _, err := wait(t, done); !errors.Is(err, ErrTransport) {
			t.Errorf("got %v", err)
		}
		if e := event[StackFailed](ph); e.Stack != ph.st || !errors.Is(e.Err, ErrTransport) {
			t.Errorf("got %+v", e)
		}
	})
	sipURI := func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "sip", Opaque: "example.test"}, {Scheme: "sip", Opaque: "alice@other.test"}}
	}
	for name, conf := range map[string]*tls.Config{
		"a sip: URI":          ca.server([]string{"sip1.example.test"}, sipURI),
		"its address":         ca.server([]string{"127.0.0.1"}),
		"a wildcard above it": ca.server([]string{"*.example.test"}),
	} {
		t.Run("a server may prove itself by "+name, func(t *testing.T) {
			srv := tlsPeer(t, conf).server()
			switch {
			case strings.Contains(name, "address"):
				srv.Host = ""
			case strings.Contains(name, "wildcard"):
				srv.Host = "pbx.example.test"
			}
			open(t, believing(ca), srv)
		})
	}
	t.Run("a server that nobody vouches for is believed only when the account says so", func(t *testing.T) {
		p := tlsPeer(t, ca.alone("other.test"))
		acct := account()
		acct.Transport, acct.TLS.Unverified = locate.TLS, true
		ph := open(t, acct, p.server())
		if _, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func TestCertificates(t *testing.T) {
	ca, stranger := newAuthority(t, "Test CA"), newAuthority(t, "Corporate Proxy \x1b[31mCA")
	year := 365 * 24 * time.Hour
	for _, tc := range []struct {
		name    string
		conf    *tls.Config
		problem locate.CertificateProblem
		says    []string
	}{
		{"for another name is refused and says for which", ca.server([]string{"wifi.hotel.test", "10.0.0.1"}), locate.CertificateWrongName,
			[]string{"example.test", "wifi.hotel.test, 10.0.0.1"}},
		{"for the resolved address alone is refused", ca.server([]string{"127.0.0.1"}), locate.CertificateWrongName, []string{"127.0.0.1"}},
		{"for a user's URI is refused", ca.server(nil, func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "sip", Opaque: "x@example.test"}} }),
			locate.CertificateWrongName, nil},
		{"that has expired says since when", ca.server([]string{"example.test"}, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2021, 3, 4, 0, 0, 0, 0, time.UTC)
		}), locate.CertificateExpired, []string{"2021-03-04"}},
		{"of the future says from when", ca.server([]string{"example.test"}, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(year), time.Now().Add(2*year)
		}), locate.CertificateNotYetValid, []string{time.Now().Add(year).UTC().Format(time.DateOnly)}},
		{"signed by itself is refused", ca.alone("example.test"), locate.CertificateSelfSigned, nil},
		{"of an unknown CA is refused and says of which", stranger.server([]string{"example.test"}), locate.CertificateUnknownCA, []string{"Corporate Proxy"}},
		{"not made for servers is refused", ca.server([]string{"example.test"}, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), locate.CertificateUnusable, []string{"key usage"}},
	} {
		t.Run("a certificate "+tc.name, func(t *testing.T) {
			p := tlsPeer(t, tc.conf)
			err := openFails(t, believing(ca), p.server())
			var ce *locate.CertificateError
			if !errors.As(err, &ce) || ce.Problem != tc.problem {
				t.Fatalf("got %v", err)
			}
			text := fmt.Sprintln(ce.Server, strings.Join(ce.Names, ", "), ce.Issuer, ce.When.UTC().Format(time.DateOnly), ce.Err)
			for _, want := range tc.says {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in: %s", want, text)
				}
			}
			if strings.ContainsRune(text+err.Error(), 0x1b) {
				t.Errorf("%q", text)
			}
			p.close()
			if seen, _ := p.soFar(); len(seen) != 0 {
				t.Errorf("%d messages were sent", len(seen))
			}
		})
	}
}

func TestHandshake(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	// strange is a server that takes a connection and does something with it.
	strange := func(t *testing.T, serve func(net.Conn)) locate.Server {
		t.Helper()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if c, err := ln.Accept(); err == nil {
				serve(c)
				c.Close()
			}
		}()
		t.Cleanup(func() { ln.Close(); <-ended })
		return locate.Server{Transport: locate.TLS, Addr: addrPort(ln.Addr()), Host: "example.test"}
	}
	problem := func(t *testing.T, err error, want locate.HandshakeProblem) {
		t.Helper()
		var he *locate.HandshakeError
		if !errors.As(err, &he) || he.Problem != want {
			t.Fatalf("got %v", err)
		}
	}
	t.Run("a server that knows only old versions is refused", func(t *testing.T) {
		conf := ca.server([]string{"example.test"})
		conf.MinVersion, conf.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		problem(t, openFails(t, believing(ca), tlsPeer(t, conf).server()), locate.HandshakeOldVersion)
	})
	t.Run("a server that speaks plain SIP at the port is told apart", func(t *testing.T) {
		srv := strange(t, func(c net.Conn) {
			buf := make([]byte, 1024)
			c.Read(buf)
			c.Write([]byte("SIP/2.0 400 Bad Request\r\n\r\n"))
			c.Read(buf)
		})
		problem(t, openFails(t, believing(ca), srv), locate.HandshakeNotTLS)
	})
	t.Run("a server that closes at the first word is told apart", func(t *testing.T) {
		srv := strange(t, func(c net.Conn) { c.Read(make([]byte, 4096)) })
		problem(t, openFails(t, believing(ca), srv), locate.HandshakeClosed)
	})
	t.Run("a server that stalls is given up with the context", func(t *testing.T) {
		hold := make(chan struct{})
		srv := strange(t, func(net.Conn) { <-hold })
		defer close(hold)
		ctx, cancel := contextFor(t, 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := Open(ctx, StackOptions{Account: believing(ca), Server: srv, Local: netip.MustParseAddr("127.0.0.1"), Sockets: sockets{}})
		problem(t, err, locate.HandshakeStalled)
		if !errors.Is(err, ErrTimeout) || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestTLSResumes(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	p := tlsPeer(t, ca.server([]string{"example.test"}))
	acct, sessions := believing(ca), tls.NewLRUClientSessionCache(8)
	resumed := func(srv locate.Server, at string) bool {
		t.Helper()
		start := time.Now()
		ph := open(t, acct, srv, func(o *StackOptions) { o.Sessions, o.Local = sessions, netip.MustParseAddr(at) })
		took := time.Since(start)
		// The ticket comes after the handshake: any answer has brought it along.
		if _, err := NewRegistration(acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		cs := ph.st.TLS()
		t.Logf("open from %s: %v, resumed %v", at, took, cs.DidResume)
		ph.close()
		return cs.DidResume
	}
	if resumed(p.server(), "127.0.0.1") {
		t.Error("the first connection resumed something")
	}
	if !resumed(p.server(), "127.0.0.1") {
		t.Error("a new stack did not resume")
	}
	if ln, err := net.Listen("tcp", "127.0.0.2:0"); err == nil { // Linux has more than one loopback address
		ln.Close()
		if !resumed(p.server(), "127.0.0.2") {
			t.Error("a stack at another address did not resume")
		}
	}
	t.Run("a resumed session is checked like a new one", func(t *testing.T) {
		late := func() time.Time { return time.Now().Add(48 * time.Hour) }
		_, err := Open(ctxOf(t), StackOptions{Account: acct, Server: p.server(), Local: netip.MustParseAddr("127.0.0.1"), Sockets: sockets{}, Shared: Shared{Sessions: sessions, Now: late}})
		var ce *locate.CertificateError
		if !errors.As(err, &ce) || ce.Problem != locate.CertificateExpired {
			t.Errorf("got %v", err)
		}
	})
}

func TestSecureAddresses(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	secure := wire.URI{Scheme: "sips", User: "bob", Host: "example.test"}
	t.Run("a sips: address is never called without TLS", func(t *testing.T) {
		both(t, func(t *testing.T, transport locate.Transport) {
			p := newPeer(t, transport)
			ph := open(t, account(), p.server())
			_, err := newTalker(ph, secure).Invite(ctxOf(t), ph.st, nil)
			if !errors.Is(err, ErrNotSecure) || p.count("INVITE") != 0 {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("an account of a sips: address opens nothing without TLS", func(t *testing.T) {
		acct := account()
		acct.AOR.Scheme = "sips"
		_, err := Open(ctxOf(t), StackOptions{Account: acct, Server: newPeer(t, locate.UDP).server(), Local: netip.MustParseAddr("127.0.0.1"), Sockets: sockets{}})
		if !errors.Is(err, ErrNotSecure) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a call to a sips: address has a sips: Contact, and a peer that names sip: ends it nowhere else", func(t *testing.T) {
		p := tlsPeer(t, ca.server([]string{"example.test"}))
		ph := open(t, believing(ca), p.server())
		c := newTalker(ph, secure)
		ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
		m := p.expect("INVITE sips:bob@example.test")
		if want := "<sips:alice@" + ph.st.Local().String() + ">"; m.value("Contact") != want {
			t.Errorf("%q, want %q", m.value("Contact"), want)
		}
		m.reply(486, "Busy Here", "x", "")
		wait(t, ans)
	})
	t.Run("a sips: call that arrives without TLS is turned away", func(t *testing.T) {
		acct := account()
		acct.AllowAny = true
		ph := open(t, acct, nowhere())
		a := newAttacker(t, ph.st.Local())
		a.send(strings.Replace(request("INVITE", a), "INVITE sip:", "INVITE sips:", 1))
		if got := a.answer(); !strings.HasPrefix(got, "SIP/2.0 480 ") {
			t.Errorf("answered %q", got)
		}
	})
}

func TestAnotherDomainAtTheSameAddress(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	for _, tc := range []struct {
		name   string
		proves []string
		shares bool
	}{
		{"shares the connection when the certificate is also its own", []string{"example.test", "second.test"}, true},
		{"gets none when it cannot prove to be itself", []string{"example.test"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := tlsPeer(t, ca.server(tc.proves))
			ph := open(t, believing(ca), p.server(), func(o *StackOptions) { o.Lookup = names{"second.test": {p.addr.Addr()}} })
			f, _, err := ph.st.hop(ctxOf(t), dialog.Dialog{Target: "sip:bob@second.test:" + p.addr.String()[len("127.0.0.1:"):]})
			if tc.shares {
				if err != nil || f != flow(ph.st.server) {
					t.Errorf("got %v, %v", f, err)
				}
				return
			}
			var ce *locate.CertificateError
			if !errors.As(err, &ce) || ce.Server != "second.test" {
				t.Errorf("got %v, %v", f, err)
			}
		})
	}
}
