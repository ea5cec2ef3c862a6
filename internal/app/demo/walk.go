package demo

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// place is somewhere to be: one interface on one network.
type place struct {
	name    string
	iface   string
	network string
	addr    netip.Prefix
}

// The places of the demo. Home and café hand out the same address: only the
// network behind it differs, which is the case that programs forget.
func places() (home, phoneTether, cafe, dock place) {
	return place{"home Wi-Fi", "wlan0", "home", netip.MustParsePrefix("192.168.1.23/24")},
		place{"tethering", "usb0", "tethering", netip.MustParsePrefix("172.20.10.4/28")},
		place{"café Wi-Fi", "wlan0", "cafe", netip.MustParsePrefix("192.168.1.23/24")},
		place{"office dock", "eth0", "dock", netip.MustParsePrefix("10.20.30.40/24")}
}

// Uplink is an interface of the phone with the network it is usually on.
type Uplink struct {
	Iface, Network string
	Addr           netip.Prefix
}

// Uplinks are the phone's, the one that it starts on first.
func Uplinks() (list []Uplink) {
	home, tether, _, dock := places()
	for _, p := range []place{home, tether, dock} {
		list = append(list, Uplink{p.iface, p.network, p.addr})
	}
	return list
}

// stride is one step of the walk. Between the loss of the old network and the
// arrival of the new one lies gap; a negative gap means that the new one is
// there first (make before break).
type stride struct {
	to    place
	gap   time.Duration
	story string
}

// strides is the walk, which starts at home and goes round.
func strides() []stride {
	home, tether, cafe, dock := places()
	return []stride{
		{tether, 0, "out of the door: home Wi-Fi goes, tethering takes over at once"},
		{cafe, 5 * time.Second, "five seconds of nothing, then a café with the same address as at home"},
		{dock, -3 * time.Second, "docked: the cable is there three seconds before the Wi-Fi goes"},
		{home, 0, "home again"},
	}
}

// Walker moves the phone's host from place to place.
type Walker struct {
	host  Ground
	pause time.Duration
	say   func(string)

	moving chan struct{} // capacity 1, held while the network is moved: a key may come into a stride
	over   bool          // the ground goes away; guarded by moving
	ending chan struct{} // closed before that: strides hurry

	mu     sync.Mutex
	at     place
	next   int
	offNet bool
	hold   bool
	wake   chan struct{}
}

// newWalker starts at home.
func newWalker(h Ground, pause time.Duration, say func(string)) (*Walker, error) {
	home, _, _, _ := places()
	w := &Walker{host: h, pause: pause, say: say, at: home, wake: make(chan struct{}, 1), moving: make(chan struct{}, 1), ending: make(chan struct{})}
	return w, h.Plug(home.iface, home.network, home.addr)
}

// plug goes to a place; where that fails, which only real ground can, the
// person who watches is told.
func (w *Walker) plug(p place) { w.tell(w.host.Plug(p.iface, p.network, p.addr)) }

func (w *Walker) unplug(iface string) { w.tell(w.host.Unplug(iface)) }

func (w *Walker) tell(err error) {
	if err != nil {
		w.say("the network did not move: " + err.Error())
	}
}

// Run takes a stride each pause, the first one sooner: somebody waits for
// something to happen. It ends with ctx.
func (w *Walker) Run(ctx context.Context) error {
	timer := time.NewTimer(w.pause * 2 / 3)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
			timer.Reset(w.pause) // somebody walked by hand: give them time to look
		case <-timer.C:
			if !w.Paused() {
				w.Step(ctx)
			}
			timer.Reset(w.pause)
		}
	}
}

// Step walks to the next place, through its gap.
func (w *Walker) Step(ctx context.Context) {
	w.moving <- struct{}{}
	defer func() { <-w.moving }()
	if w.over {
		return
	}
	w.mu.Lock()
	s := strides()[w.next%len(strides())]
	w.next++
	old := w.at
	w.at, w.offNet = s.to, false
	w.mu.Unlock()
	w.say(s.story)
	if s.gap < 0 {
		w.plug(s.to)
		wait(ctx, -s.gap, w.ending)
		w.leave(old, s.to)
		return
	}
	if s.gap == 0 && old.iface != s.to.iface {
		w.tell(w.host.Ready(s.to.iface, s.to.network, s.to.addr))
	}
	w.unplug(old.iface)
	wait(ctx, s.gap, w.ending)
	w.plug(s.to)
}

func (w *Walker) leave(old, now place) {
	if old.iface != now.iface {
		w.unplug(old.iface)
	}
}

// Walk is Step by hand: it moves now and starts the pause anew.
func (w *Walker) Walk(ctx context.Context) {
	w.Step(ctx)
	w.nudge()
}

// Plug pulls the network, or brings back the same one.
func (w *Walker) Plug() {
	w.moving <- struct{}{}
	defer func() { <-w.moving }()
	if w.over {
		return
	}
	w.mu.Lock()
	w.offNet = !w.offNet
	off, at := w.offNet, w.at
	w.mu.Unlock()
	if off {
		w.say("you pulled the network")
		w.unplug(at.iface)
	} else {
		w.say("you plugged " + at.name + " back in: the same network, the same address")
		w.plug(at)
	}
	w.nudge()
}

// Pause stops the walk, or lets it go on.
func (w *Walker) Pause() {
	w.mu.Lock()
	w.hold = !w.hold
	hold := w.hold
	w.mu.Unlock()
	if hold {
		w.say("the walk is paused; > walks by hand")
	} else {
		w.say("the walk goes on")
	}
}

// Paused reports whether the walk waits for keys.
func (w *Walker) Paused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hold || w.offNet
}

// end returns when nobody moves the network any more, and nobody will. It may
// be called once.
func (w *Walker) end() {
	close(w.ending)
	w.moving <- struct{}{}
	w.over = true
	<-w.moving
}

func (w *Walker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// wait returns after d, with ctx, or when over is closed; nil never is.
func wait(ctx context.Context, d time.Duration, over <-chan struct{}) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-over:
	case <-t.C:
	}
}
