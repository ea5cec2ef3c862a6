package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"

	"ramble/internal/app/ground"
)

// mostPhones have a subnet for each of their uplinks.
const mostPhones = 24

// access is one link of core, with the host at its other end.
type access struct {
	host, iface string
	core        string // interface of core
	subnet      byte   // 10.N.0.0/24, fd and N in hexadecimal::/64
	emulated    bool   // in labs with emulators: delay stands where it is far
	up          bool
	offers      Access
	phone       *Handset // nil: a fixed host
}

// servers are the hosts that stay where they are. The phones and the callee
// are far, the pbx is where core is: a delay of 40 ms makes 80 ms round trip to
// the proxy and 160 ms to the callee by way of it.
func servers() []access {
	return []access{
		{host: PBX, iface: "eth0", core: "pbx", subnet: 9, up: true},
		{host: Callee, iface: "eth0", core: "callee", subnet: 8, emulated: true, up: true},
	}
}

// links are the uplinks of the nth phone: 10.1 and 10.2 of the first, 10.21 and
// 10.22 of the second, and so on.
func (h *Handset) links(n int, o Options) []access {
	base, suffix := byte(0), ""
	if n > 1 {
		base, suffix = byte(10*n), strconv.Itoa(n)
		if o.OthersPlain {
			o.WLAN, o.WWAN = Access{}, Access{}
		}
	}
	return []access{
		{h.host.Name, WLAN, "wlan" + suffix, base + 1, true, true, o.WLAN, h},
		{h.host.Name, WWAN, "wwan" + suffix, base + 2, true, false, o.WWAN, h},
	}
}

func ipv4(subnet, host byte) netip.Addr { return netip.AddrFrom4([4]byte{10, subnet, 0, host}) }

func ipv6(subnet, host byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 1: subnet, 15: host})
}

func (l *Lab) build(o Options) error {
	if o.Phones > mostPhones {
		return fmt.Errorf("%d phones: a lab has room for %d", o.Phones, mostPhones)
	}
	names := []string{Core, PBX, Callee, Phone}
	for n := 2; n <= o.Phones; n++ {
		names = append(names, Phone+strconv.Itoa(n))
	}
	for _, name := range names {
		h, err := newHost(name, l.Dir, l.guard)
		if h != nil {
			l.hosts[name] = h
		}
		if err != nil {
			return err
		}
	}
	core := l.hosts[Core]
	if err := core.Sysctls(map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/forwarding": "1",
		"ipv4/conf/all/rp_filter": "1", "ipv4/conf/default/rp_filter": "1",
	}); err != nil {
		return err
	}
	plan := servers()
	for i, name := range names[3:] {
		// Else a dying socket's packet asks for the new gateway in the name of the
		// old address, gets no answer, and the next question comes a second later.
		if err := l.hosts[name].Sysctls(map[string]string{
			"ipv4/conf/all/arp_announce": "2", "ipv4/conf/default/arp_announce": "2",
		}); err != nil {
			return err
		}
		h := &Handset{host: l.hosts[name], uplinks: map[string]*uplink{}, stalled: map[string]func() error{}, metric: 1000, lab: l}
		l.phones = append(l.phones, h)
		plan = append(plan, h.links(i+1, o)...)
	}
	for _, a := range plan {
		if err := l.connect(a, o.Emulate && a.emulated); err != nil {
			return fmt.Errorf("link %s of %s: %w", a.iface, a.host, err)
		}
	}
	for _, h := range l.phones {
		h.traveller = ground.NewTraveller(h, h.spots())
	}
	l.Handset = l.phones[0]
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
		if err := ground.Pair(core.Host, a.core, w.host.Host, "core"); err != nil {
			return err
		}
		if err := ground.Pair(w.host.Host, "far", host.Host, a.iface); err != nil {
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
	} else if err := ground.Pair(near.Host, a.core, far.Host, a.iface); err != nil {
		return err
	}
	if err := core.Raise(a.core, networks(ipv4(a.subnet, 1), ipv6(a.subnet, 1))...); err != nil {
		return err
	}
	cable, err := ground.NewCable(host.Host, a.iface, core.Host, a.core)
	if err != nil {
		return err
	}
	u := &uplink{Cable: cable, access: a.offers, subnet: a.subnet, number: 2}
	metric := 1000
	if a.phone != nil {
		a.phone.uplinks[a.iface] = u
		metric = a.phone.better()
		if err := l.translators(context.Background(), u); err != nil {
			return err
		}
	} else {
		host.IPv4, host.IPv6 = u.address(true), u.address(false)
	}
	if !a.up {
		return nil
	}
	if err := u.Up(context.Background()); err != nil {
		return err
	}
	if err := u.plug(metric); err != nil {
		return err
	}
	return u.reachable()
}
