package socket

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
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

// icmpConn keeps the queue of errors empty, since what waits there takes the
// room of datagrams, and tells whom each error is about.
type icmpConn struct {
	*net.UDPConn
	raw  syscall.RawConn
	told atomic.Pointer[func(netip.AddrPort, error)]
}

// OnUnreachable has fn told, on the goroutine of a read or a write, to which
// address something that was sent did not get, and why (a syscall.Errno). fn
// must not block and must not use the socket.
func (c *icmpConn) OnUnreachable(fn func(to netip.AddrPort, err error)) { c.told.Store(&fn) }

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

// pending reports whether an error may be an earlier packet's; then the queue is
// emptied.
func (c *icmpConn) pending(err error) bool {
	if !pending(err) {
		return false
	}
	c.drain()
	return true
}

func pending(err error) bool {
	for _, no := range []syscall.Errno{
		unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENOPROTOOPT, unix.EPROTO, unix.EACCES, unix.EOPNOTSUPP,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// drain empties the queue of errors and tells them.
func (c *icmpConn) drain() {
	tell := c.told.Load()
	_ = c.raw.Control(func(fd uintptr) {
		var data [1]byte
		var oob [512]byte
		for range 64 {
			_, n, _, to, err := unix.Recvmsg(int(fd), data[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
			if err != nil {
				return
			}
			if tell == nil {
				continue
			}
			if at, no := address(to), unreachable(oob[:n]); at.IsValid() && no != 0 {
				(*tell)(at, no)
			}
		}
	})
}

// address is whom the packet was sent to.
func address(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// What ICMP calls unreachable.
const (
	icmpUnreachable  = 3 // RFC 792
	icmp6Unreachable = 1 // RFC 4443
)

// unreachable is the error of an ICMP message that says that the peer, its host
// or its network cannot be reached; 0 for all others: of source quench, time
// exceeded and packets too big nothing is to be concluded (RFC 3261 18.4).
func unreachable(oob []byte) syscall.Errno {
	list, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for _, m := range list {
		about := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR ||
			m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !about || len(m.Data) < 16 {
			continue
		}
		origin, kind := m.Data[4], m.Data[5] // struct sock_extended_err, after the error's number
		if origin == unix.SO_EE_ORIGIN_ICMP && kind == icmpUnreachable || origin == unix.SO_EE_ORIGIN_ICMP6 && kind == icmp6Unreachable {
			if no := syscall.Errno(binary.NativeEndian.Uint32(m.Data)); no != unix.EMSGSIZE {
				return no
			}
		}
	}
	return 0
}
