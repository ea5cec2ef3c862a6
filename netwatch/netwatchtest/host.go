package netwatchtest

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"ramble/netwatch"
)

var (
	_ netwatch.Source = (*Host)(nil)
	_ netwatch.Router = (*Host)(nil)
	_ netwatch.Hinter = (*Host)(nil)
)

// Host is one machine. It is what the operating system is to the real phone:
// a netwatch.Source, Router and Hinter, and an opener of sockets.
type Host struct {
	n    *Network
	name string

	ports     []*port  // by index
	routes    []string // interfaces of default routes, the preferred one first
	hints     map[uint64]func(netwatch.Reason)
	hinters   uint64
	packets   map[*packetConn]struct{}
	listeners map[*listener]struct{}
	nextPort  uint16

	sent, received map[Flow]Count
}

// port is an interface, plugged in or not. It never changes: plugging makes a
// new one, so a packet in flight keeps the one that it left by.
type port struct {
	host     *Host
	name     string
	index    int
	net      *segment // nil while unplugged
	prefixes []netip.Prefix
	since    uint64 // number of its last plugging; a larger one is later
}

// Name is the host's name.
func (h *Host) Name() string { return h.name }

// Plug attaches an interface to a network with its addresses, each with the
// length of its network. The interface becomes the default route, as a
// dock or a new uplink does; Prefer says otherwise. One that is plugged in
// already moves there: its old addresses are lost, the same ones too unless
// the network is the same.
func (h *Host) Plug(iface, network string, addrs ...netip.Prefix) {
	h.n.mu.Lock()
	p := h.port(iface)
	var signs []netwatch.Reason
	sign := func(k netwatch.Kind, a netip.Addr) {
		signs = append(signs, netwatch.Reason{Kind: k, Interface: iface, Addr: a})
	}
	was, to := p.net, h.n.segment(network)
	for _, old := range p.prefixes {
		if was != to || !hasAddr(addrs, old.Addr()) {
			sign(netwatch.AddressLost, old.Addr())
		}
	}
	if was == nil {
		sign(netwatch.InterfaceUp, netip.Addr{})
	}
	for _, a := range addrs {
		if was != to || !hasAddr(p.prefixes, a.Addr()) {
			sign(netwatch.AddressAdded, a.Addr())
		}
	}
	if len(signs) == 0 {
		signs = []netwatch.Reason{routeSign(iface)}
	}
	h.n.plugged++
	h.set(port{host: h, name: iface, index: p.index, net: to, prefixes: slices.Clone(addrs), since: h.n.plugged})
	h.prefer(iface)
	h.n.resume()
	h.n.mu.Unlock()
	h.tell(signs...)
}

// Unplug takes an interface off its network. It stays in the list, down and
// without addresses.
func (h *Host) Unplug(iface string) {
	h.n.mu.Lock()
	p := h.port(iface)
	var signs []netwatch.Reason
	if p.net != nil {
		signs = append(signs, netwatch.Reason{Kind: netwatch.InterfaceDown, Interface: iface})
	}
	for _, old := range p.prefixes {
		signs = append(signs, netwatch.Reason{Kind: netwatch.AddressLost, Interface: iface, Addr: old.Addr()})
	}
	h.set(port{host: h, name: iface, index: p.index})
	h.n.mu.Unlock()
	h.tell(signs...)
}

// Prefer makes an interface the default route. While it is unplugged the one
// preferred or plugged before it takes over.
func (h *Host) Prefer(iface string) {
	h.n.mu.Lock()
	h.prefer(iface)
	h.n.mu.Unlock()
	h.tell(routeSign(iface))
}

func routeSign(iface string) netwatch.Reason {
	return netwatch.Reason{Kind: netwatch.Notified, Interface: iface, Detail: "default route"}
}

// prefer moves an interface to the front of the routes. Call with mu held.
func (h *Host) prefer(iface string) {
	h.routes = slices.DeleteFunc(h.routes, func(x string) bool { return x == iface })
	h.routes = slices.Insert(h.routes, 0, iface)
}

// port returns the interface, which exists from its first mention. Call with
// mu held.
func (h *Host) port(name string) *port {
	if p := h.portNamed(name); p != nil {
		return p
	}
	// Index 1 is the loopback interface, which these hosts do not have.
	p := &port{host: h, name: name, index: len(h.ports) + 2}
	h.ports = append(h.ports, p)
	return p
}

