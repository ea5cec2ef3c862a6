package netwatch

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a host whose network the test sets. One path serves all peers.
type fake struct {
	mu    sync.Mutex
	in    []Interface
	path  Path
	err   error
	looks int
	hint  func(Reason)
}

func (f *fake) Snapshot() ([]Interface, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	return slices.Clone(f.in), f.err
}

func (f *fake) PathTo(netip.Addr) (Path, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.path.Valid() {
		return Path{}, ErrNoPath
	}
	return f.path, nil
}

func (f *fake) Run(ctx context.Context, hint func(Reason)) error {
	f.mu.Lock()
	f.hint = hint
	f.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

func (f *fake) looked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looks
}

func (f *fake) set(p Path, in ...Interface) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.path, f.in = p, in
}

// watch runs a watcher over f inside a synctest bubble and returns it with the
// changes told so far; take empties them. The peers are there before it looks.
func watch(t *testing.T, f *fake, o Options, peers ...netip.Addr) (w *Watcher, take func() []Change) {
	t.Helper()
	var mu sync.Mutex
	var told []Change
	o.Source, o.Router = f, f
	o.OnChange = func(c Change) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, c)
	}
	w = New(o)
	w.awake = func() time.Duration { return time.Since(t0) }
	w.SetPeers(peers)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return w, func() []Change {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		c := told
		told = nil
		return c
	}
}

// one expects exactly one change and returns it.
func one(t *testing.T, c []Change) Change {
	t.Helper()
	if len(c) != 1 {
		t.Fatalf("told %d changes, want 1: %v", len(c), c)
	}
	return c[0]
}

func none(t *testing.T, c []Change) {
	t.Helper()
	if len(c) != 0 {
		t.Fatalf("told %v, want nothing", c)
	}
}

