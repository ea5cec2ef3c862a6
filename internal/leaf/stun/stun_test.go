package stun

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v3"
)

var (
	server = netip.MustParseAddrPort("198.51.100.3:3478")
	mine   = netip.MustParseAddrPort("203.0.113.9:40112")
)

// reply is a server's answer; more are further attributes.
func reply(t testing.TB, id ID, kind stun.MessageType, more ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.NewTransactionIDSetter(id), kind}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func xor(at string) stun.Setter {
	a := netip.MustParseAddrPort(at)
	return &stun.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}
}

func plain(at string) stun.Setter {
	a := netip.MustParseAddrPort(at)
	return &stun.MappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}
}

func TestTheQuestionIsABindingRequest(t *testing.T) {
	id := NewID()
	b := Request(id)
	if !Is(b) || len(b) != 28 || id == NewID() {
		t.Fatalf("% x", b)
	}
	m := &stun.Message{Raw: b}
	if err := m.Decode(); err != nil || m.Type != stun.BindingRequest || ID(m.TransactionID) != id || stun.Fingerprint.Check(m) != nil {
		t.Fatalf("%v: %v", m, err)
	}
}

func TestTheAnswerNamesAnAddress(t *testing.T) {
	id := NewID()
	for name, tc := range map[string]struct {
		b    []byte
		want string
	}{
		"in IPv4":                               {reply(t, id, stun.BindingSuccess, xor("203.0.113.9:40112"), stun.Fingerprint), "203.0.113.9:40112"},
		"in IPv6":                               {reply(t, id, stun.BindingSuccess, xor("[2001:db8::9]:40112")), "[2001:db8::9]:40112"},
		"of an old server":                      {reply(t, id, stun.BindingSuccess, plain("203.0.113.9:40112")), "203.0.113.9:40112"},
		"XORed where there are both":            {reply(t, id, stun.BindingSuccess, plain("192.168.1.1:1"), xor("203.0.113.9:40112")), "203.0.113.9:40112"},
		"private, which is not for us to judge": {reply(t, id, stun.BindingSuccess, xor("10.0.0.9:40112")), "10.0.0.9:40112"},
	} {
		if at, err := Parse(tc.b, id); err != nil || at.String() != tc.want {
			t.Errorf("%s: %v, %v", name, at, err)
		}
	}
}

func TestOtherAnswersAreNone(t *testing.T) {
	id := NewID()
	good := reply(t, id, stun.BindingSuccess, xor("203.0.113.9:40112"), stun.Fingerprint)
	spoilt := append([]byte(nil), good...)
	spoilt[len(spoilt)-1] ^= 1
	for name, tc := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":                    {nil, ErrNotOurs},
		"SIP":                        {[]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x\r\n\r\n"), ErrNotOurs},
		"another transaction":        {reply(t, NewID(), stun.BindingSuccess, xor("203.0.113.9:40112")), ErrNotOurs},
		"a question":                 {reply(t, id, stun.BindingRequest), ErrNotOurs},
		"an indication":              {reply(t, id, stun.NewType(stun.MethodBinding, stun.ClassIndication)), ErrNotOurs},
		"another method":             {reply(t, id, stun.NewType(stun.MethodAllocate, stun.ClassSuccessResponse), xor("203.0.113.9:1")), ErrNotOurs},
		"a wrong fingerprint":        {spoilt, ErrNotOurs},
		"cut short":                  {good[:24], ErrNotOurs},
		"no address":                 {reply(t, id, stun.BindingSuccess), ErrNoAddress},
		"0.0.0.0":                    {reply(t, id, stun.BindingSuccess, xor("0.0.0.0:40112")), ErrNoAddress},
		"loopback":                   {reply(t, id, stun.BindingSuccess, xor("127.0.0.1:40112")), ErrNoAddress},
		"loopback in IPv6":           {reply(t, id, stun.BindingSuccess, xor("[::1]:40112")), ErrNoAddress},
		"loopback, mapped into IPv6": {reply(t, id, stun.BindingSuccess, xor("[::ffff:127.0.0.1]:40112")), ErrNoAddress},
		"multicast":                  {reply(t, id, stun.BindingSuccess, xor("224.0.0.1:40112")), ErrNoAddress},
		"link-local":                 {reply(t, id, stun.BindingSuccess, xor("169.254.1.1:40112")), ErrNoAddress},
		"broadcast":                  {reply(t, id, stun.BindingSuccess, xor("255.255.255.255:40112")), ErrNoAddress},
		"port 0":                     {reply(t, id, stun.BindingSuccess, xor("203.0.113.9:0")), ErrNoAddress},
	} {
		if at, err := Parse(tc.b, id); !errors.Is(err, tc.want) || at.IsValid() {
			t.Errorf("%s: %v, %v", name, at, err)
		}
	}
	refused := reply(t, id, stun.BindingError, stun.CodeForbidden, stun.NewSoftware("x"))
	if _, err := Parse(refused, id); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a refusal: %v", err)
	}
}

