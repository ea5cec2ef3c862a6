package socket

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// TestICMP: nobody listens at a port, and the socket says so without losing
// anything.
func TestICMP(t *testing.T) {
	for _, local := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(local, func(t *testing.T) {
			gone, err := System{}.ListenPacket(t.Context(), at(local), "")
			if err != nil {
				t.Skip("no such family here: ", err)
			}
			closed := gone.LocalAddr()
			gone.Close()
			c, friend := packet(t, System{}, local, ""), packet(t, System{}, local, "")
			if _, err := c.WriteTo([]byte("x"), closed); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 16)
			if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.ReadFrom(buf); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatalf("read: %v", err)
			}
			// Many errors that nobody reads leave room for what matters, and what
			// is sent between them leaves.
			for range 2000 {
				for _, to := range []net.Addr{closed, friend.LocalAddr()} {
					if _, err := c.WriteTo([]byte("y"), to); err != nil {
						t.Fatal(err)
					}
				}
				if n, _, err := friend.ReadFrom(buf); err != nil || n != 1 {
					t.Fatal(n, err)
				}
			}
			if _, err := friend.WriteTo([]byte("hello"), c.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			for tries := 0; ; tries++ {
				n, from, err := c.ReadFrom(buf)
				if err == nil && string(buf[:n]) == "hello" && from.String() == friend.LocalAddr().String() {
					break
				}
				if !errors.Is(err, syscall.ECONNREFUSED) || tries > 100 {
					t.Fatalf("after %d errors: %v", tries, err)
				}
			}
		})
	}
	t.Run("addresses as values are read without an allocation", func(t *testing.T) {
		a, b := packet(t, System{}, "127.0.0.1:0", ""), packet(t, System{}, "127.0.0.1:0", "")
		type values interface {
			WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
			ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
		}
		out, in := a.(values), b.(values)
		buf, to := make([]byte, 16), addrOf(t, b.LocalAddr())
		if n := testing.AllocsPerRun(100, func() {
			_, _ = out.WriteToUDPAddrPort(buf[:1], to)
			_, _, _ = in.ReadFromUDPAddrPort(buf)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
