package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"testing"
)

// Ports of tests that have to name one: above those of media and below those that the
// system gives to others.
const (
	portsFrom = 20002
	portsTo   = 32000
)

// reserve keeps n ports in a row for a test, the first one even, until it ends. The
// ports of 127.0.0.1 stay free: who reserves holds those of 127.0.0.2, so that no two
// tests, of other processes too, have the same.
func reserve(t *testing.T, n uint16) uint16 {
	t.Helper()
	for range 100 {
		first := portsFrom + 2*rand.N[uint16]((portsTo-portsFrom)/2)
		if held := hold(first, n); held != nil {
			t.Cleanup(func() { letGo(held) })
			return first
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return 0
}

// hold takes n ports of 127.0.0.2 where those of 127.0.0.1 are free; nil: not all are.
func hold(first, n uint16) (held []net.PacketConn) {
	held = []net.PacketConn{}
	for port := first; port < first+n; port++ {
		c, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.2:%d", port))
		if err == nil {
			held = append(held, c)
		}
		taken := err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) // some systems have 127.0.0.1 alone
		if taken || !isFree(port) {
			letGo(held)
			return nil
		}
	}
	return held
}

func letGo(held []net.PacketConn) {
	for _, c := range held {
		_ = c.Close()
	}
}

// isFree says whether nobody has a port of the loopback address, over either
// transport.
func isFree(port uint16) bool {
	at := fmt.Sprintf("127.0.0.1:%d", port)
	c, err := net.ListenPacket("udp", at)
	if err != nil {
		return false
	}
	defer c.Close()
	l, err := net.Listen("tcp", at)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// freePort is an address where nobody listens, over neither transport, and where
// nobody else will.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), reserve(t, 1))
}

// freePairs is the smallest range of RTP ports that the configuration takes.
func freePairs(t *testing.T) string {
	t.Helper()
	port := reserve(t, 9)
	return fmt.Sprintf("%d-%d", port, port+8)
}

// TestReservedPortsAreOnesOwn: however many ask, nobody is given what another has,
// and what was given can be listened at.
func TestReservedPortsAreOnesOwn(t *testing.T) {
	seen := map[uint16]bool{}
	for range 50 {
		first := reserve(t, 9)
		for port := first; port < first+9; port++ {
			if seen[port] || !isFree(port) {
				t.Errorf("port %d is somebody's", port)
			}
			seen[port] = true
		}
	}
}