func TestNoPrivateAddressForAPublicOne(t *testing.T) {
	for _, c := range []struct {
		local, seen string
		want        bool
	}{
		{"192.168.1.23", "198.51.100.7", true},
		{"192.168.1.23", "10.9.0.1", true},
		{"198.51.100.7", "203.0.113.9", true},
		{"198.51.100.7", "10.9.0.1", false},
		{"198.51.100.7", "100.64.0.1", false},
		{"2001:db8::1", "198.51.100.7", false},
		{"::ffff:192.168.1.23", "198.51.100.7", true},
		{"fd00::1", "2001:db8::1", true},
		{"2001:db8::1", "fd00::1", false},
	} {
		if got := Believable(netip.MustParseAddr(c.local), netip.MustParseAddr(c.seen)); got != c.want {
			t.Errorf("%s seen as %s: believed %t, want %t", c.local, c.seen, got, c.want)
		}
	}
}

func TestClient(t *testing.T) {
	run := func(name string, fn func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, fn) })
	}
	run("asks again until the server answers", func(t *testing.T) {
		start, asked := time.Now(), 0
		var c *Client
		c = NewClient(server, func(b []byte) error {
			if asked++; asked == 4 {
				if !c.Receive(reply(t, ID(b[8:20]), stun.BindingSuccess, xor(mine.String())), server) {
					t.Error("not taken")
				}
				c.Receive(reply(t, ID(b[8:20]), stun.BindingSuccess, xor(mine.String())), server) // twice
			}
			return nil
		})
		if at, err := c.Mapped(t.Context()); err != nil || at != mine {
			t.Fatal(at, err)
		}
		if took := time.Since(start); took != 700*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
	run("hears nobody else", func(t *testing.T) {
		var c *Client
		c = NewClient(server, func(b []byte) error {
			id := ID(b[8:20])
			for _, from := range []string{"198.51.100.3:3479", "198.51.100.4:3478", "[2001:db8::1]:3478"} {
				if c.Receive(reply(t, id, stun.BindingSuccess, xor("203.0.113.66:1")), netip.MustParseAddrPort(from)) {
					t.Errorf("believed %s", from)
				}
			}
			if c.Receive(reply(t, NewID(), stun.BindingSuccess, xor("203.0.113.66:1")), server) {
				t.Error("believed an answer to nothing")
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if at, err := c.Mapped(ctx); !errors.Is(err, ErrNoAnswer) || !errors.Is(err, context.DeadlineExceeded) || at.IsValid() {
			t.Fatal(at, err)
		}
		if len(c.waiting) != 0 {
			t.Error("it still waits")
		}
	})
	run("says what the socket says, and what the server names that cannot be", func(t *testing.T) {
		broken := errors.New("network is unreachable")
		if _, err := NewClient(server, func([]byte) error { return broken }).Mapped(t.Context()); !errors.Is(err, broken) {
			t.Error(err)
		}
		var c *Client
		c = NewClient(server, func(b []byte) error {
			c.Receive(reply(t, ID(b[8:20]), stun.BindingSuccess, xor("0.0.0.0:9")), netip.MustParseAddrPort("[::ffff:198.51.100.3]:3478"))
			return nil
		})
		if _, err := c.Mapped(t.Context()); !errors.Is(err, ErrNoAddress) {
			t.Error(err)
		}
	})
}

func FuzzParse(f *testing.F) {
	id := ID{1, 2, 3}
	f.Add(reply(f, id, stun.BindingSuccess, xor("203.0.113.9:40112"), stun.Fingerprint))
	f.Add(reply(f, id, stun.BindingSuccess, plain("0.0.0.0:1")))
	f.Add(reply(f, id, stun.BindingError, stun.CodeForbidden))
	f.Add([]byte("REGISTER sip:example.test SIP/2.0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		at, err := Parse(b, id)
		if err == nil && !Plausible(at) {
			t.Fatalf("%v of % x", at, b)
		}
		if (err == nil) != at.IsValid() {
			t.Fatalf("%v, %v", at, err)
		}
		c := NewClient(server, func([]byte) error { return nil })
		if c.Receive(b, server) {
			t.Fatal("nothing was asked")
		}
	})
}
