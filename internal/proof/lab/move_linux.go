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
	Lost time.Time
	// From, To and To6 are invalid where the uplink has no such family.
	From, To netip.Addr // IPv4
	To6      netip.Addr
}

// Roam loses the present uplink and, after gap without any network, has the
// other one. The carrier of the new one is there a little earlier.
func (h *Handset) Roam(ctx context.Context, to string, gap time.Duration) (Move, error) {
	from, ok := h.uplinks[h.Uplink()]
	target := h.uplinks[to]
	if !ok || target == nil || target == from {
		return Move{}, fmt.Errorf("no roam from %q to %q", h.Uplink(), to)
	}
	m := Move{From: from.address(true)}
	if gap < carrierLead {
		if err := target.raise(ctx); err != nil {
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
		if err := target.raise(ctx); err != nil {
			return m, err
		}
	}
	return h.arrive(m, target)
}

func (h *Handset) arrive(m Move, u *uplink) (Move, error) {
	if err := u.plug(h.better()); err != nil {
		return m, err
	}
	m.T0, m.To, m.To6 = time.Now(), u.address(true), u.address(false)
	err := u.reachable()
	m.T06 = time.Now()
	return m, err
}

// Renumber gives the present uplink another address in the same network.
func (h *Handset) Renumber() (Move, error) {
	u, ok := h.uplinks[h.Uplink()]
	if !ok {
		return Move{}, errors.New("no uplink to renumber")
	}
	m := Move{From: u.address(true)}
	if err := u.unplug(); err != nil {
		return m, err
	}
	m.Lost = time.Now()
	u.number++
	return h.arrive(m, u)
}

// Blackout loses the present uplink for d; then it is back with the same
// address.
func (h *Handset) Blackout(ctx context.Context, d time.Duration) (Move, error) {
	u, ok := h.uplinks[h.Uplink()]
	if !ok {
		return Move{}, errors.New("no uplink to lose")
	}
	m := Move{From: u.address(true)}
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
	if err := u.raise(ctx); err != nil {
		return m, err
	}
	return h.arrive(m, u)
}

// MakeBeforeBreak has both uplinks for overlap, the new one preferred, and then
// loses the old one. It returns when the old one is gone.
func (h *Handset) MakeBeforeBreak(ctx context.Context, to string, overlap time.Duration) (Move, error) {
	from, ok := h.uplinks[h.Uplink()]
	target := h.uplinks[to]
	if !ok || target == nil || target == from {
		return Move{}, fmt.Errorf("no move from %q to %q", h.Uplink(), to)
	}
	if err := target.raise(ctx); err != nil {
		return Move{}, err
	}
	m, err := h.arrive(Move{From: from.address(true)}, target)
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
func (h *Handset) Stall(uplink string) (end func() error, err error) {
	u, ok := h.uplinks[uplink]
	if !ok {
		return nil, fmt.Errorf("no uplink %q", uplink)
	}
	return stall(u.core, u.coreIface, address(ipv4(u.subnet, 0)).IPNet, address(ipv6(u.subnet, 0)).IPNet)
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
