package drill

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/safego"
	"ramble/sip/siptest"
)

// Setup is what a scenario needs to be built: the caller brings a ground for
// the world and the phone that lives in it.
type Setup struct {
	World     demo.Options
	Transport Transport
	KeepFor   time.Duration // 0: as the phone has it
}

// Stage is a running world with a running phone. End stops both and returns
// when they have; it is the runner's to call.
type Stage struct {
	World   *demo.World
	Phone   phone.Doer
	Updates <-chan phone.Update
	End     func()
}

// Options of a run.
type Options struct {
	Transport Transport // of scenarios that do not say; empty: udp
	Build     func(ctx context.Context, s Setup) (*Stage, error)
	Guard     *safego.Guard
	Log       *slog.Logger
}

// peers are who can be called; uplinks are the phone's interfaces.
func peers() []string { return demo.Peers() }

func uplinks() (names []string) {
	for _, u := range demo.Uplinks() {
		names = append(names, u.Iface)
	}
	return names
}

// home is where an uplink usually is.
func home(iface string) (demo.Uplink, bool) {
	for _, u := range demo.Uplinks() {
		if u.Iface == iface {
			return u, true
		}
	}
	return demo.Uplink{}, false
}

// move is one change of the phone's network.
func (p *play) move(a Action) error {
	switch a := a.(type) {
	case Roam:
		return p.roam(a.To, a.Gap)
	case Flap:
		return p.flap(a)
	case Overlap:
		return p.overlap(a)
	case Down:
		return p.down(a.For)
	case Up:
		return p.up(a.Uplink)
	case Renumber:
		to := p.at
		to.Addr = netip.PrefixFrom(to.Addr.Addr().Next(), to.Addr.Bits())
		return p.arrive(to)
	case Elsewhere:
		to := p.at
		to.Network += ", another"
		return p.leaveFor(to, a.Gap)
	case Stall:
		return p.stall(a.For)
	case Sleep:
		return p.sleep(a)
	}
	return fmt.Errorf("%T moves nothing", a)
}

func (p *play) roam(iface string, gap time.Duration) error {
	to, _ := home(iface)
	if to.Iface == p.at.Iface {
		return fmt.Errorf("the phone is on %s already", iface)
	}
	return p.leaveFor(to, gap)
}

// leaveFor loses the present network and has another after gap. The carrier
// comes first, as it does with Wi-Fi and cables.
func (p *play) leaveFor(to demo.Uplink, gap time.Duration) error {
	ready := func() error { return nil }
	if to.Iface != p.at.Iface {
		ready = func() error { return p.ground.Ready(to.Iface, to.Network, to.Addr) }
	}
	if gap == 0 {
		if err := ready(); err != nil {
			return err
		}
	}
	p.moved = time.Now()
	if err := p.ground.Unplug(p.at.Iface); err != nil {
		return err
	}
	if gap > 0 {
		if err := p.pause(gap); err != nil {
			return err
		}
	}
	return p.arrive(to)
}

// arrive has the phone on a network, and notes when.
func (p *play) arrive(to demo.Uplink) error {
	if err := p.ground.Plug(to.Iface, to.Network, to.Addr); err != nil {
		return err
	}
	p.at, p.was, p.landed = to, to, time.Now()
	return nil
}

func (p *play) flap(a Flap) error {
	one, other := p.at, demo.Uplinks()[0]
	if one.Iface == other.Iface {
		other = demo.Uplinks()[1]
	}
	for i := range a.Times {
		to := other
		if i%2 == 1 {
			to = one
		}
		if err := p.leaveFor(to, 0); err != nil {
			return err
		}
		if err := p.pause(a.Every); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) overlap(a Overlap) error {
	old := p.at
	to, _ := home(a.To)
	if to.Iface == old.Iface {
		return fmt.Errorf("the phone is on %s already", a.To)
	}
	if err := p.ground.Ready(to.Iface, to.Network, to.Addr); err != nil {
		return err
	}
	p.moved = time.Now()
	if err := p.arrive(to); err != nil {
		return err
	}
	if err := p.pause(a.For); err != nil {
		return err
	}
	return p.ground.Unplug(old.Iface)
}

func (p *play) down(d time.Duration) error {
	if d > 0 {
		return p.leaveFor(p.at, d)
	}
	err := p.ground.Unplug(p.at.Iface)
	p.at = demo.Uplink{}
	return err
}

func (p *play) up(iface string) error {
	to := p.was
	if iface != "" {
		to, _ = home(iface)
	}
	if p.at.Iface != "" {
		return fmt.Errorf("the phone is on %s already; up comes after down", p.at.Iface)
	}
	return p.arrive(to)
}

func (p *play) stall(d time.Duration) error {
	if err := p.ground.Stall(p.at.Iface); err != nil {
		return err
	}
	err := p.pause(d)
	if flow := p.ground.Flow(p.at.Iface); err == nil {
		err = flow
	}
	p.landed = time.Now()
	return err
}

func (p *play) sleep(a Sleep) error {
	if a.Uplink != "" && a.Uplink != p.at.Iface {
		if err := p.roam(a.Uplink, 0); err != nil {
			return err
		}
	}
	err := p.ground.Sleep(p.ctx, a.For)
	p.landed = time.Now()
	return err
}

// pause is the network's own pace.
func (p *play) pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	case <-t.C:
		return nil
	}
}

// bound is what the server listed at a moment.
type bound struct {
	at       time.Time
	contacts []string
}

// listed notes a change at the server. It is called from there.
func (p *play) listed(user string, list []siptest.Binding) {
	if user != demo.User {
		return
	}
	b := bound{at: time.Now()}
	for _, one := range list {
		b.contacts = append(b.contacts, one.Contact)
	}
	p.mu.Lock()
	p.bounds = append(p.bounds, b)
	p.mu.Unlock()
	p.wake()
}

// isAt reports whether a Contact is at an address.
func isAt(contact string, a netip.Addr) bool {
	_, host, ok := strings.Cut(contact, "@")
	if !ok {
		_, host, _ = strings.Cut(contact, ":")
	}
	if end := strings.IndexAny(host, ";>?"); end >= 0 {
		host = host[:end]
	}
	if full, err := netip.ParseAddrPort(host); err == nil {
		return full.Addr() == a
	}
	alone, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && alone == a
}
