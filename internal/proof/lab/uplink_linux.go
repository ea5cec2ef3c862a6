package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// uplink is a link of a host; the phone has two.
type uplink struct {
	name      string
	host      *Host
	core      *Host
	index     int
	coreIface string
	access    Access
	nat       *nat // nil: none
	subnet    byte
	number    byte // last part of the address; Renumber counts on
	metric    int
	up        bool // has address and default route
}

// address is the uplink's, or invalid where it lacks the family.
func (u *uplink) address(v4 bool) netip.Addr {
	switch {
	case v4 && u.access.Family != OnlyIPv6:
		return ipv4(u.subnet, u.number)
	case !v4 && u.access.Family != OnlyIPv4:
		return ipv6(u.subnet, u.number)
	}
	return netip.Addr{}
}

// addresses are those that it has, with their gateways.
func (u *uplink) addresses() (own, gateways []netip.Addr) {
	if a := u.address(true); a.IsValid() {
		own, gateways = append(own, a), append(gateways, ipv4(u.subnet, 1))
	}
	if a := u.address(false); a.IsValid() {
		own, gateways = append(own, a), append(gateways, ipv6(u.subnet, 1))
	}
	return own, gateways
}

func (u *uplink) link() netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: u.index, Name: u.name}}
}

// carrier sets the interface up and waits for packets to pass, or takes it down.
func (u *uplink) carrier(on bool) error {
	if on {
		return u.host.links.LinkSetUp(u.link())
	}
	return u.host.links.LinkSetDown(u.link())
}

// plug gives the uplink its addresses and default routes, one netlink request
// right after the other: some ten microseconds, as `ip -batch` does it.
func (u *uplink) plug(metric int) error {
	h := u.host.links
	own, gateways := u.addresses()
	for _, a := range own {
		if err := h.AddrAdd(u.link(), address(a)); err != nil {
			return fmt.Errorf("address %s: %w", a, err)
		}
	}
	for _, gateway := range gateways {
		if err := h.RouteAdd(u.route(gateway, metric)); err != nil {
			return fmt.Errorf("route by %s: %w", gateway, err)
		}
	}
	u.metric, u.up = metric, true
	return nil
}

func (u *uplink) route(gateway netip.Addr, metric int) *netlink.Route {
	return &netlink.Route{LinkIndex: u.index, Gw: gateway.AsSlice(), Dst: everything(gateway), Priority: metric}
}

func everything(like netip.Addr) *net.IPNet {
	bits := like.BitLen()
	return &net.IPNet{IP: make(net.IP, bits/8), Mask: net.CIDRMask(0, bits)}
}

// unplug takes the addresses; the kernel takes the routes along.
func (u *uplink) unplug() error {
	u.up = false
	h := u.host.links
	own, gateways := u.addresses()
	var errs []error
	for i, a := range own {
		errs = append(errs, h.AddrDel(u.link(), address(a)))
		if a.Is6() {
			errs = append(errs, gone(h.RouteDel(u.route(gateways[i], u.metric))))
		}
	}
	return errors.Join(errs...)
}

// gone is no error when what should go had gone already.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// raise has carrier on, and waits until it carries. The kernel looks at new
// carriers up to a second late, and until then IPv6 sends nothing.
func (u *uplink) raise(ctx context.Context) error {
	if err := u.carrier(true); err != nil {
		return err
	}
	if err := wait(ctx, carrierLead); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for {
		near, err := u.host.links.LinkByIndex(u.index)
		if err != nil {
			return err
		}
		far, err := u.core.links.LinkByName(u.coreIface)
		if err != nil {
			return err
		}
		if near.Attrs().OperState == netlink.OperUp && far.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("carrier of %s: %w", u.name, err)
		}
	}
}

// reachable waits until packets to the new IPv6 address are taken. The kernel
// makes that route in the background, late on a busy machine, and the answer of
// the router that comes before it is lost: a second then passes.
func (u *uplink) reachable() error {
	six := u.address(false)
	if !six.IsValid() {
		return nil
	}
	own := &netlink.Route{
		Dst:   hostNet(six),
		Table: unix.RT_TABLE_LOCAL,
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		found, err := u.host.links.RouteListFiltered(unix.AF_INET6, own, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_DST)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s is not reachable at %s", u.host.Name, six)
}
