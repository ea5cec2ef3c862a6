package netwatchtest

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// firstPort is where ephemeral ports begin (RFC 6335 6).
const firstPort = 49152

// binding is what a socket is tied to.
type binding struct {
	host  *Host
	proto string // "udp" or "tcp"
	local netip.AddrPort
	dual  bool // unspecified, of both families
	pin   string
	home  *segment // network of the address when the socket was opened; nil when unspecified
}

// bind checks and completes a local address as the system calls do. Call with
// mu held; taken tells whether a binding is in use.
func (h *Host) bind(proto string, local netip.AddrPort, pin string, taken func(binding) bool) (binding, error) {
	b := binding{host: h, proto: proto, local: local, pin: pin}
	fail := func(e syscall.Errno) (binding, error) { return b, os.NewSyscallError("bind", e) }
	if h.n.closed {
		return b, net.ErrClosed
	}
	if pin != "" && h.portNamed(pin) == nil {
		return fail(syscall.ENODEV)
	}
	a := local.Addr()
	switch {
	case !a.IsValid():
		b.dual, a = true, netip.IPv6Unspecified()
	case a.IsUnspecified():
	default:
		a = a.Unmap()
		p := h.portWith(a, pin)
		if p == nil {
			return fail(syscall.EADDRNOTAVAIL)
		}
		b.home = p.net
	}
	b.local = netip.AddrPortFrom(a, local.Port())
	if local.Port() != 0 {
		if taken(b) {
			return fail(syscall.EADDRINUSE)
		}
		return b, nil
	}
	for range 1<<16 - firstPort {
		b.local = netip.AddrPortFrom(a, h.nextPort)
		h.nextPort++
		if h.nextPort < firstPort {
			h.nextPort = firstPort
		}
		if !taken(b) {
			return b, nil
		}
	}
	return fail(syscall.EADDRINUSE)
}

// clashes reports whether two bindings cannot both be. Different interfaces
// keep sockets apart.
func (b binding) clashes(o binding) bool {
	if b.local.Port() != o.local.Port() || b.pin != "" && o.pin != "" && b.pin != o.pin {
		return false
	}
	x, y := b.local.Addr(), o.local.Addr()
	return x == y || b.dual || o.dual || x.Is4() == y.Is4() && (x.IsUnspecified() || y.IsUnspecified())
}

// takes reports how well a packet to an address that came in by an interface
// fits: 0 not at all, more is better. A socket of a former network takes
// nothing.
func (b binding) takes(to netip.AddrPort, by *port) int {
	a := b.local.Addr()
	switch {
	case b.local.Port() != to.Port() || b.pin != "" && b.pin != by.name:
		return 0
	case a == to.Addr():
		if b.home != by.net {
			return 0
		}
	case !a.IsUnspecified() || !b.dual && a.Is4() != to.Addr().Is4():
		return 0
	}
	fit := 1
	if a == to.Addr() {
		fit += 2
	}
	if b.pin != "" {
		fit++
	}
	return fit
}

// egress is the interface and source address that a packet leaves by. An
// address that is not plugged in leaves by none. Call with mu held.
func (b binding) egress(to netip.Addr) (*port, netip.Addr) {
	a := b.local.Addr()
	if !a.IsUnspecified() {
		return b.host.portWith(a, b.pin), a
	}
	if !b.dual && a.Is4() != to.Is4() {
		return nil, a
	}
	p, src := b.host.route(to, b.pin)
	return p, src.Addr()
}

// addr is the local address in the form that the net package gives.
func (b binding) addr(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return nil
	}
	if b.proto == "udp" {
		return net.UDPAddrFromAddrPort(a)
	}
	return net.TCPAddrFromAddrPort(a)
}

// fail gives an error the form of the net package's.
func (b binding) fail(op string, remote netip.AddrPort, err error) error {
	return &net.OpError{Op: op, Net: b.proto, Source: b.addr(b.local), Addr: b.addr(remote), Err: err}
}

// ListenPacket opens a UDP socket; port 0 is any, iface "" is unpinned.
func (h *Host) ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	b, err := h.bind("udp", local, iface, func(b binding) bool {
		for s := range h.packets {
			if s.clashes(b) {
				return true
			}
		}
		return false
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, b.fail("listen", netip.AddrPort{}, err)
	}
	s := newPacketConn(b)
	h.packets[s] = struct{}{}
	return s, nil
}

// Listen opens a TCP listener; port 0 is any, iface "" is unpinned.
func (h *Host) Listen(ctx context.Context, local netip.AddrPort, iface string) (net.Listener, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	b, err := h.bind("tcp", local, iface, h.listens)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, b.fail("listen", netip.AddrPort{}, err)
	}
	l := newListener(b)
	h.listeners[l] = struct{}{}
	return l, nil
}

// listens reports whether a listener has the binding. Call with mu held.
func (h *Host) listens(b binding) bool {
	for l := range h.listeners {
		if l.clashes(b) {
			return true
		}
	}
	return false
}
