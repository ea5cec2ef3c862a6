package netwatchtest

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"ramble/netwatch"
)

// Mover moves a host by the verbs by which a phone is moved on real networks
// too, and is the host's look at its network, which sleeps when the host does.
// The verbs may be called from one goroutine at a time.
type Mover struct {
	*Host
	where map[string]string // network by interface
	awake sync.Mutex        // held while the host sleeps
}

// Mover returns a mover of the host; there is one at most.
func (h *Host) Mover() *Mover { return &Mover{Host: h, where: map[string]string{}} }

// Ready has nothing to do: interfaces in memory have their carrier at once.
func (m *Mover) Ready(string, string, ...netip.Prefix) error { return nil }

// Plug is Host.Plug.
func (m *Mover) Plug(iface, network string, addrs ...netip.Prefix) error {
	m.where[iface] = network
	m.Host.Plug(iface, network, addrs...)
	return nil
}

// Unplug is Host.Unplug.
func (m *Mover) Unplug(iface string) error {
	m.Host.Unplug(iface)
	return nil
}

// Stall makes the interface's network carry nothing; Flow ends that.
func (m *Mover) Stall(iface string) error {
	m.n.Stall(m.where[iface])
	return nil
}

// Flow ends a Stall.
func (m *Mover) Flow(iface string) error {
	m.n.Flow(m.where[iface])
	return nil
}

// Sleep lets nothing through and makes looks at the network wait: all that a
// process can do to itself by halves.
func (m *Mover) Sleep(ctx context.Context, d time.Duration) error {
	for _, network := range m.where {
		m.n.Stall(network)
		defer m.n.Flow(network)
	}
	m.awake.Lock()
	defer m.awake.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Snapshot is netwatch.Source.
func (m *Mover) Snapshot() ([]netwatch.Interface, error) {
	m.awake.Lock()
	defer m.awake.Unlock()
	return m.Host.Snapshot()
}
