package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"ramble/internal/app/ground"
)

var _ ground.Mover = (*Handset)(nil)

// Move is what a move did to the phone.
type Move struct {
	// T0 is when address and default route were both in place, the zero of
	// all figures.
	T0 time.Time
	// T06 is the same for IPv6: when the phone can be reached at the new
	// address too.
	T06 time.Time
	// Lost is when the old address went; for an overlap that is after T0.
	// Zero when it did not go.
	Lost time.Time
	// From, To and To6 are invalid where the uplink has no such family.
	From, To netip.Addr // IPv4
	To6      netip.Addr
}

// Take carries out one move by its words, those of drill scenarios: "roam other
// 5s", "renumber", "overlap wwan0 300ms".
func (h *Handset) Take(ctx context.Context, text string) (Move, error) {
	m := Move{}
	m.From, _ = h.Address()
	err := h.traveller.Go(ctx, text)
	trip := h.traveller.Last()
	m.T0, m.T06, m.Lost = h.plugged, trip.Landed, trip.Lost
	m.To, m.To6 = h.Address()
	return m, err
}

// spots are where the phone can be: each uplink on its network.
func (h *Handset) spots() (list []ground.Spot) {
	for _, name := range []string{WLAN, WWAN} {
		u := h.uplinks[name]
		own, _ := u.addresses()
		list = append(list, ground.Spot{Name: name, Iface: name, Network: u.CoreIface, Addrs: networks(own...)})
	}
	return list
}

func (h *Handset) uplink(iface string) (*uplink, error) {
	if u, ok := h.uplinks[iface]; ok {
		return u, nil
	}
	return nil, fmt.Errorf("no uplink %q", iface)
}

// Ready is ground.Mover's. An uplink of the lab leads to one network.
func (h *Handset) Ready(iface, network string, _ ...netip.Prefix) error {
	u, err := h.uplink(iface)
	switch {
	case err != nil:
		return err
	case network != u.CoreIface:
		return fmt.Errorf("%s leads to %s, not to %q", iface, u.CoreIface, network)
	}
	return u.Up(context.Background())
}

// Plug is ground.Mover's. The addresses may differ from those before in their
// last part.
func (h *Handset) Plug(iface, network string, addrs ...netip.Prefix) error {
	if err := h.Ready(iface, network, addrs...); err != nil {
		return err
	}
	u := h.uplinks[iface]
	if u.up {
		if err := u.unplug(); err != nil {
			return err
		}
	}
	last := addrs[0].Addr().AsSlice()
	u.number = last[len(last)-1]
	if own, _ := u.addresses(); !slices.Equal(networks(own...), addrs) {
		return fmt.Errorf("%s has %v, not %v", iface, own, addrs)
	}
	if err := u.plug(h.better()); err != nil {
		return err
	}
	h.plugged = time.Now()
	return u.reachable()
}

// Unplug is ground.Mover's.
func (h *Handset) Unplug(iface string) error {
	u, err := h.uplink(iface)
	if err != nil {
		return err
	}
	return errors.Join(u.unplug(), u.Down())
}

// Stall is ground.Mover's; an uplink that is not in use may be stalled too.
func (h *Handset) Stall(iface string) error {
	u, err := h.uplink(iface)
	if err != nil || h.stalled[iface] != nil {
		return err
	}
	end, err := u.Cable.Stall(networks(ipv4(u.subnet, 0), ipv6(u.subnet, 0))...)
	if err == nil {
		h.stalled[iface] = end
	}
	return err
}

// Flow is ground.Mover's.
func (h *Handset) Flow(iface string) error {
	end := h.stalled[iface]
	if end == nil {
		return nil
	}
	delete(h.stalled, iface)
	return end()
}

// Sleep is ground.Mover's: it stops the programs on the phone.
func (h *Handset) Sleep(ctx context.Context, d time.Duration) error {
	h.lab.mu.Lock()
	programs := slices.Clone(h.lab.programs)
	h.lab.mu.Unlock()
	for _, p := range programs {
		if strings.HasPrefix(p.Name, h.host.Name+"/") && p.Running() {
			if err := syscall.Kill(p.PID, syscall.SIGSTOP); err != nil {
				return fmt.Errorf("%s does not sleep: %w", p.Name, err)
			}
			defer func() { _ = syscall.Kill(p.PID, syscall.SIGCONT) }()
		}
	}
	return wait(ctx, d)
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
