package socket

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// hearing makes a UDP socket hear of ICMP errors (IP_RECVERR, ip(7)): Linux
// keeps them from sockets that are not connected. A read returns the error of
// something sent before; the socket is as good as it was.
func hearing(c net.PacketConn, network string) net.PacketConn {
	u, ok := c.(*net.UDPConn)
	if !ok {
		return c
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return c
	}
	level, option := unix.IPPROTO_IP, unix.IP_RECVERR
	if strings.HasSuffix(network, "6") {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
	}
	set := errors.New("not set")
	if err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), level, option, 1) }); err != nil || set != nil {
		return c // nice to have
	}
	return &icmpConn{UDPConn: u, raw: raw}
}

// icmpConn keeps the queue of errors empty: what waits there takes the room of
// datagrams.
type icmpConn struct {
	*net.UDPConn
	raw syscall.RawConn
}

func (c *icmpConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.UDPConn.ReadFrom(b)
	if err != nil {
		c.drain()
	}
	return n, from, err
}

func (c *icmpConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.UDPConn.ReadFromUDPAddrPort(b)
	if err != nil {
		c.drain()
	}
	return n, from, err
}

// WriteTo sends once more where the error is that of something sent before:
// the system tells it in place of sending.
func (c *icmpConn) WriteTo(b []byte, to net.Addr) (int, error) {
	n, err := c.UDPConn.WriteTo(b, to)
	if c.pending(err) {
		return c.UDPConn.WriteTo(b, to)
	}
	return n, err
}

func (c *icmpConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	n, err := c.UDPConn.WriteToUDPAddrPort(b, to)
	if c.pending(err) {
		return c.UDPConn.WriteToUDPAddrPort(b, to)
	}
	return n, err
}

// pending reports whether an error may be an earlier packet's.
func (c *icmpConn) pending(err error) bool {
	for _, no := range []syscall.Errno{
		unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENOPROTOOPT, unix.EPROTO, unix.EACCES, unix.EOPNOTSUPP,
	} {
		if errors.Is(err, no) {
			c.drain()
			return true
		}
	}
	return false
}

// drain empties the queue of errors.
func (c *icmpConn) drain() {
	_ = c.raw.Control(func(fd uintptr) {
		var data [1]byte
		var oob [512]byte
		for range 64 {
			if _, _, _, _, err := unix.Recvmsg(int(fd), data[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT); err != nil {
				return
			}
		}
	})
}
