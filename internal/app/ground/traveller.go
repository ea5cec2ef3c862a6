package ground

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Spot is somewhere to be: an interface on a network.
type Spot struct {
	Name    string // by which moves know it; empty: nowhere
	Iface   string
	Network string
	Addrs   []netip.Prefix
}

// Addr is the first address; invalid where there is none.
func (s Spot) Addr() netip.Addr {
	if len(s.Addrs) == 0 {
		return netip.Addr{}
	}
	return s.Addrs[0].Addr()
}

// Traveller carries out moves of one phone. It knows where the phone is and
// when it got there. Its methods are for one goroutine.
type Traveller struct {
	// Hurry, when it is closed, ends the pauses of a move, so that it comes to
	// its end; nil never is.
	Hurry <-chan struct{}

	mover   Mover
	spots   []Spot
	at, was Spot // now, nowhere while there is no network; and the last one
	trip    Trip
}

// Trip is when what happened in the last move; zero: it did not.
type Trip struct {
	Began  time.Time // the network began to change
	Lost   time.Time // the old address went
	Landed time.Time // the network was usable again
}

// NewTraveller is for a phone that may be at these spots, and is at the first.
func NewTraveller(m Mover, spots []Spot) *Traveller {
	return &Traveller{mover: m, spots: spots, at: spots[0], was: spots[0]}
}

// At is where the phone is; nowhere while it has no network.
func (t *Traveller) At() Spot { return t.at }

// Last is the last move's trip, as far as it got.
func (t *Traveller) Last() Trip { return t.trip }

// Known is nil where there is a spot of that name.
func (t *Traveller) Known(name string) error {
	_, err := t.spot(name)
	return err
}

// Go carries out a move by its words.
func (t *Traveller) Go(ctx context.Context, text string) error {
	m, err := ParseMove(Line(text), t.Known)
	if err != nil {
		return err
	}
	return t.Take(ctx, m)
}

// Take carries out a move; it returns when the network is as the move leaves it.
func (t *Traveller) Take(ctx context.Context, m Move) error {
	_, up := m.(Up)
	switch {
	case t.at.Name == "" && !up:
		return errors.New("there is no network to move; up comes first")
	case t.at.Name != "" && up:
		return fmt.Errorf("the phone is on %s already; up comes after down", t.at.Name)
	}
	t.trip = Trip{Began: time.Now()}
	switch m := m.(type) {
	case Roam:
		return t.roam(ctx, m.To, m.Gap)
	case Flap:
		return t.flap(ctx, m)
	case Overlap:
		return t.overlap(ctx, m)
	case Down:
		return t.down(ctx, m.For)
	case Up:
		return t.up(m.To)
	case Renumber:
		return t.renumber()
	case Elsewhere:
		to := t.at
		to.Network += ", another"
		return t.leaveFor(ctx, to, m.Gap)
	case Stall:
		return t.stall(ctx, m.For)
	case Sleep:
		return t.sleep(ctx, m)
	}
	return fmt.Errorf("%T moves nothing", m)
}

