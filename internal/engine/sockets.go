package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"ramble/netwatch"
)

const (
	// trouble that goes on is told once in so long: polling is as fast.
	troubleAgain = 500 * time.Millisecond
	// softReads is how many errors in a row a read of datagrams passes over.
	// They belong to something sent earlier (ICMP), not to the socket.
	softReads = 16
)

// sensing are the sockets of the phone, whose errors make the watcher look:
// the kernel knows before any notification or poll that an address is gone.
type sensing struct {
	Sockets
	look func(netwatch.Reason)
}

func (s sensing) ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error) {
	c, err := s.Sockets.ListenPacket(ctx, local, iface)
	if err != nil {
		s.trouble(local.Addr(), iface, err)
		return nil, err
	}
	w := &sensed{PacketConn: c, told: s, local: local.Addr(), iface: iface}
	if d, ok := c.(direct); ok {
		return &sensedDirect{sensed: w, direct: d}, nil
	}
	return w, nil
}

func (s sensing) Listen(ctx context.Context, local netip.AddrPort, iface string) (net.Listener, error) {
	l, err := s.Sockets.Listen(ctx, local, iface)
	s.trouble(local.Addr(), iface, err)
	return l, err
}

// Dial senses only the opening: what ends a connection later ends its stack,
// which tells.
func (s sensing) Dial(ctx context.Context, local, remote netip.AddrPort, iface string) (net.Conn, error) {
	c, err := s.Sockets.Dial(ctx, local, remote, iface)
	s.trouble(local.Addr(), iface, err)
	return c, err
}

// trouble makes the watcher look where an error can mean that the network is
// another one. It returns the error's text, empty where it cannot.
func (s sensing) trouble(local netip.Addr, iface string, err error) string {
	var no syscall.Errno
	switch {
	case err == nil, errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, syscall.EMSGSIZE), errors.Is(err, syscall.EADDRINUSE), !errors.As(err, &no):
		return ""
	}
	text := no.Error()
	s.look(netwatch.Reason{Kind: netwatch.Failed, Interface: iface, Addr: local, Detail: text})
	return text
}

// sensed is a packet socket whose errors are told.
type sensed struct {
	net.PacketConn
	told  sensing
	local netip.Addr
	iface string

	mu   sync.Mutex // guards what follows; taken only for errors
	last string
	at   time.Time
}

// failed tells an error unless it was told just now.
func (c *sensed) failed(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); err.Error() != c.last || now.Sub(c.at) >= troubleAgain {
		if c.told.trouble(c.local, c.iface, err) != "" {
			c.last, c.at = err.Error(), now
		}
	}
}

// soft reports whether a read goes on after its n-th error in a row.
func (c *sensed) soft(err error, n int) bool {
	c.failed(err)
	var no syscall.Errno
	return n < softReads && errors.As(err, &no) && no != syscall.EMSGSIZE && !errors.Is(err, net.ErrClosed)
}

func (c *sensed) ReadFrom(b []byte) (int, net.Addr, error) {
	for n := 1; ; n++ {
		size, from, err := c.PacketConn.ReadFrom(b)
		if err == nil || !c.soft(err, n) {
			return size, from, err
		}
	}
}

func (c *sensed) WriteTo(b []byte, to net.Addr) (int, error) {
	n, err := c.PacketConn.WriteTo(b, to)
	c.failed(err)
	return n, err
}

// SetReadBuffer asks the system for room for n bytes that nobody has read yet.
func (c *sensed) SetReadBuffer(n int) error {
	if b, ok := c.PacketConn.(interface{ SetReadBuffer(int) error }); ok {
		return b.SetReadBuffer(n)
	}
	return errors.ErrUnsupported
}

// Unwrap is the socket itself, for who takes it over and tells Failed.
func (c *sensed) Unwrap() net.PacketConn { return c.PacketConn }

// Failed is told of an error by who does.
func (c *sensed) Failed(err error) { c.failed(err) }

// OnUnreachable passes on to whom something that was sent did not get, where
// the system tells.
func (c *sensed) OnUnreachable(fn func(to netip.AddrPort, err error)) {
	if h, ok := c.PacketConn.(interface {
		OnUnreachable(func(netip.AddrPort, error))
	}); ok {
		h.OnUnreachable(fn)
	}
}

// direct is what *net.UDPConn offers: addresses as values, so that a packet
// costs no allocation.
type direct interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// sensedDirect is a sensed that offers it too.
type sensedDirect struct {
	*sensed
	direct direct
}

func (c *sensedDirect) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for n := 1; ; n++ {
		size, from, err := c.direct.ReadFromUDPAddrPort(b)
		if err == nil || !c.soft(err, n) {
			return size, from, err
		}
	}
}

func (c *sensedDirect) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	n, err := c.direct.WriteToUDPAddrPort(b, to)
	c.failed(err)
	return n, err
}
