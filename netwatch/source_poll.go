package netwatch

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
)

// Snapshot lists the interfaces by way of the standard library, with the
// address flags where the system tells them. An interface that disappears
// while it is being read is left out; the next look will be whole.
func (System) Snapshot() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	flags := addrFlags()
	out := make([]Interface, 0, len(all))
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		// FlagRunning is the carrier: the kernel still routes through an
		// interface without one.
		up := i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0
		x := Interface{Index: i.Index, Name: i.Name, Up: up}
		for _, a := range addrs {
			if p, ok := prefixOf(a); ok {
				f := flags[ownedAddr{i.Index, p.Addr()}]
				f.Prefix = p
				x.Addrs = append(x.Addrs, f)
			}
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Interface) int { return cmp.Compare(a.Index, b.Index) })
	return out, nil
}

// ownedAddr is an address with the index of its interface: link-local ones may
// stand on several.
type ownedAddr struct {
	index int
	addr  netip.Addr
}

func prefixOf(a net.Addr) (netip.Prefix, bool) {
	n, ok := a.(*net.IPNet)
	if !ok {
		return netip.Prefix{}, false
	}
	ip, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ip = ip.Unmap()
	ones, _ := n.Mask.Size()
	p := netip.PrefixFrom(ip, ones)
	return p, p.IsValid()
}
