package netwatchtest

import "net/netip"

// nat is the translation at the edge of a network: one mapping for each inside
// address and port, whoever it talks to, open to those that it has talked to
// (RFC 4787 4.1 and 5: endpoint-independent, address-dependent). A mapping
// never ends.
type nat struct {
	public  netip.Addr
	mapped  map[netip.AddrPort]*mapping // by inside address
	outside map[uint16]*mapping         // by outside port
}

type mapping struct {
	inside, outside netip.AddrPort
	open            map[netip.Addr]bool
}

// firstMapped is the first outside port of a NAT, far from those of sockets.
const firstMapped = 20000

// NAT puts a network behind a public address: what leaves it as a datagram comes
// from there, and its own addresses cannot be reached from outside. Streams
// pass it as they are.
func (n *Network) NAT(network string, public netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.segment(network).nat = &nat{public: public, mapped: map[netip.AddrPort]*mapping{}, outside: map[uint16]*mapping{}}
}

// leaves notes that an inside address talks to a peer, and returns where it is
// seen.
func (t *nat) leaves(from netip.AddrPort, peer netip.Addr) netip.AddrPort {
	m := t.mapped[from]
	if m == nil {
		port := uint16(firstMapped + len(t.mapped))
		m = &mapping{inside: from, outside: netip.AddrPortFrom(t.public, port), open: map[netip.Addr]bool{}}
		t.mapped[from], t.outside[port] = m, m
	}
	m.open[peer] = true
	return m.outside
}

// translate is what a datagram's addresses are where it arrives, and the
// interface there; nil where a NAT lets nothing through. Call with mu held.
func (n *Network) translate(from *port, f Flow) (Flow, *port) {
	for _, s := range n.nets {
		if s.nat == nil || s.nat.public != f.To.Addr() {
			continue
		}
		m := s.nat.outside[f.To.Port()]
		if m == nil || !m.open[f.From.Addr()] || from.net == s {
			return f, nil
		}
		f.To = m.inside
		return f, n.inside(s, f.To.Addr())
	}
	to := n.find(from, f.To.Addr())
	if to == nil || to.host == from.host || to.net == from.net {
		return f, to
	}
	if from.net.nat != nil {
		f.From = from.net.nat.leaves(f.From, f.To.Addr())
	}
	if to.net.nat != nil {
		return f, nil
	}
	return f, to
}

// inside is the interface in a network that has the address. Call with mu held.
func (n *Network) inside(s *segment, a netip.Addr) *port {
	for _, h := range n.hosts {
		for _, p := range h.ports {
			if p.net == s && hasAddr(p.prefixes, a) {
				return p
			}
		}
	}
	return nil
}
