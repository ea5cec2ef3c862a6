package demo

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"ramble/internal/app/ground"
)

// Spots are where the phone can be, the one that it starts on first: each of
// its interfaces on the network that it is usually on. Moves know them by the
// names of the interfaces.
func Spots() []ground.Spot {
	return []ground.Spot{
		spot("wlan0", "wlan0", "home", "192.168.1.23/24"),
		spot("usb0", "usb0", "tethering", "172.20.10.4/28"),
		spot("eth0", "eth0", "dock", "10.20.30.40/24"),
	}
}

// places are the spots of the walk, which has one more. Home and café hand out
// the same address: only the network behind it differs, which is the case that
// programs forget.
func places() []ground.Spot {
	return append(Spots(), spot("cafe", "wlan0", "cafe", "192.168.1.23/24"))
}

func spot(name, iface, network, addr string) ground.Spot {
	return ground.Spot{Name: name, Iface: iface, Network: network, Addrs: []netip.Prefix{netip.MustParsePrefix(addr)}}
}

// stride is one step of the walk: a move, and what is told of it.
type stride struct{ move, story string }

// strides is the walk, which starts at home and goes round.
func strides() []stride {
	return []stride{
		{"roam usb0", "out of the door: home Wi-Fi goes, tethering takes over at once"},
		{"roam cafe 5s", "five seconds of nothing, then a café with the same address as at home"},
		{"overlap eth0 3s", "docked: the cable is there three seconds before the Wi-Fi goes"},
		{"roam wlan0", "home again"},
	}
}

// called is what people call a network.
func called(network string) string {
	return map[string]string{"home": "home Wi-Fi", "tethering": "tethering", "cafe": "café Wi-Fi", "dock": "office dock"}[network]
}

// Walker moves the phone's host from place to place.
type Walker struct {
	pause time.Duration
	say   func(string)

	moving    chan struct{}     // capacity 1, held while the network is moved: a key may come into a stride
	traveller *ground.Traveller // guarded by moving
	last      ground.Spot       // where it was with a network; guarded by moving
	over      bool              // the ground goes away; guarded by moving
	ending    context.Context   // ends before that: strides hurry
	hurry     func()            // ends it

	mu     sync.Mutex
	next   int
	offNet bool
	hold   bool
	wake   chan struct{}
}

// newWalker starts at home.
func newWalker(m ground.Mover, pause time.Duration, say func(string)) (*Walker, error) {
	w := &Walker{pause: pause, say: say, wake: make(chan struct{}, 1), moving: make(chan struct{}, 1)}
	w.ending, w.hurry = context.WithCancel(context.Background())
	w.traveller = ground.NewTraveller(m, places())
	w.last = w.traveller.At()
	return w, m.Plug(w.last.Iface, w.last.Network, w.last.Addrs...)
}

// move moves the phone, without pauses where ctx has ended; where that fails,
// which only real ground can, the person who watches is told.
func (w *Walker) move(ctx context.Context, words string) {
	hurry, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(w.ending, stop)()
	w.traveller.Hurry = hurry.Done()
	if err := w.traveller.Go(context.WithoutCancel(ctx), words); err != nil {
		w.say("the network did not move: " + err.Error())
	}
	if at := w.traveller.At(); at.Name != "" {
		w.last = at
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
	w.offNet = false
	w.mu.Unlock()
	w.say(s.story)
	if w.traveller.At().Name == "" {
		// The walk goes on from where there is no network: the new one comes.
		w.move(ctx, "up "+ground.Line(s.move).Rest[0])
		return
	}
	w.move(ctx, s.move)
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
	off := w.offNet
	w.mu.Unlock()
	if off {
		w.say("you pulled the network")
		w.move(context.Background(), "down")
	} else {
		w.say("you plugged " + called(w.last.Network) + " back in: the same network, the same address")
		w.move(context.Background(), "up")
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
		w.say("the walk is paused; you walk by hand now")
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
	w.hurry()
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
