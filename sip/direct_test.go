package sip

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

func TestGivingUp(t *testing.T) {
	invite := func(t *testing.T, ph *phone, ctx context.Context) (*Call, <-chan result[Answer]) {
		c := NewCall(ph.acct, ph.auth, wire.URI{Scheme: "sip", User: "bob", Host: "example.test"})
		return c, job(func() (Answer, error) { return c.Invite(ctx, ph.st, []byte(sdpA), nil) })
	}
	t.Run("an INVITE whose context ends while it rings is cancelled", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		rang := make(chan struct{})
		c := NewCall(ph.acct, ph.auth, wire.URI{Scheme: "sip", User: "bob", Host: "example.test"})
		ans := job(func() (Answer, error) {
			return c.Invite(ctx, ph.st, []byte(sdpA), func(Progress) { close(rang) })
		})
		p.expect("INVITE").reply(180, "Ringing", "x", "", p.contact())
		<-rang
		cancel()
		if _, err := wait(t, ans); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		p.expect("CANCEL").reply(200, "OK", "x", "")
		<-c.Over()
	})
	t.Run("a 2xx that comes after we gave up is acknowledged and hung up", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, ans := invite(t, ph, ctx)
		m := p.expect("INVITE")
		cancel()
		_, _ = wait(t, ans)
		m.reply(200, "OK", "late", sdpB, p.contact())
		p.expect("ACK")
		p.expect("BYE").reply(200, "OK", "", "")
		m.reply(200, "OK", "late", sdpB, p.contact())
		p.expect("ACK")
	})
	t.Run("Cancel before any answer waits as long as its context", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c, ans := invite(t, ph, ctxOf(t))
		p.expect("INVITE")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := c.Cancel(ctx); !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v", err)
		}
		if _, err := wait(t, ans); !errors.Is(err, ErrCancelled) {
			t.Errorf("got %v", err)
		}
		if n := p.count("CANCEL"); n != 0 {
			t.Error("a CANCEL before a provisional response (RFC 3261 9.1)")
		}
	})
	t.Run("methods in the wrong state say so", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c := NewCall(ph.acct, ph.auth, wire.URI{Scheme: "sip", User: "bob", Host: "example.test"})
		for name, err := range map[string]error{
			"Bye": c.Bye(ctxOf(t)), "Ring": c.Ring(ctxOf(t), 180), "Accept": c.Accept(ctxOf(t), []byte(sdpA)),
			"Reject": c.Reject(ctxOf(t), 486, "Busy Here"),
		} {
			if !errors.Is(err, ErrWrongState) {
				t.Errorf("%s: %v", name, err)
			}
		}
		c.Drop()
		if _, err := c.Modify(ctxOf(t), Reinvite, []byte(sdpA)); !errors.Is(err, ErrEnded) {
			t.Errorf("Modify: %v", err)
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
			c := NewCall(acct, ph.auth, wire.URI{Scheme: "sip", User: "bob", Host: "bob.example", Port: p.addr.Port()})
			ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, []byte(sdpA), nil) })
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
			_, err := NewCall(acct, nil, wire.URI{Scheme: "sip", User: "b", Host: "nowhere.example"}).Invite(ctxOf(t), ph.st, []byte(sdpA), nil)
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
	c := NewCall(ph.acct, ph.auth, wire.URI{Scheme: "sip", User: "bob", Host: "example.test"})
	ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, []byte(sdpA), nil) })
	p.expect("INVITE").reply(200, "OK", "b", sdpB, "Contact: <sip:bob@192.0.2.44>", "Record-Route: <sip:"+p.addr.String()+";lr>")
	p.expect("ACK")
	if _, err := wait(t, ans); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		up := job(func() (Answer, error) { return c.Modify(ctxOf(t), Update, []byte(sdpA)) })
		m := p.expect("UPDATE")
		if i == 0 {
			m.reply(407, "Proxy Authentication Required", "", "", `Proxy-Authenticate: Digest realm="example.test", nonce="n", qop="auth"`)
			m = p.expect("UPDATE")
		}
		if !strings.Contains(m.value("Proxy-Authorization"), `nonce="n"`) {
			t.Errorf("round %d: %s", i, m.text)
		}
		m.reply(200, "OK", "", sdpB, "Contact: <sip:bob@192.0.2.44>")
		if a, err := wait(t, up); err != nil || a.RoundTrips != 2-i {
			t.Errorf("%d round trips, %v", a.RoundTrips, err)
		}
	}
	t.Run("a 401 from beyond the proxy is not answered", func(t *testing.T) {
		up := job(func() (Answer, error) { return c.Modify(ctxOf(t), Update, []byte(sdpA)) })
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
