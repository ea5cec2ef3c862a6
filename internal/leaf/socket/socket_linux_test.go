package socket

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// option reads a number from a socket; str reads a string.
func option(t *testing.T, c any, level, name int) int {
	t.Helper()
	var n int
	peek(t, c, func(fd int) (err error) { n, err = unix.GetsockoptInt(fd, level, name); return err })
	return n
}

func peek(t *testing.T, c any, fn func(fd int) error) {
	t.Helper()
	sc, ok := c.(syscall.Conn)
	if !ok {
		t.Fatalf("%T has no descriptor", c)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = fn(int(fd)) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

func TestOptions(t *testing.T) {
	t.Run("UDP has its class and its interface", func(t *testing.T) {
		c := packet(t, System{DSCP: EF}, "127.0.0.1:0", "lo")
		if tos := option(t, c, unix.IPPROTO_IP, unix.IP_TOS); tos != 0xb8 {
			t.Errorf("TOS %#x", tos)
		}
		var dev string
		peek(t, c, func(fd int) (err error) {
			dev, err = unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
			return err
		})
		if dev != "lo" {
			t.Errorf("bound to %q", dev)
		}
	})
	t.Run("IPv6 has its class", func(t *testing.T) {
		c, err := System{DSCP: EF}.ListenPacket(t.Context(), at("[::1]:0"), "")
		if err != nil {
			t.Skip("no IPv6 here: ", err)
		}
		defer c.Close()
		if class := option(t, c, unix.IPPROTO_IPV6, unix.IPV6_TCLASS); class != 0xb8 {
			t.Errorf("class %#x", class)
		}
	})
	t.Run("TCP has its class, keep-alive and limit, on both ends", func(t *testing.T) {
		s := System{DSCP: CS3}
		l, err := s.Listen(t.Context(), at("127.0.0.1:0"), "")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		a, err := s.Dial(t.Context(), netip.AddrPort{}, addrOf(t, l.Addr()), "")
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		for _, c := range []net.Conn{a, b} {
			for _, o := range []struct {
				name             string
				level, opt, want int
			}{
				{"TOS", unix.IPPROTO_IP, unix.IP_TOS, 0x60},
				{"keep-alive", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
				{"idle", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 30},
				{"interval", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1},
				{"count", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 5},
				{"user timeout", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 35000},
			} {
				if got := option(t, c, o.level, o.opt); got != o.want {
					t.Errorf("%v: %s is %d, want %d", c.LocalAddr(), o.name, got, o.want)
				}
			}
		}
	})
	t.Run("an interface that is not there is an error that names it", func(t *testing.T) {
		_, err := System{}.ListenPacket(t.Context(), at("127.0.0.1:0"), "nowhere0")
		if !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), "no interface nowhere0") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("only a pin that is not permitted is done without", func(t *testing.T) {
		for err, pass := range map[error]bool{unix.EPERM: true, unix.EACCES: true, unix.ENODEV: false, unix.EBADF: false} {
			if mayPass(err) != pass {
				t.Errorf("%v may pass: %v", err, !pass)
			}
		}
	})
}
