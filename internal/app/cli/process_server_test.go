package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/siptest"
)

// calm is how long a registrar must hear nothing of a phone that it refused.
// The first try of its own would come after a second at most.
const calm = 2500 * time.Millisecond

// testRefusals: a server that does not want the account is left alone.
func testRefusals(t *testing.T, binary, over string) {
	t.Run("a wrong password is tried twice and then never again by itself", func(t *testing.T) {
		h := newHouse(t, binary, over, siptest.Options{})
		var logins atomic.Int32
		h.server.Script(func(req *sipgo.Request) *siptest.Reply {
			if req.GetHeader("Authorization") != nil {
				logins.Add(1)
			}
			return nil
		})
		p := h.start(t, "alice", setup{password: "wrong"})
		l := p.registration(t, "refused")
		if l.Code != 401 || !strings.Contains(l.Reason, "password") || l.Contact != "" {
			t.Errorf("refused with %+v", l)
		}
		h.quiet(t)
		if n := logins.Load(); n != 2 {
			t.Errorf("%d logins were tried, want 2", n)
		}
		p.ask(t, "register")
		p.registration(t, "refused")
		if n := logins.Load(); n != 4 {
			t.Errorf("%d logins were tried after the user asked, want 4", n)
		}
		h.server.SetPassword("alice", "wrong") // the user of the server gives in
		p.ask(t, "register")
		p.registration(t, "registered")
		p.leaves(t)
	})
	for _, r := range []struct {
		name, user string
		code       int
		says       string
	}{
		{"a user that the server does not know is refused with 404", "nobody", 404, "does not know this account"},
		{"a server that forbids the account refuses with 403", "alice", 403, "forbidden"},
	} {
		t.Run(r.name, func(t *testing.T) {
			h := newHouse(t, binary, over, siptest.Options{})
			if r.code == 403 {
				h.server.Script(func(req *sipgo.Request) *siptest.Reply {
					if req.Method == sipgo.REGISTER {
						return &siptest.Reply{Code: 403}
					}
					return nil
				})
			}
			p := h.start(t, "alice", setup{user: r.user})
			if l := p.registration(t, "refused"); l.Code != r.code || !strings.Contains(l.Reason, r.says) {
				t.Errorf("refused with %+v", l)
			}
			h.quiet(t)
			if l := p.reply(t, "snapshot"); l.Type != "ok" {
				t.Errorf("the phone went on with %+v", l)
			}
			p.leaves(t)
		})
	}
}

// quiet waits for a REGISTER that must not come.
func (h *house) quiet(t *testing.T) {
	t.Helper()
	n := h.server.Count("REGISTER")
	ctx, cancel := context.WithTimeout(t.Context(), calm)
	defer cancel()
	if h.server.WaitCount(ctx, "REGISTER", n+1) == nil {
		t.Errorf("after %d REGISTERs and a refusal came another", n)
	}
}

// leaves quits a phone.
func (p *handset) leaves(t *testing.T) {
	t.Helper()
	p.ask(t, "quit")
	if code := p.exit(t); code != 0 {
		t.Errorf("%s: exit code %d", p.name, code)
	}
}

// testUnreachable: what is not there now is found when it comes.
func testUnreachable(t *testing.T, binary, over string) {
	if over == "tcp" { // over udp it takes half a minute to know: see newUnanswered
		t.Run("a server that refuses connections fails the registration and is tried again", func(t *testing.T) {
			h := newHouse(t, binary, over, siptest.Options{})
			at := freePort(t)
			p := h.start(t, "alice", setup{registrar: "sip:" + at.String()})
			p.next = 0 // the phone is ready only after it has tried
			l := p.registration(t, "failed")
			if l.Reason != "The server refuses the connection." {
				t.Errorf("failed with %+v", l)
			}
			if l := p.reply(t, "dial bob"); l.Type != "error" || !strings.Contains(l.Reason, "refuses the connection") {
				t.Errorf("a dial was answered %+v", l)
			}
			late := serve(t, siptest.Options{Addr: at, Users: map[string]string{"alice": "secret of alice"}})
			p.registration(t, "registered")
			if n := len(late.Bindings("alice")); n != 1 {
				t.Errorf("%d bindings at the server that came late", n)
			}
			p.leaves(t)
		})
	}
	t.Run("a SIP port that is taken is told once and tried again", func(t *testing.T) {
		h := newHouse(t, binary, over, siptest.Options{})
		port, release := takePort(t, over)
		p := h.start(t, "alice", setup{network: fmt.Sprintf("sip_port = %d", port)})
		p.next = 0
		if l := p.registration(t, "failed"); l.Reason != "The SIP port is taken by another program." {
			t.Errorf("failed with %+v", l)
		}
		if l := p.reply(t, "dial bob"); l.Type != "error" || !strings.Contains(l.Reason, "port is taken") {
			t.Errorf("a dial was answered %+v", l)
		}
		release()
		if l := p.registration(t, "registered"); !strings.Contains(l.Contact, fmt.Sprintf(":%d", port)) {
			t.Errorf("registered as %s, want port %d", l.Contact, port)
		}
		told := 0
		for _, l := range p.seen() {
			if strings.Contains(l.Reason+l.Text, "taken") && l.Type != "error" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times that the port is taken", told)
		}
		p.leaves(t)
	})
}

// takePort listens on a port until it is released.
func takePort(t *testing.T, over string) (port uint16, release func()) {
	t.Helper()
	at := freePort(t)
	if over == "udp" {
		c, err := net.ListenPacket("udp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		release = func() { _ = c.Close() }
	} else {
		l, err := net.Listen("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		release = func() { _ = l.Close() }
	}
	t.Cleanup(release)
	return at.Port(), release
}

// newUnanswered starts a phone whose server says nothing: its port is open, so
// that nobody refuses. Over UDP the phone knows that only after 32 s (RFC 3261
// 17.1.2.2, timer F), so it waits beside all the other tests. The function returned sees to the end of it.
func newUnanswered(t *testing.T, binary string) func(*testing.T) {
	h := newHouse(t, binary, "udp", siptest.Options{})
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	at := netip.MustParseAddrPort(silent.LocalAddr().String())
	p := h.start(t, "alice", setup{registrar: "sip:" + at.String()})
	p.registration(t, "registering")
	began := time.Now()
	return func(t *testing.T) {
		l := p.within(t, 40*time.Second, "failed registration", func(l line) bool { return l.is("registration", "failed") })
		if l.Reason != "The server does not answer." {
			t.Errorf("failed with %+v", l)
		}
		t.Logf("failed after %v at most", time.Since(began).Round(time.Second))
		p.registration(t, "registering")
		_ = silent.Close()
		late := serve(t, siptest.Options{Addr: at, Users: map[string]string{"alice": "secret of alice"}})
		p.registration(t, "registered")
		if n := len(late.Bindings("alice")); n != 1 {
			t.Errorf("%d bindings at the server that came late", n)
		}
		p.leaves(t)
	}
}
