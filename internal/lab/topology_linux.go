package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// access is one link of core, with the host at its other end.
type access struct {
	host, iface string
	core        string // interface of core
	subnet      byte   // 10.N.0.0/24, fd0N::/64
	emulated    bool   // in labs with emulators: delay stands where it is far
	up          bool
}

// The phone and the callee are far, the pbx is where core is: a delay of 40 ms
// makes 80 ms round trip to the proxy and 160 ms to the callee by way of it.
func plan() []access {
	return []access{
		{Phone, WLAN, "wlan", 1, true, true},
		{Phone, WWAN, "wwan", 2, true, false},
		{PBX, "eth0", "pbx", 9, false, true},
		{Callee, "eth0", "callee", 8, true, true},
	}
}

func ipv4(subnet, host byte) netip.Addr { return netip.AddrFrom4([4]byte{10, subnet, 0, host}) }

func ipv6(subnet, host byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 1: subnet, 15: host})
}

func (l *Lab) build(emulate bool) error {
	for _, name := range []string{Core, Phone, PBX, Callee} {
		h, err := newHost(name, l.Dir, l.guard)
		if h != nil {
			l.hosts[name] = h
		}
		if err != nil {
			return err
		}
	}
	core := l.hosts[Core]
	if err := core.sysctls(map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/forwarding": "1",
		"ipv4/conf/all/rp_filter": "1", "ipv4/conf/default/rp_filter": "1",
	}); err != nil {
		return err
	}
	// Else a dying socket's packet asks for the new gateway in the name of the
	// old address, gets no answer, and the next question comes a second later.
	if err := l.hosts[Phone].sysctls(map[string]string{
		"ipv4/conf/all/arp_announce": "2", "ipv4/conf/default/arp_announce": "2",
	}); err != nil {
		return err
	}
	for _, a := range plan() {
		if err := l.connect(a, emulate && a.emulated); err != nil {
			return fmt.Errorf("link %s of %s: %w", a.iface, a.host, err)
		}
	}
	return nil
}

// connect lays the link, directly or by way of an emulator.
func (l *Lab) connect(a access, emulated bool) error {
	core, host := l.hosts[Core], l.hosts[a.host]
	near, far := core, host
	if emulated {
		w, err := l.newWire(a.core)
		if err != nil {
			return err
		}
		if err := pair(core, a.core, w.host, "core"); err != nil {
			return err
		}
		if err := pair(w.host, "far", host, a.iface); err != nil {
			return err
		}
		for h, name := range map[*Host]string{core: a.core, host: a.iface} {
			if err := h.checksumsOff(name); err != nil {
				return err
			}
		}
		if err := w.open("core", "far"); err != nil {
			return err
		}
	} else if err := pair(near, a.core, far, a.iface); err != nil {
		return err
	}
	if err := core.raise(a.core, ipv4(a.subnet, 1), ipv6(a.subnet, 1)); err != nil {
		return err
	}
	link, err := host.links.LinkByName(a.iface)
	if err != nil {
		return err
	}
	u := &uplink{
		name: a.iface, host: host, index: link.Attrs().Index, coreIface: a.core,
		subnet: a.subnet, number: 2,
	}
	if a.host == Phone {
		l.uplinks[a.iface] = u
	} else {
		host.IPv4, host.IPv6 = u.ipv4(), u.ipv6()
	}
	if !a.up {
		return nil
	}
	if err := l.raise(context.Background(), u); err != nil {
		return err
	}
	return u.plug(l.better())
}

// pair lays a cable between two hosts.
func pair(a *Host, aName string, b *Host, bName string) error {
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: aName})
	veth.PeerName, veth.PeerNamespace = bName, netlink.NsFd(int(b.ns))
	if err := a.links.LinkAdd(veth); err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) {
			return &Unable{"the kernel has no veth interfaces: " + err.Error()}
		}
		return err
	}
	return nil
}

// raise sets an interface up, with addresses. IPv4 lies in a /24, IPv6 in a /64.
func (h *Host) raise(iface string, addrs ...netip.Addr) error {
	link, err := h.links.LinkByName(iface)
	if err != nil {
		return err
	}
	if err := h.links.LinkSetUp(link); err != nil {
		return err
	}
	for _, a := range addrs {
		if err := h.links.AddrAdd(link, address(a)); err != nil {
			return err
		}
	}
	return nil
}

// address is a as netlink wants it: without duplicate address detection, which
// would keep it unusable for a second.
func address(a netip.Addr) *netlink.Addr {
	if a.Is4() {
		return &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(24, 32)}}
	}
	return &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD}
}
