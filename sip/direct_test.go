package sip

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/sdp"
	"ramble/sip/wire"
)

func TestGivingUp(t *testing.T) {
	t.Run("a 2xx that comes after we gave up is acknowledged and hung up", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c, _ := invite(t, ph, nil)
		m := p.expect("INVITE")
		c.feed(dialog.Hangup{})
		if e := c.over(t); e.How != dialog.HungUp || e.By != dialog.Us {
			t.Errorf("got %+v", e)
		}
		m.reply(200, "OK", "late", sdpB, p.contact())
		p.expect("ACK")
		p.expect("BYE").reply(200, "OK", "", "")
		m.reply(200, "OK", "late", sdpB, p.contact())
		p.expect("ACK")
		if n := p.count("CANCEL"); n != 0 {
			t.Error("a CANCEL before a provisional response (RFC 3261 9.1)")
		}
	})
	t.Run("wishes that the state has no room for do nothing", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c := newTalker(ph, bob())
		c.Ring(180)
		c.Reject(486)
		c.feed(dialog.Accept{Wish: wish(sdp.SendRecv)})
		if err := c.Modify(ctxOf(t), dialog.Reinvite, sdp.SendRecv); !errors.Is(err, dialog.ErrState) {
			t.Errorf("got %v", err)
		}
		c.feed(dialog.Drop{})
		if !ask(c, c.IsOver) {
			t.Error("it is not over")
		}
		if all, _ := p.soFar(); len(all) != 0 {
			t.Errorf("sent %v", all)
		}
	})
}

func TestDirectCall(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		t.Run("a call without a server goes straight to its target", func(t *testing.T) {
			p := newPeer(t, transport)
			acct := account()
			acct.Transport = transport
			ph := open(t, acct, locate.Server{}, func(o *StackOptions) { o.Lookup = names{"bob.example": {p.addr.Addr()}} })
			c := newTalker(ph, wire.URI{Scheme: "sip", User: "bob", Host: "bob.example", Port: p.addr.Port()})
			ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
			p.expect("INVITE").reply(200, "OK", "b", sdpB, p.contact())
			p.expect("ACK")
			if _, err := wait(t, ans); err != nil {
				t.Fatal(err)
			}
			bye := errJob(func() error { return c.Bye(ctxOf(t)) })
			p.expect("BYE").reply(200, "OK", "", "")
			if _, err := wait(t, bye); err != nil {
				t.Error(err)
			}
		})
		t.Run("a name without an address says so", func(t *testing.T) {
			acct := account()
			acct.Transport = transport
			ph := open(t, acct, locate.Server{}, func(o *StackOptions) { o.Lookup = names{} })
			_, err := newTalker(ph, wire.URI{Scheme: "sip", User: "b", Host: "nowhere.example"}).Invite(ctxOf(t), ph.st, nil)
			var re *locate.ResolveError
			if !errors.As(err, &re) {
				t.Errorf("got %v", err)
			}
		})
	})
}