func TestWatcher(t *testing.T) {
	wlan, usb := iface(2, "wlan0", addr("192.168.1.23/24")), iface(3, "usb0", addr("172.20.10.4/28"))
	onWlan, onUsb := via(2, "wlan0", "192.168.1.23"), via(3, "usb0", "172.20.10.4")
	tests := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"the first look tells every reachable peer", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			_, told := watch(t, f, Options{}, pbx, peer, pbx, netip.Addr{})
			c := one(t, told())
			if !c.Has(Started) || !slices.Equal(c.PathsMoved, []netip.Addr{peer, pbx}) {
				t.Fatalf("told %v, moved %v", c, c.PathsMoved)
			}
		}},
		{"a poll sees a moved path within the interval", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{})
			w.SetPeers([]netip.Addr{pbx})
			told()
			f.set(onUsb, usb)
			time.Sleep(500 * time.Millisecond)
			c := one(t, told())
			if !slices.Equal(c.PathsMoved, []netip.Addr{pbx}) || c.New.Paths[pbx] != onUsb || w.State().Paths[pbx] != onUsb {
				t.Fatalf("moved %v to %v", c.PathsMoved, c.New.Paths[pbx])
			}
		}},
		{"a hint looks at once, and a burst of them looks few times", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{Hints: []Hinter{f}})
			w.SetPeers([]netip.Addr{pbx})
			told()
			time.Sleep(100 * time.Millisecond)
			f.set(onUsb, usb)
			start, before := time.Now(), f.looked()
			for range 1000 {
				f.hint(Reason{Kind: Notified})
			}
			c := one(t, told())
			if at := c.New.At.Sub(start); at != 0 {
				t.Errorf("looked after %v", at)
			}
			time.Sleep(10 * time.Millisecond)
			if n := f.looked() - before; n > 3 {
				t.Errorf("a burst caused %d looks", n)
			}
		}},
		{"a hint of an ignored interface waits for the poll", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{Hints: []Hinter{f}, Ignore: []string{"veth*", "["}})
			w.SetPeers([]netip.Addr{pbx})
			told()
			time.Sleep(100 * time.Millisecond)
			before := f.looked()
			f.hint(Reason{Kind: InterfaceUp, Interface: "veth17"})
			synctest.Wait()
			if f.looked() != before {
				t.Error("looked")
			}
			f.set(via(5, "veth17", "10.0.0.1"), iface(5, "veth17", addr("10.0.0.1/8")))
			time.Sleep(400 * time.Millisecond)
			if c := one(t, told()); !c.New.Interfaces[0].Ignored || len(c.PathsMoved) != 1 {
				t.Errorf("the path in use was ignored: %v", c)
			}
			// Now the path in use leads through it, and its hints count.
			time.Sleep(100 * time.Millisecond)
			f.set(Path{})
			f.hint(Reason{Kind: InterfaceGone, Interface: "veth17"})
			one(t, told())
		}},
		{"a loss and return between two looks is another path when a hint says so", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{Hints: []Hinter{f}})
			w.SetPeers([]netip.Addr{pbx})
			told()
			before, _ := w.PathTo(pbx)
			f.hint(Reason{Kind: AddressLost, Interface: "wlan0", Addr: onWlan.Source})
			f.hint(Reason{Kind: AddressAdded, Interface: "wlan0", Addr: onWlan.Source})
			time.Sleep(5 * time.Millisecond)
			c := one(t, told())
			after, err := w.PathTo(pbx)
			if err != nil || after == before || after.Lost != 1 || !c.Has(PathReturned) {
				t.Fatalf("path %+v then %+v (%v), told %v", before, after, err, c)
			}
		}},
		{"a loss and return that the polls saw is another path", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{})
			w.SetPeers([]netip.Addr{pbx})
			told()
			f.set(Path{}, iface(2, "wlan0"))
			time.Sleep(500 * time.Millisecond)
			if c := one(t, told()); !c.Has(PathLost) || c.New.Paths[pbx].Valid() {
				t.Fatalf("told %v", c)
			}
			if _, err := w.PathTo(pbx); !errors.Is(err, ErrNoPath) {
				t.Fatalf("PathTo: %v", err)
			}
			f.set(onWlan, wlan)
			time.Sleep(500 * time.Millisecond)
			if c := one(t, told()); !c.Has(PathFound) || c.New.Paths[pbx].Lost != 1 {
				t.Fatalf("told %v, path %+v", c, c.New.Paths[pbx])
			}
		}},
		{"a path through an interface without a carrier is none", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{})
			w.SetPeers([]netip.Addr{pbx})
			told()
			f.set(onWlan, down(wlan))
			time.Sleep(500 * time.Millisecond)
			if c := one(t, told()); c.New.Paths[pbx].Valid() {
				t.Fatalf("path %v", c.New.Paths[pbx])
			}
		}},
		{"a path through an interface that is not listed is none", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{Interfaces: []string{"usb0"}})
			told()
			if p, err := w.PathTo(pbx); !errors.Is(err, ErrNoPath) || p.Valid() {
				t.Fatalf("path %v, %v", p, err)
			}
		}},
		{"a change right after SetPeers is told", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{})
			told()
			w.SetPeers([]netip.Addr{pbx})
			f.set(onUsb, wlan, usb)
			w.Look(Reason{Kind: Requested})
			time.Sleep(5 * time.Millisecond)
			if c := one(t, told()); !slices.Equal(c.PathsMoved, []netip.Addr{pbx}) {
				t.Fatalf("told %v", c)
			}
		}},
		{"a failed socket makes it look at once, and is told with what it finds", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{Poll: time.Hour})
			w.SetPeers([]netip.Addr{pbx})
			told()
			time.Sleep(100 * time.Millisecond)
			failed := Reason{Kind: Failed, Interface: "wlan0", Addr: onWlan.Source, Detail: "network is unreachable"}
			before := f.looked()
			w.Look(failed)
			none(t, told()) // everything is as it was: noise
			if f.looked() != before+1 {
				t.Fatal("it did not look")
			}
			f.set(onUsb, usb)
			time.Sleep(100 * time.Millisecond)
			start := time.Now()
			for range 50 { // one for each packet
				w.Look(failed)
			}
			c := one(t, told())
			want := "a socket failed on wlan0 192.168.1.23: network is unreachable. wlan0 is gone. "
			if !strings.HasPrefix(c.String(), want) || strings.Count(c.String(), "a socket failed") != 1 || c.At.Before(start) {
				t.Errorf("told %q, first sign %v before", c, start.Sub(c.At))
			}
			if !slices.Equal(c.PathsMoved, []netip.Addr{pbx}) {
				t.Errorf("moved %v", c.PathsMoved)
			}
		}},
		{"another peer later does not make the first one move", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{})
			w.SetPeers([]netip.Addr{pbx})
			told()
			w.SetPeers([]netip.Addr{pbx, peer})
			time.Sleep(time.Second)
			none(t, told())
			w.SetPeers([]netip.Addr{peer})
			f.set(onUsb, usb)
			time.Sleep(500 * time.Millisecond)
			if c := one(t, told()); !slices.Equal(c.PathsMoved, []netip.Addr{peer}) {
				t.Fatalf("moved %v", c.PathsMoved)
			}
		}},
		{"a storm ends in one settled state", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{Hints: []Hinter{f}})
			w.SetPeers([]netip.Addr{pbx})
			told()
			for i := range 20 {
				if i%2 == 0 {
					f.set(onUsb, usb)
				} else {
					f.set(onWlan, wlan)
				}
				f.hint(Reason{Kind: Notified})
				time.Sleep(500 * time.Millisecond)
			}
			f.set(onUsb, usb)
			time.Sleep(10 * time.Second)
			all := told()
			if len(all) > 20 || len(all) < 4 {
				t.Errorf("told %d changes", len(all))
			}
			if last := all[len(all)-1].New.Paths[pbx]; last != w.State().Paths[pbx] || last.Interface != "usb0" {
				t.Errorf("settled on %v, the state is %v", last, w.State().Paths[pbx])
			}
			t.Logf("20 changes in 10 s: told %d", len(all))
		}},
		{"an error of the source is survived", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{})
			w.SetPeers([]netip.Addr{pbx})
			told()
			f.mu.Lock()
			f.err = errors.New("out of descriptors")
			f.mu.Unlock()
			time.Sleep(2 * time.Second)
			none(t, told())
			if _, ok := w.State().Interface("wlan0"); !ok {
				t.Error("the state was forgotten")
			}
		}},
		{"a hinter that gives up leaves the polling", func(t *testing.T) {
			f := &fake{}
			f.set(onWlan, wlan)
			w, told := watch(t, f, Options{Hints: []Hinter{broken{}}})
			w.SetPeers([]netip.Addr{pbx})
			told()
			f.set(onUsb, usb)
			time.Sleep(500 * time.Millisecond)
			one(t, told())
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { synctest.Test(t, tt.run) })
	}
}

type broken struct{}

func (broken) Run(context.Context, func(Reason)) error { return errors.New("no netlink here") }