// set replaces the interface of that name. Call with mu held.
func (h *Host) set(p port) {
	i := slices.IndexFunc(h.ports, func(x *port) bool { return x.name == p.name })
	h.ports[i] = &p
}

func (h *Host) portNamed(name string) *port {
	for _, p := range h.ports {
		if p.name == name {
			return p
		}
	}
	return nil
}

// tell passes signs to the watchers, without the lock, so that they may look.
func (h *Host) tell(signs ...netwatch.Reason) {
	h.n.mu.Lock()
	hints := make([]func(netwatch.Reason), 0, len(h.hints))
	for _, f := range h.hints {
		hints = append(hints, f)
	}
	h.n.mu.Unlock()
	for _, s := range signs {
		for _, f := range hints {
			f(s)
		}
	}
}

// Run is netwatch.Hinter: it calls hint for every change until ctx ends. A
// host whose system gives no notifications is one whose Run nobody calls.
func (h *Host) Run(ctx context.Context, hint func(netwatch.Reason)) error {
	h.n.mu.Lock()
	if h.hints == nil {
		h.hints = map[uint64]func(netwatch.Reason){}
	}
	h.hinters++
	me := h.hinters
	h.hints[me] = hint
	h.n.mu.Unlock()
	<-ctx.Done()
	h.n.mu.Lock()
	delete(h.hints, me)
	h.n.mu.Unlock()
	return nil
}

// Snapshot is netwatch.Source.
func (h *Host) Snapshot() ([]netwatch.Interface, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	out := make([]netwatch.Interface, 0, len(h.ports))
	for _, p := range h.ports {
		i := netwatch.Interface{Index: p.index, Name: p.name, Up: p.net != nil}
		for _, a := range p.prefixes {
			i.Addrs = append(i.Addrs, netwatch.Addr{Prefix: a})
		}
		out = append(out, i)
	}
	return out, nil
}

// PathTo is netwatch.Router: the interface whose network the peer is in, else
// the default route by way of the network's gateway, whose address is the
// first one of the network.
func (h *Host) PathTo(peer netip.Addr) (netwatch.Path, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	p, src := h.route(peer, "")
	if p == nil {
		return netwatch.Path{}, fmt.Errorf("%w: %s has no route to %s", netwatch.ErrNoPath, h.name, peer)
	}
	path := netwatch.Path{Source: src.Addr(), Interface: p.name, Index: p.index}
	if !src.Contains(peer) {
		path.NextHop, path.NextHopLink = src.Masked().Addr().Next(), p.net.mac
	}
	return path, nil
}

// route chooses the interface and the source address towards a peer, among
// the pinned interface only where one is named. Call with mu held.
func (h *Host) route(peer netip.Addr, pin string) (*port, netip.Prefix) {
	var best *port
	var src netip.Prefix
	for _, name := range h.routes {
		p := h.portNamed(name)
		if p == nil || p.net == nil || pin != "" && p.name != pin {
			continue
		}
		for _, a := range p.prefixes {
			if a.Addr().Is4() != peer.Is4() {
				continue
			}
			closer := a.Contains(peer) && (!src.Contains(peer) || a.Bits() > src.Bits())
			if best == nil || closer {
				best, src = p, a
			}
		}
	}
	return best, src
}

// portWith returns the plugged interface that has the address. Call with mu held.
func (h *Host) portWith(a netip.Addr, pin string) *port {
	for _, p := range h.ports {
		if p.net != nil && (pin == "" || p.name == pin) && hasAddr(p.prefixes, a) {
			return p
		}
	}
	return nil
}

// find returns the interface that packets from one interface to an address
// reach: one of the own host, one in the same network, else the one plugged
// in last. Call with mu held.
func (n *Network) find(from *port, a netip.Addr) *port {
	if own := from.host.portWith(a, ""); own != nil {
		return own
	}
	var all []*port
	for _, h := range n.hosts {
		for _, p := range h.ports {
			if p.net != nil && hasAddr(p.prefixes, a) {
				all = append(all, p)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return slices.MaxFunc(all, func(x, y *port) int {
		return cmp.Or(cmp.Compare(near(x, from), near(y, from)), cmp.Compare(x.since, y.since))
	})
}

func near(p, from *port) int {
	if p.net == from.net {
		return 1
	}
	return 0
}

func hasAddr(in []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(in, func(p netip.Prefix) bool { return p.Addr() == a })
}
