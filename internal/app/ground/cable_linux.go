package ground

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

// Pair lays a cable between two hosts.
func Pair(a *Host, aName string, b *Host, bName string) error {
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: aName})
	veth.PeerName, veth.PeerNamespace = bName, netlink.NsFd(int(b.NS))
	if err := a.Links.LinkAdd(veth); err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) {
			return &Unable{"the kernel has no veth interfaces: " + err.Error()}
		}
		return err
	}
	return nil
}

// Cable is an interface of a host that leads, perhaps by way of others, to an
// interface of a router.
type Cable struct {
	Host, Core       *Host
	Iface, CoreIface string
	index            int
}

// NewCable finds the interfaces, which are there.
func NewCable(host *Host, iface string, core *Host, coreIface string) (Cable, error) {
	link, err := host.Links.LinkByName(iface)
	if err != nil {
		return Cable{}, err
	}
	return Cable{host, core, iface, coreIface, link.Attrs().Index}, nil
}

// Link is the host's interface for netlink.
func (c *Cable) Link() netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: c.index, Name: c.Iface}}
}

// Down takes the carrier.
func (c *Cable) Down() error { return c.Host.Links.LinkSetDown(c.Link()) }

// Up has the carrier on, and waits until it carries. The kernel looks at new
// carriers up to a second late, and until then IPv6 sends nothing.
func (c *Cable) Up(ctx context.Context) error {
	near, err := c.Host.Links.LinkByIndex(c.index)
	if err != nil || near.Attrs().OperState == netlink.OperUp {
		return err
	}
	if err := c.Host.Links.LinkSetUp(c.Link()); err != nil {
		return err
	}
	if err := wait(ctx, lead); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for {
		near, err := c.Host.Links.LinkByIndex(c.index)
		if err != nil {
			return err
		}
		far, err := c.Core.Links.LinkByName(c.CoreIface)
		if err != nil {
			return err
		}
		if near.Attrs().OperState == netlink.OperUp && far.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("carrier of %s: %w", c.Iface, err)
		}
	}
}

// Route is the default route by a gateway.
func (c *Cable) Route(gateway netip.Addr, metric int) *netlink.Route {
	return &netlink.Route{LinkIndex: c.index, Gw: gateway.AsSlice(), Dst: everything(gateway), Priority: metric}
}

// Stall has the router drop what comes in by the cable and what goes to the
// networks behind it, until end.
func (c *Cable) Stall(networks ...netip.Prefix) (end func() error, err error) {
	var rules []*netlink.Rule
	end = func() error {
		var errs []error
		for _, r := range rules {
			errs = append(errs, c.Core.Links.RuleDel(r))
		}
		rules = nil
		return errors.Join(errs...)
	}
	for _, to := range networks {
		in, out := netlink.NewRule(), netlink.NewRule()
		in.IifName, out.Dst = c.CoreIface, network(to)
		for _, r := range []*netlink.Rule{in, out} {
			r.Type, r.Family, r.Priority = unix.FR_ACT_BLACKHOLE, unix.AF_INET, 100
			if to.Addr().Is6() {
				r.Family = unix.AF_INET6
			}
			if err := c.Core.Links.RuleAdd(r); err != nil {
				return nil, errors.Join(fmt.Errorf("stalling %s: %w", c.Iface, err), end())
			}
			rules = append(rules, r)
		}
	}
	return end, nil
}

func network(p netip.Prefix) *net.IPNet { return Address(p.Masked()).IPNet }

// wait returns after d, or with the error of ctx.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
