package netwatch

import (
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestHints is about what the watcher makes of notifications.
func TestHints(t *testing.T) {
	wlan := iface(2, "wlan0", addr("192.168.1.23/24"))
	onWlan := via(2, "wlan0", "192.168.1.23")
	tests := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"a loss that a storm of other signs hides is remembered", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{Hints: []Hinter{f}})
			w.SetPeers([]netip.Addr{pbx})
			told()
			for i := range 1000 {
				f.hint(Reason{Kind: Notified, Detail: strconv.Itoa(i)})
			}
			f.hint(Reason{Kind: InterfaceDown, Interface: "wlan0"})
			time.Sleep(5 * time.Millisecond)
			if c := one(t, told()); !c.Has(PathReturned) {
				t.Fatalf("told %v", c)
			}
		}},
		{"neighbours count as next hops in use only, and with another link address", func(t *testing.T) {
			f := &fake{}
			p := onWlan
			p.NextHop, p.NextHopLink = ip("192.168.1.1"), "a"
			f.set(p, wlan)
			w, told := watch(t, f, Options{Hints: []Hinter{f}})
			w.SetPeers([]netip.Addr{pbx})
			time.Sleep(500 * time.Millisecond)
			told()
			time.Sleep(100 * time.Millisecond)
			before := f.looked()
			for _, r := range []Reason{
				{Interface: "wlan0", Addr: ip("192.168.1.2"), Detail: "b"},
				{Interface: "usb0", Addr: ip("192.168.1.1"), Detail: "b"},
				{Interface: "wlan0", Addr: ip("192.168.1.1"), Detail: "a"},
			} {
				r.Kind = HopMoved
				f.hint(r)
			}
			synctest.Wait()
			if n := f.looked() - before; n != 0 {
				t.Errorf("looked %d times", n)
			}
			p.NextHopLink = "b"
			f.set(p, wlan)
			f.hint(Reason{Kind: HopMoved, Interface: "wlan0", Addr: ip("192.168.1.1"), Detail: "b"})
			if c := one(t, told()); !c.Has(HopMoved) || c.New.Paths[pbx].NextHopLink != "b" {
				t.Errorf("told %v", c)
			}
		}},
		{"a sleep is told once, with the poll or sign that comes first", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{Hints: []Hinter{f}})
			w.SetPeers([]netip.Addr{pbx})
			told()
			// The lid is closed: the clock that counts sleep leaps, the steady
			// one, which timers follow, does not.
			for _, wake := range []func(){
				func() { time.Sleep(500 * time.Millisecond) },
				func() { time.Sleep(100 * time.Millisecond); f.hint(Reason{Kind: InterfaceUp, Interface: "wlan0"}) },
			} {
				w.mu.Lock()
				before := w.awake
				w.awake = func() time.Duration { return before() + time.Hour }
				w.mu.Unlock()
				wake()
				if c := one(t, told()); !c.Has(Slept) || len(c.PathsMoved) != 0 || c.Reasons[0].Detail != "1h0m0s" {
					t.Errorf("told %v, moved %v", c, c.PathsMoved)
				}
				time.Sleep(5 * time.Second)
				none(t, told())
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { synctest.Test(t, tt.run) })
	}
}

// BenchmarkLook is what one sign costs: a snapshot, and the paths to two peers.
func BenchmarkLook(b *testing.B) {
	w := New(Options{})
	w.SetPeers([]netip.Addr{ip("127.0.0.1"), ip("127.0.0.2")})
	for b.Loop() {
		w.look(time.Now())
	}
}
