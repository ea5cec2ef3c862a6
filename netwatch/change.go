package netwatch

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Kind says what sort of thing happened.
type Kind int

// The kinds of reasons. The first group comes from comparing snapshots, the
// second is what made the watcher look.
const (
	InterfaceAppeared Kind = iota
	InterfaceGone
	InterfaceUp
	InterfaceDown
	AddressAdded
	AddressLost
	AddressFlagged // only its flags changed
	PathFound      // there was none
	PathLost       // there is none
	PathMoved      // another source or interface
	PathReturned   // the same source and interface, after a loss
	HopMoved       // the same source and interface, another next hop

	Started   // the first look
	Polled    // the usual look
	Notified  // the system said that something changed
	Requested // the user or another room asked
	Slept     // the machine slept, or the process was stopped
	Failed    // a socket of ours reported an error (Detail) on Interface and Addr
)

func (k Kind) String() string {
	return [...]string{
		"interface-appeared", "interface-gone", "interface-up", "interface-down",
		"address-added", "address-lost", "address-flagged",
		"path-found", "path-lost", "path-moved", "path-returned", "hop-moved",
		"started", "polled", "notified", "requested", "slept", "failed",
	}[k]
}

// Reason is one thing that happened, or that made the watcher look. Reasons
// compare with ==.
type Reason struct {
	Kind      Kind
	Interface string
	Addr      netip.Addr
	Detail    string
	// Noise says why this does not matter; empty when it does.
	Noise string
}

// loss reports whether something went away that may be back by the next look.
func (r Reason) loss() bool {
	return r.Kind == AddressLost || r.Kind == InterfaceDown || r.Kind == InterfaceGone
}

// String is the sentence for a person: "wlan0 lost 192.168.1.23".
func (r Reason) String() string {
	var s string
	where := strings.TrimSpace(r.Interface + " " + addrText(r.Addr))
	switch r.Kind {
	case InterfaceAppeared:
		s = r.Interface + " appeared"
	case InterfaceGone:
		s = r.Interface + " is gone"
	case InterfaceUp:
		s = r.Interface + " is up"
	case InterfaceDown:
		s = r.Interface + " is down"
	case AddressAdded:
		s = r.Interface + " has " + addrText(r.Addr)
	case AddressLost:
		s = r.Interface + " lost " + addrText(r.Addr)
	case AddressFlagged:
		s = where + " is " + r.Detail
	case PathFound:
		s = "path found: " + where
	case PathLost:
		s = "no path any more, it was " + r.Detail
	case PathMoved:
		s = "path moved from " + r.Detail + " to " + where
	case PathReturned:
		s = where + " is back after a loss"
	case HopMoved:
		s = where + " has another next hop, " + r.Detail
	case Failed:
		s = strings.TrimSpace("a socket failed on "+where) + ": " + r.Detail
	case Started, Polled, Notified, Requested, Slept:
		s = strings.TrimSpace(strings.Join([]string{signText(r.Kind), where}, " "))
		if r.Detail != "" {
			s += ": " + r.Detail
		}
	}
	if r.Noise != "" {
		s += " (" + r.Noise + ")"
	}
	return s
}

