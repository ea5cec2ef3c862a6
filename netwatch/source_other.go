//go:build !linux

package netwatch

import "net"

// addrsOf asks for the addresses of each interface, by index. Their flags are
// not known yet on this system.
func addrsOf(all []net.Interface) (map[int][]Addr, error) {
	out := make(map[int][]Addr, len(all))
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			bits, _ := n.Mask.Size()
			if p, ok := prefixFrom(n.IP, bits); ok {
				out[i.Index] = append(out[i.Index], Addr{Prefix: p})
			}
		}
	}
	return out, nil
}
