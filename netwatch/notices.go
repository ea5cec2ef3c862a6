package netwatch

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// How long to wait before a notification socket that failed is opened again:
// not at once, as it may fail again and again, and never for long. Polling goes
// on meanwhile.
const (
	reopenMin = 100 * time.Millisecond
	reopenMax = 30 * time.Second
)

// feed is a socket on which the system tells what changed.
type feed interface {
	// receive waits for the next notices and calls hint for what is in them. An
	// error means that the socket is of no more use.
	receive(hint func(Reason)) error
	// Close ends a receive that waits.
	Close() error
}

// notices is the Hinter over a feed. The feed is opened again when it fails.
type notices struct {
	open func() (feed, error)
}

// Run is Hinter's. Where the first feed cannot be opened there are no
// notifications, and the error says so.
func (n notices) Run(ctx context.Context, hint func(Reason)) error {
	wait := reopenMin
	for first := true; ctx.Err() == nil; first = false {
		f, err := n.open()
		if err != nil && first {
			return err
		}
		if err == nil && listen(ctx, f, hint) {
			wait = reopenMin
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
		wait = min(2*wait, reopenMax)
	}
	return ctx.Err()
}

// listen passes on what a feed says until it fails or ctx ends, and closes it.
// It reports whether the feed was good for anything.
func listen(ctx context.Context, f feed, hint func(Reason)) bool {
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer func() {
		if stop() {
			f.Close()
		}
	}()
	// What happened before the socket was open was told to nobody.
	hint(Reason{Kind: Notified, Detail: "notifications begin"})
	for heard := false; ; heard = true {
		if f.receive(hint) != nil {
			return heard
		}
	}
}

// links is what notices have said about the interfaces, by index: notices
// about addresses do not name them, and a loss is a loss only where something
// was there before.
type links map[int]linkState

type linkState struct {
	name string
	up   bool
}

// currentLinks asks the system, for the time before the first notice.
func currentLinks() links {
	l := links{}
	all, err := net.Interfaces()
	if err != nil {
		return l // names are missing for a while; hints without one count all the same
	}
	for _, i := range all {
		l[i.Index] = linkState{i.Name, i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0}
	}
	return l
}

// set notes an interface and reports what that means, if anything: systems
// tell much about interfaces that a snapshot does not hold, such as each scan
// of a wireless one. An empty name stands for the one that is known.
func (l links) set(index int, name string, up bool) (Reason, bool) {
	was, known := l[index]
	if name == "" {
		name = was.name
	}
	is := linkState{name, up}
	l[index] = is
	switch {
	case !known:
		return Reason{Kind: InterfaceAppeared, Interface: name}, true
	case was.up && !up:
		return Reason{Kind: InterfaceDown, Interface: was.name}, true
	case !was.up && up:
		return Reason{Kind: InterfaceUp, Interface: name}, true
	case was != is:
		return Reason{Kind: Notified, Interface: name, Detail: "renamed from " + was.name}, true
	}
	return Reason{}, false
}

// gone notes that there is no such interface any more.
func (l links) gone(index int) Reason {
	r := Reason{Kind: InterfaceGone, Interface: l[index].name}
	delete(l, index)
	return r
}

// addr is what an address that came or went means.
func (l links) addr(k Kind, index int, a netip.Addr) Reason {
	return Reason{Kind: k, Interface: l[index].name, Addr: a.Unmap().WithZone("")}
}
