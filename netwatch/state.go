// Package netwatch answers one question: what network am I on?
//
// It takes snapshots of the interfaces and of the paths towards a few peers,
// compares them, and says what changed with reasons that a person can read. It
// does not know why anyone wants to know.
//
//	signs (poll, notification, sleep, user) -> look -> snapshot -> Diff -> settle -> OnChange
//
// Every sign means only "look again"; polling and the system's notifications
// share one code path. What matters is the path towards a peer (source address,
// interface, next hop), never that some interface changed.
//
// Diff, the book of losses and the settling are pure; Watcher is the thin shell
// that feeds them. Source, Router and Hinter are the edges to the operating
// system, filled by System and Notifications; package netwatchtest has the same
// edges in memory.
package netwatch

import (
	"net/netip"
	"slices"
	"time"
)

// State is what the watcher saw at one look. It is never changed once made, so
// a receiver may keep it and share it.
type State struct {
	At         time.Time
	Interfaces []Interface // by index
	// Paths holds one entry for each watched peer; the invalid Path where the
	// peer cannot be reached.
	Paths map[netip.Addr]Path
}

// Interface is one network interface.
type Interface struct {
	Index   int
	Name    string
	Up      bool // administratively up and with a carrier
	Addrs   []Addr
	Ignored bool // its changes alone are noise by configuration; a path in use through it is not
}

// Addr is one address of an interface. The flags are those of IPv6 (RFC 4862,
// RFC 8981); where the system does not tell them they are false.
type Addr struct {
	Prefix     netip.Prefix // the address itself with the length of its network
	Tentative  bool         // still being checked for duplicates: not usable yet
	Temporary  bool         // a privacy address that rotates
	Deprecated bool         // not to be used for anything new
}

// Path is how a peer is reached. Paths compare with ==: two paths are the same
// exactly when nothing that matters differs. The zero Path is no path.
type Path struct {
	Source    netip.Addr // address that the kernel chooses towards the peer
	Interface string
	Index     int
	NextHop   netip.Addr // zero when the peer is on the link, or unknown
	// NextHopLink is the link address of the next hop as it was when the path
	// was first seen; "" when it was not known then. One that becomes known
	// later does not make another path, one that changes does.
	NextHopLink string
	// Lost counts how often this source and interface went away since the
	// start: the same address after a loss is another path.
	Lost uint64
}

// Valid reports whether there is a path at all.
func (p Path) Valid() bool { return p.Source.IsValid() }

// String is "wlan0 192.168.1.23", or "no path".
func (p Path) String() string {
	if !p.Valid() {
		return "no path"
	}
	return p.Interface + " " + p.Source.String()
}

// Interface returns the interface with that name.
func (s State) Interface(name string) (Interface, bool) {
	i := slices.IndexFunc(s.Interfaces, func(i Interface) bool { return i.Name == name })
	if i < 0 {
		return Interface{}, false
	}
	return s.Interfaces[i], true
}

// Has reports whether the interface has the address, compared as an address:
// another one of the same network is not it.
func (i Interface) Has(a netip.Addr) bool {
	return slices.ContainsFunc(i.Addrs, func(x Addr) bool { return x.Prefix.Addr() == a })
}

// inUse reports whether a path leads through that interface.
func (s State) inUse(index int, name string) bool {
	for _, p := range s.Paths {
		if p.Valid() && p.Index == index && p.Interface == name {
			return true
		}
	}
	return false
}

// isSource reports whether a path leaves from that address.
func (s State) isSource(a netip.Addr) bool {
	for _, p := range s.Paths {
		if p.Source == a {
			return true
		}
	}
	return false
}