func signText(k Kind) string {
	switch k {
	case Started:
		return "first look"
	case Notified:
		return "told by the system"
	case Requested:
		return "asked to look"
	case Slept:
		return "slept"
	default:
		return "looked"
	}
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// Change is what OnChange is told: something that matters happened.
type Change struct {
	Old, New State
	Reasons  []Reason // what matters, without the noise
	// PathsMoved lists the peers whose path changed, in order. When it is empty
	// and the machine did not sleep, the change is only worth showing.
	PathsMoved []netip.Addr
	At         time.Time // when its first sign was seen
}

// String is the reasons in one line: "wlan0 lost 192.168.1.23. usb0 has 172.20.10.4."
func (c Change) String() string {
	var b strings.Builder
	for i, r := range c.Reasons {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(r.String() + ".")
	}
	return b.String()
}

// Has reports whether a reason of that kind is among the change's.
func (c Change) Has(k Kind) bool {
	return slices.ContainsFunc(c.Reasons, func(r Reason) bool { return r.Kind == k })
}

// Matter returns the reasons that are not noise; nil when there are none.
func Matter(reasons []Reason) []Reason {
	var out []Reason
	for _, r := range reasons {
		if r.Noise == "" {
			out = append(out, r)
		}
	}
	return out
}

// Diff says what is different in new: interfaces, then addresses, then paths
// of peers that both states know; nil when nothing is. What does not matter is
// among the reasons too, and says why. Addresses compare as addresses, never
// by network: another lease of the same network is another address.
func Diff(old, new State) []Reason {
	d := differ{old: old, new: new}
	for _, was := range old.Interfaces {
		if _, still := find(new.Interfaces, was); !still {
			d.iface(InterfaceGone, was)
			d.addrs(was, Interface{Index: was.Index, Name: was.Name, Ignored: was.Ignored})
		}
	}
	for _, is := range new.Interfaces {
		was, known := find(old.Interfaces, is)
		switch {
		case !known:
			d.iface(InterfaceAppeared, is)
		case was.Up && !is.Up:
			d.iface(InterfaceDown, is)
		case !was.Up && is.Up:
			d.iface(InterfaceUp, is)
		}
		d.addrs(was, is)
	}
	for _, peer := range movedPaths(old, new) {
		d.path(old.Paths[peer], new.Paths[peer])
	}
	return d.reasons
}

// movedPaths lists the peers known to both states whose path is another one.
func movedPaths(old, new State) []netip.Addr {
	var out []netip.Addr
	for peer, was := range old.Paths {
		if is, asked := new.Paths[peer]; asked && is != was {
			out = append(out, peer)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// find looks for the same interface: a replugged adapter has its old name but
// another index, and is another interface.
func find(in []Interface, i Interface) (Interface, bool) {
	for _, x := range in {
		if x.Index == i.Index && x.Name == i.Name {
			return x, true
		}
	}
	return Interface{}, false
}

// differ collects reasons.
type differ struct {
	old, new State
	reasons  []Reason
}

func (d *differ) add(r Reason) {
	// Several peers that move together are one reason.
	if !slices.Contains(d.reasons, r) {
		d.reasons = append(d.reasons, r)
	}
}

func (d *differ) inUse(i Interface) bool {
	return d.old.inUse(i.Index, i.Name) || d.new.inUse(i.Index, i.Name)
}

func (d *differ) iface(k Kind, i Interface) {
	d.add(Reason{Kind: k, Interface: i.Name, Noise: d.ifaceNoise(i)})
}

func (d *differ) ifaceNoise(i Interface) string {
	if i.Ignored && !d.inUse(i) {
		return "ignored by configuration"
	}
	return ""
}

func (d *differ) addrNoise(i Interface, a Addr) string {
	ip := a.Prefix.Addr()
	switch {
	case d.old.isSource(ip) || d.new.isSource(ip):
		return ""
	case a.Tentative:
		return "still being checked for duplicates"
	case d.ifaceNoise(i) != "":
		return d.ifaceNoise(i)
	case a.Temporary:
		return "a privacy address not in use"
	case ip.IsLinkLocalUnicast():
		return "link-local, not in use"
	}
	return ""
}

// addrs compares the addresses of one interface.
func (d *differ) addrs(was, is Interface) {
	for _, a := range was.Addrs {
		if !is.Has(a.Prefix.Addr()) {
			d.add(Reason{Kind: AddressLost, Interface: was.Name, Addr: a.Prefix.Addr(), Noise: d.addrNoise(was, a)})
		}
	}
	for _, a := range is.Addrs {
		ip := a.Prefix.Addr()
		before := slices.IndexFunc(was.Addrs, func(x Addr) bool { return x.Prefix.Addr() == ip })
		switch {
		case before < 0 || was.Addrs[before].Tentative && !a.Tentative:
			d.add(Reason{Kind: AddressAdded, Interface: is.Name, Addr: ip, Noise: d.addrNoise(is, a)})
		case was.Addrs[before] != a:
			d.add(Reason{Kind: AddressFlagged, Interface: is.Name, Addr: ip, Detail: flagText(a), Noise: "the address itself stays"})
		}
	}
}

func flagText(a Addr) string {
	switch {
	case a.Tentative:
		return "being checked for duplicates"
	case a.Deprecated:
		return "deprecated"
	default:
		return a.Prefix.String()
	}
}

func (d *differ) path(was, is Path) {
	r := Reason{Interface: is.Interface, Addr: is.Source}
	switch {
	case !is.Valid():
		r = Reason{Kind: PathLost, Interface: was.Interface, Addr: was.Source, Detail: was.String()}
	case !was.Valid():
		r.Kind = PathFound
	case was.Source != is.Source || was.Interface != is.Interface:
		r.Kind, r.Detail = PathMoved, was.String()
	case was.Lost != is.Lost || was.Index != is.Index:
		r.Kind = PathReturned
	default:
		r.Kind, r.Detail = HopMoved, hopText(is)+" instead of "+hopText(was)
	}
	d.add(r)
}

func hopText(p Path) string {
	switch {
	case !p.NextHop.IsValid():
		return "none"
	case p.NextHopLink == "":
		return p.NextHop.String()
	default:
		return p.NextHop.String() + " at " + p.NextHopLink
	}
}
