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

// carrierLead is how long the carrier is there before the address: packets of
// a veth's first milliseconds are lost, an ARP request among them, and the
// next one comes a second later. Wi-Fi and DHCP take longer.
const carrierLead = 50 * time.Millisecond

// Move is what a verb did to the phone.
type Move struct {
	// T0 is when address and default route were both in place, the zero of
	// all figures.
	T0 time.Time
	// T06 is the same for IPv6: when the phone can be reached at the new
	// address too.
	T06 time.Time
	// Lost is when the old address went; for MakeBeforeBreak that is after T0.
	// Zero when it did not go.
	Lost     time.Time
	From, To netip.Addr // IPv4
	To6      netip.Addr
}

// uplink is a link of a host; the phone has two.
type uplink struct {
	name      string
	host      *Host
	index     int
	coreIface string
	subnet    byte
	number    byte // last part of the address; Renumber counts on
	metric    int
	up        bool // has address and default route
}

func (u *uplink) ipv4() netip.Addr { return ipv4(u.subnet, u.number) }
func (u *uplink) ipv6() netip.Addr { return ipv6(u.subnet, u.number) }

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
	for _, a := range []netip.Addr{u.ipv4(), u.ipv6()} {
		if err := h.AddrAdd(u.link(), address(a)); err != nil {
			return fmt.Errorf("address %s: %w", a, err)
		}
	}
	for _, gateway := range []netip.Addr{ipv4(u.subnet, 1), ipv6(u.subnet, 1)} {
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
	return errors.Join(h.AddrDel(u.link(), address(u.ipv4())), h.AddrDel(u.link(), address(u.ipv6())),
		gone(h.RouteDel(u.route(ipv6(u.subnet, 1), u.metric))))
}

// gone is no error when what should go had gone already.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// better is the metric of a new default route: it wins over all before.
func (l *Lab) better() int {
	l.metric--
	return l.metric
}

// Uplink names the uplink in use; empty while there is none.
func (l *Lab) Uplink() string {
	best := ""
	for name, u := range l.uplinks {
		if u.up && (best == "" || u.metric < l.uplinks[best].metric) {
			best = name
		}
	}
	return best
}

// Address is the phone's present IPv4 and IPv6 address.
func (l *Lab) Address() (v4, v6 netip.Addr) {
	u, ok := l.uplinks[l.Uplink()]
	if !ok {
		return netip.Addr{}, netip.Addr{}
	}
	return u.ipv4(), u.ipv6()
}

// Roam loses the present uplink and, after gap without any network, has the
// other one. The carrier of the new one is there a little earlier.
func (l *Lab) Roam(ctx context.Context, to string, gap time.Duration) (Move, error) {
	from, ok := l.uplinks[l.Uplink()]
	target := l.uplinks[to]
	if !ok || target == nil || target == from {
		return Move{}, fmt.Errorf("no roam from %q to %q", l.Uplink(), to)
	}
	m := Move{From: from.ipv4()}
	if gap < carrierLead {
		if err := l.raise(ctx, target); err != nil {
			return m, err
		}
	}
	if err := from.unplug(); err != nil {
		return m, err
	}
	m.Lost = time.Now()
	if err := from.carrier(false); err != nil {
		return m, err
	}
	if gap >= carrierLead {
		if err := wait(ctx, gap-carrierLead); err != nil {
			return m, err
		}
		if err := l.raise(ctx, target); err != nil {
			return m, err
		}
	}
	return l.arrive(m, target)
}

// raise has carrier on u, and waits until it carries. The kernel looks at new
// carriers up to a second late, and until then IPv6 sends nothing.
func (l *Lab) raise(ctx context.Context, u *uplink) error { return u.carry(ctx, l.hosts[Core]) }

