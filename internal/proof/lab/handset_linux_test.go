package lab

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"
)

// source is the address from which a host reaches an echo, or the error.
func source(t *testing.T, ctx context.Context, h *Handset, server netip.AddrPort) (netip.Addr, error) {
	t.Helper()
	conn, err := h.host.Dial(ctx, "udp", server)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	_, err = ask(t, conn, 300*time.Millisecond)
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr(), err
}

func TestPhonesMoveIndependently(t *testing.T) {
	l := open(t, Options{Phones: 3})
	ctx := within(t, 20*time.Second)
	server := echo(t, l.Host(PBX), l.Host(PBX).IPv4)
	at := func(when string, want ...string) {
		t.Helper()
		for i, w := range want {
			if got, err := source(t, ctx, l.Phone(i+1), server); err != nil || got.String() != w {
				t.Errorf("%s phone %d speaks from %s, want %s: %v", when, i+1, got, w, err)
			}
		}
	}
	at("at first", "10.1.0.2", "10.21.0.2", "10.31.0.2")
	must[Move](t)(l.Phone(2).Take(ctx, "roam wwan0"))
	at("the second moved:", "10.1.0.2", "10.22.0.2", "10.31.0.2")
	must[Move](t)(l.Phone(3).Take(ctx, "renumber"))
	must[Move](t)(l.Take(ctx, "roam wwan0"))
	at("all moved:", "10.2.0.2", "10.22.0.2", "10.31.0.3")
	if _, err := New(Options{Phones: mostPhones + 1}); err == nil {
		t.Error("a lab with more phones than subnets was built")
	}
}

func TestUplinksOfOneFamily(t *testing.T) {
	l := open(t, Options{WLAN: Access{Family: OnlyIPv4}, WWAN: Access{Family: OnlyIPv6}})
	ctx := within(t, 20*time.Second)
	four, six := echo(t, l.Host(PBX), l.Host(PBX).IPv4), echo(t, l.Host(PBX), l.Host(PBX).IPv6)
	only := func(server, dead netip.AddrPort, want string) {
		t.Helper()
		if got, err := source(t, ctx, l.Handset, server); err != nil || got.String() != want {
			t.Errorf("speaks from %s, want %s: %v", got, want, err)
		}
		if got, err := source(t, ctx, l.Handset, dead); err == nil {
			t.Errorf("reaches %s from %s over an uplink without that family", dead, got)
		}
	}
	only(four, six, "10.1.0.2")
	m := must[Move](t)(l.Take(ctx, "roam wwan0"))
	if m.To.IsValid() || m.To6.String() != "fd02::2" {
		t.Errorf("moved to %s and %s, want fd02::2 alone", m.To, m.To6)
	}
	only(six, four, "fd02::2")
	must[Move](t)(l.Take(ctx, "roam wlan0 100ms"))
	only(four, six, "10.1.0.2")
}
