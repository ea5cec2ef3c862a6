package netwatch

import (
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// pin ties a socket to an interface. Needs no privilege on Linux 5.7 or newer.
func pin(name string) func(network, address string, c syscall.RawConn) error {
	if name == "" {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) {
			set = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, name)
		})
		if err != nil {
			return err
		}
		return set
	}
}

// hopTowards asks the routing table, rules included, as "ip route get" does.
// The files under /proc/net know the main table only, which is not the one a
// VPN uses.
func hopTowards(peer, src netip.Addr, name string) (nextHop, bool) {
	routes, err := netlink.RouteGetWithOptions(peer.AsSlice(), &netlink.RouteGetOptions{SrcAddr: src.AsSlice(), Oif: name})
	if err != nil || len(routes) == 0 {
		return nextHop{}, false
	}
	h := nextHop{index: routes[0].LinkIndex}
	via := routes[0].Gw
	if via == nil && routes[0].Via != nil {
		// An IPv4 route over an IPv6 next hop (RFC 8950).
		if v, ok := routes[0].Via.(*netlink.Via); ok {
			via = v.Addr
		}
	}
	next, ok := netip.AddrFromSlice(via)
	if !ok {
		return h, true
	}
	h.next = next.Unmap()
	h.link = linkOf(h.index, h.next)
	return h, true
}

// linkOf looks into the neighbour table. An entry that failed or is being
// asked for has no address and counts as unknown.
func linkOf(index int, next netip.Addr) string {
	family := netlink.FAMILY_V4
	if next.Is6() {
		family = netlink.FAMILY_V6
	}
	all, err := netlink.NeighList(index, family)
	if err != nil {
		return ""
	}
	for _, n := range all {
		if a, ok := netip.AddrFromSlice(n.IP); ok && a.Unmap() == next && len(n.HardwareAddr) > 0 {
			return n.HardwareAddr.String()
		}
	}
	return ""
}
