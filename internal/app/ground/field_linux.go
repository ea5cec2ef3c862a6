package ground

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"ramble/internal/leaf/safego"
)

var _ Mover = (*Field)(nil)

// Field is a network whose phone is this process: its uplinks are the
// interfaces of the process's own, private namespace, see Private.
//
//	wlan0, usb0, ...          core              far
//	this process   ------   forwards   ------   servers and peers
type Field struct {
	Far Sockets // where servers and peers open their sockets

	phone, core *Host
	ports       map[string]*fieldPort
	metric      int // of the newest default route; a newer one is better
	stalled     map[string]func() error
}

// fieldPort is one interface of the phone, plugged in or not.
type fieldPort struct {
	Cable
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
	f.phone = &Host{Name: "phone", guard: guard, NS: own}
	if err := untouched(); err != nil {
		return err
	}
	if f.core, err = NewHost("core", guard); err != nil {
		return err
	}
	if f.Far.Host, err = NewHost("far", guard); err != nil {
		return err
	}
	if err := f.phone.begin(); err != nil {
		return fmt.Errorf("%s: %w", f.phone.Name, err)
	}
	for h, settings := range map[*Host]map[string]string{
		f.phone:    {"ipv4/conf/all/arp_announce": "2", "ipv4/conf/default/arp_announce": "2", "ipv6/conf/default/disable_ipv6": "1"},
		f.core:     {"ipv4/ip_forward": "1", "ipv4/conf/all/rp_filter": "1", "ipv4/conf/default/rp_filter": "1", "ipv6/conf/default/disable_ipv6": "1"},
		f.Far.Host: {"ipv6/conf/default/disable_ipv6": "1"},
	} {
		if err := h.Sysctls(settings); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	return f.awaitAddresses(far)
}

// awaitAddresses gives the far side its addresses and its way back.
func (f *Field) awaitAddresses(far []netip.Addr) error {
	if err := Pair(f.core, "far", f.Far.Host, "eth0"); err != nil {
		return err
	}
	var gateways, own []netip.Prefix
	for _, a := range far {
		at := netip.PrefixFrom(a, 24)
		own = append(own, at)
		if gateway := routerOf(at); !slices.Contains(gateways, gateway) {
			gateways = append(gateways, gateway)
		}
	}
	if err := errors.Join(f.core.Raise("far", gateways...), f.Far.Host.Raise("eth0", own...)); err != nil {
		return err
	}
	eth0, err := NewCable(f.Far.Host, "eth0", f.core, "far")
	if err != nil {
		return err
	}
	return f.Far.Host.Links.RouteAdd(eth0.Route(gateways[0].Addr(), 0))
}

// untouched is nil where no interface but the loopback is up: a namespace
// that was made for this process.
func untouched() error {
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
	if err := Pair(f.core, there, f.phone, iface); err != nil {
		return nil, fmt.Errorf("%s: %w", iface, err)
	}
	cable, err := NewCable(f.phone, iface, f.core, there)
	if err != nil {
		return nil, err
	}
	p := &fieldPort{Cable: cable}
	f.ports[iface] = p
	return p, f.core.Raise(there)
}

// gateway is the hardware address of a network's gateway: locally
// administered, and the same in every run.
func gateway(network string) net.HardwareAddr {
	h := fnv.New32a()
	h.Write([]byte(network))
	seed := h.Sum32()
	return net.HardwareAddr{2, 0, byte(seed >> 24), byte(seed >> 16), byte(seed >> 8), byte(seed)}
}

// Ready is Mover's. A network is known by the hardware address of its gateway,
// which has the network's first address.
func (f *Field) Ready(iface, network string, addrs ...netip.Prefix) error {
	if len(addrs) != 1 || !addrs[0].Addr().Is4() {
		return fmt.Errorf("an interface of a field has one IPv4 address, not %v", addrs)
	}
	p, err := f.port(iface)
	if err != nil {
		return err
	}
	there, err := f.core.Links.LinkByName(p.CoreIface)
	if err != nil {
		return err
	}
	router, mac := routerOf(addrs[0]), gateway(network)
	old, err := f.core.Links.AddrList(there, unix.AF_INET)
	if err != nil {
		return err
	}
	if len(old) != 1 || old[0].IPNet.String() != router.String() || there.Attrs().HardwareAddr.String() != mac.String() {
		// Another network is another cable: nothing of the old one is kept.
		err = errors.Join(f.forget(p), p.Down())
		for i := range old {
			err = errors.Join(err, f.core.Links.AddrDel(there, &old[i]))
		}
		err = errors.Join(err, f.core.Links.LinkSetHardwareAddr(there, mac), f.core.Links.AddrAdd(there, Address(router)))
		if err != nil {
			return err
		}
	}
	return p.Up(context.Background())
}

func routerOf(address netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(address.Masked().Addr().Next(), address.Bits())
}

// Plug is Mover's.
func (f *Field) Plug(iface, network string, addrs ...netip.Prefix) error {
	if err := f.Ready(iface, network, addrs...); err != nil {
		return err
	}
	p, address := f.ports[iface], addrs[0]
	if err := f.forget(p); err != nil {
		return err
	}
	f.metric--
	if err := f.phone.Links.AddrAdd(p.Link(), Address(address)); err != nil {
		return err
	}
	p.address = address
	return f.phone.Links.RouteAdd(p.Route(routerOf(address).Addr(), f.metric))
}

// Unplug is Mover's.
func (f *Field) Unplug(iface string) error {
	p, err := f.port(iface)
	if err != nil {
		return err
	}
	return errors.Join(f.forget(p), p.Down())
}

// forget takes the address; the kernel takes the route along.
func (f *Field) forget(p *fieldPort) error {
	if !p.address.IsValid() {
		return nil
	}
	gone := p.address
	p.address = netip.Prefix{}
	return f.phone.Links.AddrDel(p.Link(), Address(gone))
}

// Stall is Mover's.
func (f *Field) Stall(iface string) error {
	p, err := f.port(iface)
	if err != nil || f.stalled[iface] != nil || !p.address.IsValid() {
		return err
	}
	end, err := p.Cable.Stall(p.address)
	if err == nil {
		f.stalled[iface] = end
	}
	return err
}

// Flow is Mover's.
func (f *Field) Flow(iface string) error {
	end := f.stalled[iface]
	if end == nil {
		return nil
	}
	delete(f.stalled, iface)
	return end()
}

// Sleep is Mover's: the whole process sleeps, the far side with it.
func (f *Field) Sleep(_ context.Context, d time.Duration) error { return nap(d) }

// Close takes the interfaces away; the far namespaces go with their sockets.
func (f *Field) Close() error {
	var errs []error
	for _, p := range f.ports {
		errs = append(errs, f.phone.Links.LinkDel(p.Link()))
	}
	for _, h := range []*Host{f.Far.Host, f.core, f.phone} {
		if h != nil {
			errs = append(errs, h.Close())
		}
	}
	return errors.Join(errs...)
}
