package demo

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"ramble/netwatch"
	"ramble/netwatch/netwatchtest"
	"ramble/sip/siptest"
)

// Ground is the network under a World: networks that the phone's interfaces
// are plugged into, and the far side where everybody else lives. It is real
// or in memory; the phone on it is the same. Its verbs may be called from one
// goroutine at a time.
type Ground interface {
	// Real reports whether the phone is on the system's network of this
	// process, or on one in memory.
	Real() bool
	// Sockets is where somebody on the far side speaks through.
	Sockets(name string, at netip.Addr, delay time.Duration) siptest.Sockets
	// Ready brings up an interface's carrier in a network, so that Plug is done
	// at once.
	Ready(iface, network string, addr netip.Prefix) error
	// Plug attaches an interface to a network and makes it the default route;
	// it returns when that is in place.
	Plug(iface, network string, addr netip.Prefix) error
	// Unplug takes the address and the carrier.
	Unplug(iface string) error
	// Stall makes an interface's network carry nothing, with no sign of it on
	// the phone; Flow ends that.
	Stall(iface string) error
	Flow(iface string) error
	// Sleep stops the phone for d, as a machine that sleeps. The far side may
	// sleep along.
	Sleep(ctx context.Context, d time.Duration) error
	Close() error
}

// memory is a Ground that exists in this process alone.
type memory struct {
	net   *netwatchtest.Network
	phone *netwatchtest.Host
	gate  gate

	mu    sync.Mutex
	where map[string]string // network by interface
}

func newMemory() *memory {
	n := netwatchtest.New()
	m := &memory{net: n, phone: n.Host("phone"), where: map[string]string{}}
	m.gate.source = m.phone
	return m
}

func (m *memory) Real() bool { return false }

func (m *memory) Sockets(name string, at netip.Addr, delay time.Duration) siptest.Sockets {
	host := m.net.Host(name)
	host.Plug("eth0", name+"'s network", netip.PrefixFrom(at, 24))
	m.net.Delay("phone", name, delay)
	return host
}

func (m *memory) Ready(string, string, netip.Prefix) error { return nil }

func (m *memory) Plug(iface, network string, addr netip.Prefix) error {
	m.mu.Lock()
	m.where[iface] = network
	m.mu.Unlock()
	m.phone.Plug(iface, network, addr)
	return nil
}

func (m *memory) Unplug(iface string) error {
	m.phone.Unplug(iface)
	return nil
}

func (m *memory) Stall(iface string) error {
	m.net.Stall(m.network(iface))
	return nil
}

func (m *memory) Flow(iface string) error {
	m.net.Flow(m.network(iface))
	return nil
}

func (m *memory) network(iface string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.where[iface]
}

// Sleep lets nothing through and stops the phone's look at its network, which
// the phone's loop waits for: all that a process can do to itself by halves.
func (m *memory) Sleep(ctx context.Context, d time.Duration) error {
	m.mu.Lock()
	var stalled []string
	for _, network := range m.where {
		m.net.Stall(network)
		stalled = append(stalled, network)
	}
	m.mu.Unlock()
	m.gate.shut()
	wait(ctx, d, nil)
	m.gate.open()
	for _, network := range stalled {
		m.net.Flow(network)
	}
	return ctx.Err()
}

func (m *memory) Close() error {
	m.net.Close()
	return nil
}

// gate is a look at the network that can be made to wait.
type gate struct {
	source netwatch.Source
	mu     sync.Mutex // held while shut
}

func (g *gate) shut() { g.mu.Lock() }
func (g *gate) open() { g.mu.Unlock() }

// Snapshot is netwatch.Source.
func (g *gate) Snapshot() ([]netwatch.Interface, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.source.Snapshot()
}

// Network is how the phone of a world in memory watches its network; the
// options of the rest are the caller's. On real ground it stays as it is.
func (w *World) Network(o netwatch.Options) netwatch.Options {
	if m, ok := w.ground.(*memory); ok {
		o.Source, o.Router, o.Hints = &m.gate, m.phone, []netwatch.Hinter{m.phone}
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
