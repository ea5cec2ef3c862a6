package path

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"ramble/internal/leaf/socket"
)

// direct is what *net.UDPConn offers: addresses as values, so that a packet
// costs no allocation.
type direct interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// conn is a packet connection by value addresses, whatever it is underneath.
type conn struct {
	raw    net.PacketConn
	direct direct // nil when raw does not offer it
	local  netip.AddrPort
	polled atomic.Pointer[socket.Polled] // what took raw over; nil: nothing did
}

func wrap(raw net.PacketConn) (*conn, error) {
	local, ok := addrPort(raw.LocalAddr())
	if !ok {
		return nil, fmt.Errorf("media socket on %v: not a UDP address", raw.LocalAddr())
	}
	d, _ := raw.(direct)
	return &conn{raw: raw, direct: d, local: local}, nil
}

func (c *conn) send(b []byte, to netip.AddrPort) error {
	err := net.ErrClosed
	if c.polled.Load() == nil {
		err = c.sendRaw(b, to)
	}
	if p := c.polled.Load(); p != nil && errors.Is(err, net.ErrClosed) { // taken over, perhaps just now
		if err = p.Send(b, to); !errors.Is(err, syscall.EAGAIN) { // no room for now is no failure of the path
			c.failed(err)
		}
	}
	return err
}

func (c *conn) sendRaw(b []byte, to netip.AddrPort) error {
	var err error
	if c.direct != nil {
		_, err = c.direct.WriteToUDPAddrPort(b, to)
	} else {
		_, err = c.raw.WriteTo(b, net.UDPAddrFromAddrPort(to))
	}
	return err
}

func (c *conn) read(b []byte) (int, netip.AddrPort, error) {
	if c.direct != nil {
		n, from, err := c.direct.ReadFromUDPAddrPort(b)
		return n, unmap(from), err
	}
	n, addr, err := c.raw.ReadFrom(b)
	if err != nil {
		return n, netip.AddrPort{}, err
	}
	from, ok := addrPort(addr)
	if !ok {
		return n, netip.AddrPort{}, fmt.Errorf("packet from %v: not a UDP address", addr)
	}
	return n, from, nil
}

// failed tells an error to who opened the socket and wants to know.
func (c *conn) failed(err error) {
	if f, ok := c.raw.(interface{ Failed(error) }); ok && err != nil {
		f.Failed(err)
	}
}

// poll has the socket taken out of the hands of the runtime's poller, where the
// system knows a way.
func (c *conn) poll() error {
	raw := c.raw
	for {
		w, ok := raw.(interface{ Unwrap() net.PacketConn })
		if !ok {
			break
		}
		raw = w.Unwrap()
	}
	p, err := socket.Poll(raw)
	if err == nil {
		c.polled.Store(p)
	}
	return err
}

func (c *conn) close() error {
	if p := c.polled.Load(); p != nil {
		return p.Close()
	}
	return c.raw.Close()
}

// addrPort reads the address of a packet connection, which is a *net.UDPAddr
// or one that prints like it.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	if u, ok := a.(*net.UDPAddr); ok {
		ap := u.AddrPort()
		return unmap(ap), ap.IsValid()
	}
	if a == nil {
		return netip.AddrPort{}, false
	}
	ap, err := netip.ParseAddrPort(a.String())
	return unmap(ap), err == nil
}

// unmap turns the IPv4-mapped addresses of dual-stack sockets into IPv4, so
// that addresses compare.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
