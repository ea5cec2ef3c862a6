package socket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// addrOf is the local address of a socket as the next call takes it.
func addrOf(t *testing.T, a net.Addr) netip.AddrPort {
	t.Helper()
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// loopback is the name of the loopback interface.
func loopback(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i.Name
		}
	}
	t.Skip("no loopback interface")
	return ""
}

func TestSystem(t *testing.T) {
	s := System{DSCP: CS3}
	for _, iface := range []string{"", loopback(t)} {
		name := "unpinned"
		if iface != "" {
			name = "pinned to " + iface
		}
		t.Run("datagrams pass, "+name, func(t *testing.T) {
			a := packet(t, s, "127.0.0.1:0", iface)
			b := packet(t, s, "127.0.0.1:0", iface)
			if _, err := a.WriteTo([]byte("x"), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 10)
			n, from, err := b.ReadFrom(buf)
			if err != nil || string(buf[:n]) != "x" || from.String() != a.LocalAddr().String() {
				t.Fatalf("got %q from %v, %v", buf[:n], from, err)
			}
		})
		t.Run("streams pass, "+name, func(t *testing.T) {
			l, err := s.Listen(t.Context(), at("127.0.0.1:0"), iface)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			a, err := s.Dial(t.Context(), at("127.0.0.1:0"), addrOf(t, l.Addr()), iface)
			if err != nil {
				t.Fatal(err)
			}
			b, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if _, err := a.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			a.Close()
			if got, err := io.ReadAll(b); err != nil || string(got) != "x" {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
	t.Run("no local address is any", func(t *testing.T) {
		c, err := s.ListenPacket(t.Context(), netip.AddrPort{}, "")
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

func packet(t *testing.T, s System, local, iface string) net.PacketConn {
	t.Helper()
	c, err := s.ListenPacket(t.Context(), at(local), iface)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestErrors(t *testing.T) {
	var s System
	expect := func(t *testing.T, err error, code []error, words ...string) {
		t.Helper()
		if err == nil {
			t.Fatal("no error")
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
		for _, c := range code {
			if !errors.Is(err, c) {
				t.Errorf("%v is no %v", err, c)
			}
		}
	}
	t.Run("a UDP port in use", func(t *testing.T) {
		taken := addrOf(t, packet(t, s, "127.0.0.1:0", "").LocalAddr())
		_, err := s.ListenPacket(t.Context(), taken, "")
		expect(t, err, []error{errInUse[0]}, "UDP port", taken.Addr().String(), "in use by another program")
	})
	t.Run("a TCP port in use", func(t *testing.T) {
		l, err := s.Listen(t.Context(), at("127.0.0.1:0"), "")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = s.Listen(t.Context(), addrOf(t, l.Addr()), "")
		expect(t, err, []error{errInUse[0]}, "TCP port", "in use by another program")
	})
	// 203.0.113.0/24 is for documentation (RFC 5737).
	t.Run("an address that the machine does not have", func(t *testing.T) {
		_, err := s.ListenPacket(t.Context(), at("203.0.113.7:0"), "")
		expect(t, err, []error{errNotAvailable[0]}, "does not have the address 203.0.113.7")
		_, err = s.Dial(t.Context(), at("203.0.113.7:0"), at("127.0.0.1:9"), "")
		expect(t, err, []error{errNotAvailable[0]}, "does not have the address 203.0.113.7")
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Dial(ctx, netip.AddrPort{}, at("127.0.0.1:9"), ""); err == nil {
			t.Fatal("connected")
		}
	})
	t.Run("no remote address", func(t *testing.T) {
		_, err := s.Dial(t.Context(), netip.AddrPort{}, netip.AddrPort{}, "")
		expect(t, err, nil, "no address to connect to")
	})
}