func TestProxyAsksWithinACall(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	c := newTalker(ph, bob())
	ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
	p.expect("INVITE").reply(200, "OK", "b", sdpB, "Contact: <sip:bob@192.0.2.44>", "Record-Route: <sip:"+p.addr.String()+";lr>", "Allow: UPDATE")
	p.expect("ACK")
	if _, err := wait(t, ans); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		up := errJob(func() error { return c.Modify(ctxOf(t), dialog.Update, sdp.SendRecv) })
		m := p.expect("UPDATE")
		if i == 0 {
			m.reply(407, "Proxy Authentication Required", "", "", `Proxy-Authenticate: Digest realm="example.test", nonce="n", qop="auth"`)
			m = p.expect("UPDATE")
		}
		if !strings.Contains(m.value("Proxy-Authorization"), `nonce="n"`) {
			t.Errorf("round %d: %s", i, m.text)
		}
		m.reply(200, "OK", "", sdpB, "Contact: <sip:bob@192.0.2.44>")
		if _, err := wait(t, up); err != nil {
			t.Error(err)
		}
		if n := p.count("UPDATE"); n != 2+i {
			t.Errorf("%d UPDATEs after round %d", n, i)
		}
	}
	t.Run("a 401 from beyond the proxy is not answered", func(t *testing.T) {
		up := errJob(func() error { return c.Modify(ctxOf(t), dialog.Update, sdp.SendRecv) })
		p.expect("UPDATE").reply(401, "Unauthorized", "", "", `WWW-Authenticate: Digest realm="example.test", nonce="evil"`)
		_, err := wait(t, up)
		var re *ResponseError
		if !errors.As(err, &re) || re.Code != 401 {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnnounce(t *testing.T) {
	acct := account()
	acct.Transport = locate.TCP
	st := open(t, acct, locate.Server{}).st
	own := st.Contact(acct)
	st.Announce(netip.MustParseAddrPort("[2001:db8::5]:40000"))
	if got := st.Contact(acct); got != "sip:alice@[2001:db8::5]:40000;transport=tcp" {
		t.Errorf("got %q", got)
	}
	st.Announce(netip.AddrPort{})
	if got := st.Contact(acct); got != own {
		t.Errorf("got %q, want %q", got, own)
	}
}

// names is a Lookup that knows addresses only.
type names map[string][]netip.Addr

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := n[host]; ok {
		return a, nil
	}
	return nil, errors.New("no such host")
}

func (names) LookupSRV(context.Context, string) ([]locate.SRV, error)     { return nil, nil }
func (names) LookupNAPTR(context.Context, string) ([]locate.NAPTR, error) { return nil, nil }

// TestATrunkCallsStraight: where nobody registers, a server carries the calls of
// its own domain; one to another host goes there, with no credentials.
func TestATrunkCallsStraight(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		server, other := newPeer(t, transport), newPeer(t, transport)
		acct := account()
		acct.Transport, acct.Trunk = transport, true
		ph := open(t, acct, server.server())
		c := newTalker(ph, wire.URI{Scheme: "sip", User: "bob", Host: other.addr.Addr().String(), Port: other.addr.Port()})
		ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
		other.expect("INVITE").reply(200, "OK", "b", sdpB, other.contact())
		other.expect("ACK")
		if _, err := wait(t, ans); err != nil {
			t.Fatal(err)
		}
		bye := errJob(func() error { return c.Bye(ctxOf(t)) })
		other.expect("BYE").reply(200, "OK", "", "")
		if _, err := wait(t, bye); err != nil {
			t.Error(err)
		}
		if all, _ := server.soFar(); len(all) != 0 {
			t.Errorf("the server saw %v", all)
		}
	})
}

func TestWhereACallLeads(t *testing.T) {
	p := newPeer(t, locate.UDP)
	proxied := account()
	proxied.Proxy = wire.URI{Scheme: "sip", Host: "proxy.example.test"}
	for name, c := range map[string]struct {
		acct   *Account
		trunk  bool
		target string
		server bool
	}{
		"a registered account": {account(), false, "sip:bob@192.0.2.5", true},
		"a trunk, its domain":  {account(), true, "sip:bob@" + account().AOR.Host, true},
		"a trunk, elsewhere":   {account(), true, "sip:bob@192.0.2.5", false},
		"a trunk, its server":  {account(), true, "sip:bob@" + p.addr.String(), true},
		"a trunk with a proxy": {proxied, true, "sip:bob@192.0.2.5", true},
	} {
		t.Run(name, func(t *testing.T) {
			c.acct.Trunk = c.trunk
			ph := open(t, c.acct, p.server())
			to, err := wire.ParseURI(c.target)
			if err != nil {
				t.Fatal(err)
			}
			host, server := ph.st.Leads(to)
			if server != c.server || !server && host != to.Host {
				t.Errorf("leads to %s, the server: %v", host, server)
			}
		})
	}
}
