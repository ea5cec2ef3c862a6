package netwatchtest

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ramble/netwatch"
)

// watched runs a watcher on the phone, for the path to the pbx. changes waits
// for quiet and returns what was told since it was asked last.
func (w world) watched(o netwatch.Options) (watcher *netwatch.Watcher, changes func() []netwatch.Change) {
	w.t.Helper()
	var mu sync.Mutex
	var told []netwatch.Change
	o.Source, o.Router = w.phone, w.phone
	o.OnChange = func(c netwatch.Change) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, c)
	}
	watcher = netwatch.New(o)
	watcher.SetPeers([]netip.Addr{ip("10.9.0.2")})
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- watcher.Run(ctx) }()
	w.t.Cleanup(func() { cancel(); w.must(<-done) })
	changes = func() []netwatch.Change {
		w.t.Helper()
		time.Sleep(3 * time.Millisecond) // what a watcher may keep two looks apart
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		c := told
		told = nil
		return c
	}
	if c := changes(); len(c) != 1 || !c[0].Has(netwatch.Started) {
		w.t.Fatalf("at first told %v", c)
	}
	return watcher, changes
}

// TestWatcherHere has the watcher of the real phone on a network of this
// package: the two must understand each other.
func TestWatcherHere(t *testing.T) {
	single := func(w world, c []netwatch.Change) netwatch.Change {
		w.t.Helper()
		if len(c) != 1 || len(c[0].PathsMoved) != 1 {
			w.t.Fatalf("told %v, want one change with the path moved", c)
		}
		return c[0]
	}
	hinted := func(w world) netwatch.Options { return netwatch.Options{Hints: []netwatch.Hinter{w.phone}} }

	inBubble(t, "another uplink is told at once by a hint", func(w world) {
		watcher, changes := w.watched(hinted(w))
		start := time.Now()
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		c := single(w, changes())
		if c.New.Paths[ip("10.9.0.2")].String() != "usb0 172.20.10.4" || c.New.At.Sub(start) > 2*time.Millisecond || !c.At.Equal(start) {
			w.t.Errorf("told %v after %v, first sign after %v", c, c.New.At.Sub(start), c.At.Sub(start))
		}
		if p, err := watcher.PathTo(ip("10.9.0.2")); err != nil || p != c.New.Paths[ip("10.9.0.2")] {
			w.t.Errorf("PathTo: %v, %v", p, err)
		}
	})
	inBubble(t, "without hints the poll sees it", func(w world) {
		_, changes := w.watched(netwatch.Options{})
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		if c := changes(); len(c) != 0 {
			w.t.Fatalf("told %v", c)
		}
		time.Sleep(500 * time.Millisecond)
		single(w, changes())
	})
	inBubble(t, "the same lease after a loss too short to see is another path", func(w world) {
		_, changes := w.watched(hinted(w))
		w.phone.Unplug("wlan0")
		w.phone.Plug("wlan0", "cafe", pre("192.168.1.23/24"))
		var last netwatch.Path
		for _, c := range changes() {
			last = c.New.Paths[ip("10.9.0.2")]
		}
		if last.Lost != 1 || last.String() != "wlan0 192.168.1.23" {
			w.t.Errorf("the path is %+v", last)
		}
	})
	inBubble(t, "two cafes with the same lease differ without any hint", func(w world) {
		_, changes := w.watched(netwatch.Options{})
		w.phone.Plug("wlan0", "another cafe", pre("192.168.1.23/24"))
		time.Sleep(500 * time.Millisecond)
		if c := single(w, changes()); !c.Has(netwatch.HopMoved) {
			w.t.Errorf("told %v", c)
		}
	})
	inBubble(t, "a stall is no change", func(w world) {
		_, changes := w.watched(hinted(w))
		w.n.Stall("cafe")
		time.Sleep(5 * time.Second)
		if c := changes(); len(c) != 0 {
			w.t.Errorf("told %v", c)
		}
	})
}
