package sip

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"ramble/internal/proof/needs"
	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/sdp"
	"ramble/sip/wire"
)

func TestIPv6(t *testing.T) {
	pc, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		needs.Missing(t, "no IPv6 loopback here")
	}
	pc.Close()
	ca := newAuthority(t, "Test CA")
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP, locate.TLS} {
		t.Run("registers, calls and is called over "+transport.String(), func(t *testing.T) {
			p := newPeerAt(t, transport, "[::1]:0", ca.server([]string{"::1"}))
			p.setAuto(newRegistrar("MD5").serve)
			srv := p.server()
			srv.Host = "::1"
			ph := open(t, believing(ca), srv, func(o *StackOptions) { o.Local = netip.IPv6Loopback() })
			got, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{})
			if err != nil || !got.Listed || !got.Received.Addr().Is6() {
				t.Fatalf("got %+v, %v", got, err)
			}
			at := ph.st.Local().String() // with brackets
			if !strings.HasPrefix(got.Contact, "sip:alice@"+at) || !strings.HasPrefix(at, "[::1]:") {
				t.Error(got.Contact)
			}
			seen, _ := p.soFar()
			if via := seen[0].value("Via"); !strings.HasPrefix(via, "SIP/2.0/"+transport.Via()+" "+at+";") {
				t.Error(via)
			}
			p.setAuto(nil)
			c, l := dialled(t, ph, p)
			ans := errJob(func() error { return c.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv) })
			p.expect("INVITE sip:peer@[::1]:").reply(200, "OK", "", sdpB, p.contact())
			p.expect("ACK")
			if _, err := wait(t, ans); err != nil {
				t.Error(err)
			}
			l.send("BYE", "")
			event[ended](ph)
			in := *l
			in.callID, in.remote, in.target = wire.RandomToken(), "<sip:alice@example.test>", got.Contact
			in.send("INVITE", sdpB)
			event[incoming](ph).Call.Reject(486)
			p.expect("SIP/2.0 486", "INVITE")
		})
	}
	t.Run("a route that names the server's IPv4 address leads to the server", func(t *testing.T) {
		p := newPeerAt(t, locate.UDP, "[::1]:0", nil)
		srv := p.server()
		srv.Host = "::1"
		ph := open(t, believing(ca), srv, func(o *StackOptions) { o.Local = netip.IPv6Loopback() })
		c, _ := dialled(t, ph, p, "Record-Route: <sip:192.0.2.1;lr>")
		ans := errJob(func() error { return c.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv) })
		again := p.expect("INVITE")
		if r := again.value("Route"); r != "<sip:192.0.2.1;lr>" {
			t.Errorf("the route is %s", r)
		}
		again.reply(200, "OK", "", sdpB, p.contact())
		p.expect("ACK")
		if _, err := wait(t, ans); err != nil {
			t.Error(err)
		}
	})
	t.Run("one address is one address, however it is written", func(t *testing.T) {
		a, err := wire.ParseURI("sip:bob@[2001:DB8:0:0::1]:5070")
		b, err2 := wire.ParseURI("sip:bob@[2001:db8::1]:5070")
		if err != nil || err2 != nil || a != b || a.String() != "sip:bob@[2001:db8::1]:5070" {
			t.Errorf("%v, %v; %v, %v", a, err, b, err2)
		}
	})
	for in, says := range map[string]string{
		"sip:bob@[fe80::1%eth0]": "one interface",
		"sip:bob@[fe80::1":       "closing ]",
		"sip:bob@[::1]5060":      "only :port",
		"sip:bob@[192.0.2.1]":    "not an IPv6 address",
	} {
		t.Run(in+" is refused in words", func(t *testing.T) {
			if _, err := wire.ParseURI(in); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