func (u *uplink) carry(ctx context.Context, core *Host) error {
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
		far, err := core.links.LinkByName(u.coreIface)
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

func (l *Lab) arrive(m Move, u *uplink) (Move, error) {
	if err := u.plug(l.better()); err != nil {
		return m, err
	}
	m.T0, m.To, m.To6 = time.Now(), u.ipv4(), u.ipv6()
	err := u.reachable()
	m.T06 = time.Now()
	return m, err
}

// reachable waits until packets to the new IPv6 address are taken. The kernel
// makes that route in the background, late on a busy machine, and the answer of
// the router that comes before it is lost: a second then passes.
func (u *uplink) reachable() error {
	own := &netlink.Route{
		Dst:   &net.IPNet{IP: u.ipv6().AsSlice(), Mask: net.CIDRMask(128, 128)},
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
	return fmt.Errorf("%s is not reachable at %s", u.host.Name, u.ipv6())
}

// Renumber gives the present uplink another address in the same network.
func (l *Lab) Renumber() (Move, error) {
	u, ok := l.uplinks[l.Uplink()]
	if !ok {
		return Move{}, errors.New("no uplink to renumber")
	}
	m := Move{From: u.ipv4()}
	if err := u.unplug(); err != nil {
		return m, err
	}
	m.Lost = time.Now()
	u.number++
	return l.arrive(m, u)
}

// Blackout loses the present uplink for d; then it is back with the same
// address.
func (l *Lab) Blackout(ctx context.Context, d time.Duration) (Move, error) {
	u, ok := l.uplinks[l.Uplink()]
	if !ok {
		return Move{}, errors.New("no uplink to lose")
	}
	m := Move{From: u.ipv4()}
	if err := u.unplug(); err != nil {
		return m, err
	}
	m.Lost = time.Now()
	if err := u.carrier(false); err != nil {
		return m, err
	}
	if err := wait(ctx, d-carrierLead); err != nil {
		return m, err
	}
	if err := l.raise(ctx, u); err != nil {
		return m, err
	}
	return l.arrive(m, u)
}

// MakeBeforeBreak has both uplinks for overlap, the new one preferred, and then
// loses the old one. It returns when the old one is gone.
func (l *Lab) MakeBeforeBreak(ctx context.Context, to string, overlap time.Duration) (Move, error) {
	from, ok := l.uplinks[l.Uplink()]
	target := l.uplinks[to]
	if !ok || target == nil || target == from {
		return Move{}, fmt.Errorf("no move from %q to %q", l.Uplink(), to)
	}
	if err := l.raise(ctx, target); err != nil {
		return Move{}, err
	}
	m, err := l.arrive(Move{From: from.ipv4()}, target)
	if err != nil {
		return m, err
	}
	if err := wait(ctx, overlap); err != nil {
		return m, err
	}
	if err := from.unplug(); err != nil {
		return m, err
	}
	m.Lost = time.Now()
	return m, from.carrier(false)
}

// Stall makes the uplink carry nothing, without any sign of it on the phone;
// the function that it returns ends that.
func (l *Lab) Stall(uplink string) (end func() error, err error) {
	u, ok := l.uplinks[uplink]
	if !ok {
		return nil, fmt.Errorf("no uplink %q", uplink)
	}
	return stall(l.hosts[Core], u.coreIface, address(ipv4(u.subnet, 0)).IPNet, address(ipv6(u.subnet, 0)).IPNet)
}

// stall has core drop what comes in by an interface and what goes to the
// networks behind it, until end.
func stall(core *Host, iface string, networks ...*net.IPNet) (end func() error, err error) {
	var rules []*netlink.Rule
	end = func() error {
		var errs []error
		for _, r := range rules {
			errs = append(errs, core.links.RuleDel(r))
		}
		rules = nil
		return errors.Join(errs...)
	}
	for _, to := range networks {
		in, out := netlink.NewRule(), netlink.NewRule()
		in.IifName, out.Dst = iface, to
		for _, r := range []*netlink.Rule{in, out} {
			r.Type, r.Family, r.Priority = unix.FR_ACT_BLACKHOLE, unix.AF_INET, 100
			if to.IP.To4() == nil {
				r.Family = unix.AF_INET6
			}
			if err := core.links.RuleAdd(r); err != nil {
				return nil, errors.Join(fmt.Errorf("stalling %s: %w", iface, err), end())
			}
			rules = append(rules, r)
		}
	}
	return end, nil
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
