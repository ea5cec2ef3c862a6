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
	addrs, err := addrsOf(all)
	if err != nil {
		return nil, err
	}
	out := make([]Interface, 0, len(all))
	for _, i := range all {
		// FlagRunning is the carrier: the kernel still routes through an
		// interface without one.
		up := i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0
		out = append(out, Interface{Index: i.Index, Name: i.Name, Up: up, Addrs: addrs[i.Index]})
	}
	slices.SortFunc(out, func(a, b Interface) int { return cmp.Compare(a.Index, b.Index) })
	return out, nil
}

// prefixFrom makes a prefix of what the system tells.
func prefixFrom(raw []byte, bits int) (netip.Prefix, bool) {
	ip, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.Prefix{}, false
	}
	p := netip.PrefixFrom(ip.Unmap(), bits)
	return p, p.IsValid()
}
