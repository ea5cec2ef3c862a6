package socket

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"ramble/internal/proof/needs"
)

// ownAddress is an address of this machine that is not of its loopback.
func ownAddress(t *testing.T) netip.Addr {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr()
		}
	}
	needs.Missing(t, "an address besides those of the loopback")
	return netip.Addr{}
}

// TestOwnAddress: the path to an address of this machine leads through the
// loopback, and whoever listens there is heard all the same.
func TestOwnAddress(t *testing.T) {
	local := netip.AddrPortFrom(ownAddress(t), 0).String()
	server := packet(t, System{}, local, "")
	phone := packet(t, System{}, local, loopback(t))
	if _, err := phone.WriteTo([]byte("REGISTER"), server.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	for _, c := range []net.PacketConn{server, phone} {
		if err := c.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := server.ReadFrom(buf); err != nil {
		t.Fatal("the server hears nothing: ", err)
	}
	if _, err := server.WriteTo([]byte("200"), phone.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if n, _, err := phone.ReadFrom(buf); err != nil || string(buf[:n]) != "200" {
		t.Errorf("the phone hears %q, %v", buf[:n], err)
	}
	l, err := System{}.Listen(t.Context(), at(local), "")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := System{}.Dial(t.Context(), at(local), addrOf(t, l.Addr()), loopback(t))
	if err != nil {
		t.Fatal("TCP: ", err)
	}
	c.Close()
}

// TestUnreachable: the socket tells whom an ICMP error is about, whoever comes
// upon it, a reader or a writer.
func TestUnreachable(t *testing.T) {
	for _, local := range []string{"127.0.0.1:0", "[::1]:0"} {
		for _, by := range []string{"a reader", "a writer"} {
			t.Run(local+" by "+by, func(t *testing.T) {
				gone, err := System{}.ListenPacket(t.Context(), at(local), "")
				if err != nil {
					t.Skip("no such family here: ", err)
				}
				closed := gone.LocalAddr()
				gone.Close()
				c, friend := packet(t, System{}, local, ""), packet(t, System{}, local, "")
				told := make(chan netip.AddrPort, 100)
				c.(interface {
					OnUnreachable(func(netip.AddrPort, error))
				}).OnUnreachable(func(to netip.AddrPort, err error) {
					if errors.Is(err, syscall.ECONNREFUSED) {
						told <- to
					}
				})
				if _, err := c.WriteTo([]byte("x"), closed); err != nil {
					t.Fatal(err)
				}
				if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
					t.Fatal(err)
				}
				if by == "a reader" {
					_, _, _ = c.ReadFrom(make([]byte, 16))
				}
				for until := time.Now().Add(5 * time.Second); by == "a writer" && len(told) == 0 && time.Now().Before(until); {
					if _, err := c.WriteTo([]byte("y"), friend.LocalAddr()); err != nil {
						t.Fatal(err)
					}
				}
				select {
				case to := <-told:
					if to != addrOf(t, closed) {
						t.Errorf("told of %v, not of %v", to, closed)
					}
				default:
					t.Error("nobody was told")
				}
			})
		}
	}
}
