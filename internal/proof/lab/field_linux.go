package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"ramble/internal/leaf/safego"
)

// Field is a lab in which the phone is this process: its uplinks are the
// interfaces of the process's own, private namespace, see Private.
//
//	wlan0, usb0, ...          core              far
//	this process   ------   forwards   ------   servers and peers
//
// Its verbs may be called from one goroutine at a time.
type Field struct {
	Far *Host // where servers and peers open their sockets

	phone, core *Host
	ports       map[string]*fieldPort
	metric      int // of the newest default route; a newer one is better
	stalled     map[string]func() error
}

// fieldPort is one interface of the phone, plugged in or not.
type fieldPort struct {
	u       uplink
	address netip.Prefix // zero while it has none
}

// errNotPrivate protects the machine: a field is never built on its network.
var errNotPrivate = errors.New("this process is on the machine's own network")

// NewField builds the routers and the far side, which has these addresses. The
// phone has no interface before Plug. It fails where the process has no
// private namespace or may not shape it.
func NewField(guard *safego.Guard, far []netip.Addr) (*Field, error) {
	f := &Field{ports: map[string]*fieldPort{}, stalled: map[string]func() error{}, metric: 1000}
	if err := f.build(guard, far); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Field) build(guard *safego.Guard, far []netip.Addr) (err error) {
	own, err := netns.Get()
	if err != nil {
		return err
	}
	f.phone = &Host{Name: Phone, guard: guard, ns: own}
	if err := f.phone.untouched(); err != nil {
		return err
	}
	for _, h := range []struct {
		name string
		to   **Host
	}{{Core, &f.core}, {"far", &f.Far}} {
		ns, err := newNamespace(guard)
		if err != nil {
			return err
		}
		*h.to = &Host{Name: h.name, guard: guard, ns: ns}
	}
	for h, settings := range map[*Host]map[string]string{
		f.phone: {"ipv4/conf/all/arp_announce": "2", "ipv4/conf/default/arp_announce": "2", "ipv6/conf/default/disable_ipv6": "1"},
		f.core:  {"ipv4/ip_forward": "1", "ipv4/conf/all/rp_filter": "1", "ipv4/conf/default/rp_filter": "1", "ipv6/conf/default/disable_ipv6": "1"},
		f.Far:   {"ipv6/conf/default/disable_ipv6": "1"},
	} {
		if err := errors.Join(h.begin(), h.sysctls(settings)); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	if err := pair(f.core, "far", f.Far, "eth0"); err != nil {
		return err
	}
	var gateways []netip.Addr
	for _, a := range far {
		gateways = appendNew(gateways, netip.PrefixFrom(a, 24).Masked().Addr().Next())
	}
	if err := errors.Join(f.core.raise("far", gateways...), f.Far.raise("eth0", far...)); err != nil {
		return err
	}
	eth0, err := f.Far.links.LinkByName("eth0")
	if err != nil {
		return err
	}
	return f.Far.links.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: gateways[0].AsSlice(), Dst: everything(gateways[0])})
}

func appendNew(list []netip.Addr, a netip.Addr) []netip.Addr {
	for _, known := range list {
		if known == a {
			return list
		}
	}
	return append(list, a)
}

// untouched is nil where no interface but the loopback is up: a namespace
// that was made for this process.
func (h *Host) untouched() error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, l := range links {
		if a := l.Attrs(); a.Flags&net.FlagLoopback == 0 && a.Flags&net.FlagUp != 0 {
			return errNotPrivate
		}
	}
	return nil
}

// port is the interface of that name, made at its first mention.
func (f *Field) port(iface string) (*fieldPort, error) {
	if p, ok := f.ports[iface]; ok {
		return p, nil
	}
	there := "to-" + iface
	if err := pair(f.core, there, f.phone, iface); err != nil {
		return nil, fmt.Errorf("%s: %w", iface, err)
	}
	link, err := f.phone.links.LinkByName(iface)
	if err != nil {
		return nil, err
	}
	p := &fieldPort{u: uplink{name: iface, host: f.phone, core: f.core, index: link.Attrs().Index, coreIface: there}}
	f.ports[iface] = p
	return p, f.core.raise(there)
}

