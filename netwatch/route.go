package netwatch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// ErrNoPath says that the system knows no way to the peer now.
var ErrNoPath = errors.New("no path to the peer")

// Source takes snapshots of the interfaces.
type Source interface {
	// Snapshot returns all interfaces; the caller owns the slice.
	Snapshot() ([]Interface, error)
}

// Router asks which path leads to a peer, as things stand.
type Router interface {
	// PathTo returns the path that a new socket would take, without sending
	// anything; Lost is not its business. The error wraps ErrNoPath when the
	// peer cannot be reached.
	PathTo(peer netip.Addr) (Path, error)
}

// Hinter passes on notifications of the operating system. A hint only means
// "look again"; one of the kinds AddressLost, InterfaceDown or InterfaceGone
// also tells a loss that may be over before the look. HopMoved tells the link
// address (Detail) of a neighbour (Interface, Addr); only those of next hops
// in use count, so all neighbours may be told.
type Hinter interface {
	// Run calls hint until ctx ends, from any goroutine. An error means that no
	// more hints will come; polling goes on.
	Run(ctx context.Context, hint func(Reason)) error
}

var (
	_ Source = System{}
	_ Router = System{}
)

// System is the operating system's view: Source and Router of the real phone.
type System struct {
	// Interfaces restricts paths to these, in order of preference; empty: the
	// routing table decides. Effective where sockets can be pinned.
	Interfaces []string
}

// PathTo asks the kernel: a UDP socket is connected, which sends nothing, and
// its local address is the source. On Linux the routing table adds the
// interface the packets really leave by, the next hop and its link address.
func (s System) PathTo(peer netip.Addr) (Path, error) {
	if len(s.Interfaces) == 0 {
		return s.pathTo(peer, "")
	}
	var errs []error
	for _, name := range s.Interfaces {
		p, err := s.pathTo(peer, name)
		if err == nil && p.Interface == name {
			return p, nil
		}
		errs = append(errs, err)
	}
	return Path{}, fmt.Errorf("%w: %s through %v: %w", ErrNoPath, peer, s.Interfaces, errors.Join(errs...))
}

func (s System) pathTo(peer netip.Addr, name string) (Path, error) {
	if !peer.IsValid() || peer.IsUnspecified() {
		return Path{}, fmt.Errorf("%w: no address", ErrNoPath)
	}
	peer = peer.Unmap()
	src, err := sourceTowards(peer, name)
	if err != nil {
		return Path{}, fmt.Errorf("%w: %s: %w", ErrNoPath, peer, err)
	}
	p := Path{Source: src}
	if h, ok := hopTowards(peer, src, name); ok {
		p.Index, p.NextHop, p.NextHopLink = h.index, h.next, h.link
		if i, err := net.InterfaceByIndex(h.index); err == nil {
			p.Interface = i.Name
			return p, nil
		}
	}
	if p.Index, p.Interface, err = owner(src); err != nil {
		return Path{}, err
	}
	return p, nil
}

// nextHop is what a routing table adds to a source address.
type nextHop struct {
	index int
	next  netip.Addr
	link  string
}

// sourceTowards is the address that the kernel gives a socket connected to peer.
func sourceTowards(peer netip.Addr, name string) (netip.Addr, error) {
	d := net.Dialer{Control: pin(name)}
	// Any port will do: nothing is sent. 9 is discard (RFC 863).
	c, err := d.Dial("udp", netip.AddrPortFrom(peer, 9).String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	local, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, fmt.Errorf("local address is %T", c.LocalAddr())
	}
	return local.AddrPort().Addr().Unmap().WithZone(""), nil
}

// owner finds the interface that has the address.
func owner(a netip.Addr) (int, string, error) {
	all, err := System{}.Snapshot()
	if err != nil {
		return 0, "", err
	}
	for _, i := range all {
		if i.Has(a) {
			return i.Index, i.Name, nil
		}
	}
	// The address went away between the two questions.
	return 0, "", fmt.Errorf("%w: no interface has %s", ErrNoPath, a)
}