// spot finds one by name.
func (t *Traveller) spot(name string) (Spot, error) {
	var names []string
	for _, s := range t.spots {
		if s.Name == name || name == Other && s.Iface != t.at.Iface {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Spot{}, UnknownSpot(name, names)
}

// UnknownSpot is the error for a name that is none of those that there are.
func UnknownSpot(name string, there []string) error {
	if r := []rune(name); len(r) > 40 {
		name = string(r[:40]) + "..." // it does not fill anybody's screen
	}
	return fmt.Errorf("there is no uplink %q; there are: %s", name, strings.Join(there, ", "))
}

// away is the spot of that name, where the phone is not.
func (t *Traveller) away(name string) (Spot, error) {
	to, err := t.spot(name)
	if err == nil && to.Name == t.at.Name {
		err = fmt.Errorf("the phone is on %s already", name)
	}
	return to, err
}

func (t *Traveller) roam(ctx context.Context, name string, gap time.Duration) error {
	to, err := t.away(name)
	if err != nil {
		return err
	}
	return t.leaveFor(ctx, to, gap)
}

// leaveFor loses the present network and has another after gap. The carrier
// comes first, as it does with Wi-Fi and cables.
func (t *Traveller) leaveFor(ctx context.Context, to Spot, gap time.Duration) error {
	if gap < lead && to.Iface != t.at.Iface {
		if err := t.ready(to); err != nil {
			return err
		}
	}
	t.trip.Began = time.Now()
	if err := t.mover.Unplug(t.at.Iface); err != nil {
		return err
	}
	t.trip.Lost = time.Now()
	t.at = Spot{}
	due := t.trip.Lost.Add(gap)
	if gap >= lead {
		if err := t.pause(ctx, gap-lead); err != nil {
			return err
		}
		if err := t.ready(to); err != nil {
			return err
		}
	}
	if err := t.pause(ctx, time.Until(due)); err != nil {
		return err
	}
	return t.arrive(to)
}

// lead is how long a carrier is there before the address: packets of a veth's
// first milliseconds are lost, an ARP request among them, and the next one
// comes a second later. Wi-Fi and DHCP take longer.
const lead = 50 * time.Millisecond

func (t *Traveller) ready(to Spot) error {
	return t.mover.Ready(to.Iface, to.Network, to.Addrs...)
}

// arrive has the phone on a network, and notes when.
func (t *Traveller) arrive(to Spot) error {
	if err := t.mover.Plug(to.Iface, to.Network, to.Addrs...); err != nil {
		return err
	}
	t.at, t.was, t.trip.Landed = to, to, time.Now()
	return nil
}

func (t *Traveller) renumber() error {
	to := t.at
	to.Addrs = slices.Clone(to.Addrs)
	for i, a := range to.Addrs {
		to.Addrs[i] = netip.PrefixFrom(a.Addr().Next(), a.Bits())
	}
	t.trip.Lost = time.Now()
	return t.arrive(to)
}

func (t *Traveller) flap(ctx context.Context, m Flap) error {
	one := t.at
	other, err := t.spot(Other)
	if err != nil {
		return err
	}
	for i := range m.Times {
		to := other
		if i%2 == 1 {
			to = one
		}
		if err := t.leaveFor(ctx, to, 0); err != nil {
			return err
		}
		if err := t.pause(ctx, m.Every); err != nil {
			return err
		}
	}
	return nil
}

func (t *Traveller) overlap(ctx context.Context, m Overlap) error {
	old := t.at
	to, err := t.away(m.To)
	if err != nil {
		return err
	}
	if err := t.ready(to); err != nil {
		return err
	}
	t.trip.Began = time.Now()
	if err := t.arrive(to); err != nil {
		return err
	}
	if err := t.pause(ctx, m.For); err != nil {
		return err
	}
	err = t.mover.Unplug(old.Iface)
	t.trip.Lost = time.Now()
	return err
}

func (t *Traveller) down(ctx context.Context, d time.Duration) error {
	if d > 0 {
		return t.leaveFor(ctx, t.at, d)
	}
	err := t.mover.Unplug(t.at.Iface)
	t.at, t.trip.Lost = Spot{}, time.Now()
	return err
}

func (t *Traveller) up(name string) error {
	to := t.was
	if name != "" {
		var err error
		if to, err = t.spot(name); err != nil {
			return err
		}
	}
	return t.arrive(to)
}

func (t *Traveller) stall(ctx context.Context, d time.Duration) error {
	if err := t.mover.Stall(t.at.Iface); err != nil {
		return err
	}
	err := t.pause(ctx, d)
	if flow := t.mover.Flow(t.at.Iface); err == nil {
		err = flow
	}
	t.trip.Landed = time.Now()
	return err
}

func (t *Traveller) sleep(ctx context.Context, m Sleep) error {
	if m.To != "" && m.To != t.at.Name {
		if err := t.roam(ctx, m.To, 0); err != nil {
			return err
		}
	}
	err := t.mover.Sleep(ctx, m.For)
	t.trip.Landed = time.Now()
	return err
}

// pause is the network's own pace.
func (t *Traveller) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.Hurry:
		return nil
	case <-timer.C:
		return nil
	}
}
