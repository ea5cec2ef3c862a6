package demo

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"ramble/internal/app/ground"
	"ramble/netwatch"
	"ramble/netwatch/netwatchtest"
	"ramble/sip/siptest"
)

// Ground is the network under a World: networks that the phone's interfaces
// are plugged into, and the far side where everybody else lives. It is real
// or in memory; the phone on it is the same.
type Ground interface {
	ground.Mover
	// Real reports whether the phone is on the system's network of this
	// process, or on one in memory.
	Real() bool
	// Sockets is where somebody on the far side speaks through.
	Sockets(name string, at netip.Addr, delay time.Duration) siptest.Sockets
	Close() error
}

// memory is a Ground that exists in this process alone.
type memory struct {
	*netwatchtest.Mover // of the phone
	net                 *netwatchtest.Network
}

func newMemory() *memory {
	n := netwatchtest.New()
	return &memory{n.Host("phone").Mover(), n}
}

func (m *memory) Real() bool { return false }

func (m *memory) Sockets(name string, at netip.Addr, delay time.Duration) siptest.Sockets {
	host := m.net.Host(name)
	host.Plug("eth0", name+"'s network", netip.PrefixFrom(at, 24))
	m.net.Delay("phone", name, delay)
	return host
}

func (m *memory) Close() error {
	m.net.Close()
	return nil
}

// Network is how the phone of a world in memory watches its network; the
// options of the rest are the caller's. On real ground it stays as it is.
func (w *World) Network(o netwatch.Options) netwatch.Options {
	if m, ok := w.ground.(*memory); ok {
		o.Source, o.Router, o.Hints = m.Mover, m.Host, []netwatch.Hinter{m.Host}
	}
	return o
}

// refused is a socket opener that says why there is none.
type refused struct{ why error }

func (r refused) ListenPacket(context.Context, netip.AddrPort, string) (net.PacketConn, error) {
	return nil, r.why
}

func (r refused) Listen(context.Context, netip.AddrPort, string) (net.Listener, error) {
	return nil, r.why
}

func (r refused) Dial(context.Context, netip.AddrPort, netip.AddrPort, string) (net.Conn, error) {
	return nil, r.why
}

var errNobody = errors.New("nobody of this world lives at that address")
