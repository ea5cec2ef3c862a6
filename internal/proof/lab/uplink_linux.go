package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ramble/internal/app/ground"
)

// uplink is a link of a host; the phone has two.
type uplink struct {
	ground.Cable
	access Access
	nat    *nat // nil: none
	subnet byte
	number byte // last part of the address
	metric int
	up     bool // has address and default route
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

// plug gives the uplink its addresses and default routes, one netlink request
// right after the other: some ten microseconds, as `ip -batch` does it.
func (u *uplink) plug(metric int) error {
	h := u.Host.Links
	own, gateways := u.addresses()
	for _, a := range networks(own...) {
		if err := h.AddrAdd(u.Link(), ground.Address(a)); err != nil {
			return fmt.Errorf("address %s: %w", a, err)
		}
	}
	for _, gateway := range gateways {
		if err := h.RouteAdd(u.Route(gateway, metric)); err != nil {
			return fmt.Errorf("route by %s: %w", gateway, err)
		}
	}
	u.metric, u.up = metric, true
	return nil
}

// unplug takes the addresses; the kernel takes the routes along.
func (u *uplink) unplug() error {
	u.up = false
	h := u.Host.Links
	own, gateways := u.addresses()
	var errs []error
	for i, a := range networks(own...) {
		errs = append(errs, h.AddrDel(u.Link(), ground.Address(a)))
		if a.Addr().Is6() {
			errs = append(errs, gone(h.RouteDel(u.Route(gateways[i], u.metric))))
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

// reachable waits until packets to the new IPv6 address are taken. The kernel
// makes that route in the background, late on a busy machine, and the answer of
// the router that comes before it is lost: a second then passes.
func (u *uplink) reachable() error {
	six := u.address(false)
	if !six.IsValid() {
		return nil
	}
	own := &netlink.Route{
		Dst:   ground.Address(netip.PrefixFrom(six, 128)).IPNet,
		Table: unix.RT_TABLE_LOCAL,
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		found, err := u.Host.Links.RouteListFiltered(unix.AF_INET6, own, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_DST)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s is not reachable at %s", u.Host.Name, six)
}