// Ready brings up the carrier of an interface in a network, without an address,
// so that Plug has nothing to wait for. See Plug.
func (f *Field) Ready(iface string, gateway net.HardwareAddr, address netip.Prefix) error {
	p, err := f.port(iface)
	if err != nil {
		return err
	}
	there, err := f.core.links.LinkByName(p.u.coreIface)
	if err != nil {
		return err
	}
	router := routerOf(address)
	old, err := f.core.links.AddrList(there, unix.AF_INET)
	if err != nil {
		return err
	}
	if len(old) != 1 || old[0].IPNet.String() != router.String() || there.Attrs().HardwareAddr.String() != gateway.String() {
		// Another network is another cable: nothing of the old one is kept.
		err = errors.Join(f.forget(p), p.u.carrier(false))
		for i := range old {
			err = errors.Join(err, f.core.links.AddrDel(there, &old[i]))
		}
		err = errors.Join(err, f.core.links.LinkSetHardwareAddr(there, gateway), f.core.links.AddrAdd(there, prefixed(router)))
		if err != nil {
			return err
		}
	}
	near, err := f.phone.links.LinkByIndex(p.u.index)
	if err != nil || near.Attrs().OperState == netlink.OperUp {
		return err
	}
	return p.u.raise(context.Background())
}

func routerOf(address netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(address.Masked().Addr().Next(), address.Bits())
}

// Plug gives an interface its address in a network whose gateway has that
// hardware address, and the network's first address. The interface becomes
// the default route. It returns when address and route are in place.
func (f *Field) Plug(iface string, gateway net.HardwareAddr, address netip.Prefix) error {
	if err := f.Ready(iface, gateway, address); err != nil {
		return err
	}
	p := f.ports[iface]
	if err := f.forget(p); err != nil {
		return err
	}
	f.metric--
	if err := f.phone.links.AddrAdd(p.u.link(), prefixed(address)); err != nil {
		return err
	}
	p.address = address
	return f.phone.links.RouteAdd(p.u.route(routerOf(address).Addr(), f.metric))
}

// Unplug takes the address and the carrier.
func (f *Field) Unplug(iface string) error {
	p, err := f.port(iface)
	if err != nil {
		return err
	}
	return errors.Join(f.forget(p), p.u.carrier(false))
}

// forget takes the address; the kernel takes the route along.
func (f *Field) forget(p *fieldPort) error {
	if !p.address.IsValid() {
		return nil
	}
	gone := p.address
	p.address = netip.Prefix{}
	return f.phone.links.AddrDel(p.u.link(), prefixed(gone))
}

// Stall makes an interface carry nothing, without a sign of it on the phone;
// Flow ends that.
func (f *Field) Stall(iface string) error {
	p, err := f.port(iface)
	if err != nil || f.stalled[iface] != nil || !p.address.IsValid() {
		return err
	}
	end, err := stall(f.core, p.u.coreIface, prefixed(p.address.Masked()).IPNet)
	if err == nil {
		f.stalled[iface] = end
	}
	return err
}

// Flow ends a stall.
func (f *Field) Flow(iface string) error {
	end := f.stalled[iface]
	if end == nil {
		return nil
	}
	delete(f.stalled, iface)
	return end()
}

// Close takes the interfaces away; the far namespaces go with their sockets.
func (f *Field) Close() error {
	var errs []error
	for _, p := range f.ports {
		errs = append(errs, f.phone.links.LinkDel(p.u.link()))
	}
	for _, h := range []*Host{f.Far, f.core, f.phone} {
		if h != nil {
			errs = append(errs, h.close())
		}
	}
	return errors.Join(errs...)
}

// prefixed is a as netlink wants it.
func prefixed(a netip.Prefix) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen())}}
}
