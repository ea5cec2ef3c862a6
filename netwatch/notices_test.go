package netwatch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// scriptedFeed gives one hint for each value sent on says, and fails when told.
type scriptedFeed struct {
	says   chan Reason
	fails  chan error
	closed chan struct{}
}

func newFeed() *scriptedFeed {
	return &scriptedFeed{make(chan Reason), make(chan error), make(chan struct{})}
}

func (f *scriptedFeed) receive(hint func(Reason)) error {
	select {
	case r := <-f.says:
		hint(r)
		return nil
	case err := <-f.fails:
		return err
	case <-f.closed:
		return errors.New("closed")
	}
}

// Close panics when called twice.
func (f *scriptedFeed) Close() error { close(f.closed); return nil }

func TestNotices(t *testing.T) {
	broken := errors.New("broken")
	said := Reason{Kind: AddressLost, Interface: "wlan0"}
	// run starts the hinter in a bubble. opened tells each call of open, when
	// and how often; hinted takes the hints so far.
	run := func(t *testing.T, open func(n int) (feed, error)) (opened func() []time.Duration, hinted func() []Reason, stop func() error) {
		start := time.Now()
		var mu sync.Mutex // guards at and hints
		var at []time.Duration
		var hints []Reason
		h := notices{func() (feed, error) {
			mu.Lock()
			at = append(at, time.Since(start))
			n := len(at)
			mu.Unlock()
			return open(n)
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- h.Run(ctx, func(r Reason) {
				mu.Lock()
				defer mu.Unlock()
				hints = append(hints, r)
			})
		}()
		opened = func() []time.Duration {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return at
		}
		hinted = func() []Reason {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			h := hints
			hints = nil
			return h
		}
		return opened, hinted, func() error { cancel(); return <-done }
	}
	bubble := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
	}

	bubble("each opening asks for a look, and what is said is passed on", func(t *testing.T) {
		f := newFeed()
		_, hinted, stop := run(t, func(int) (feed, error) { return f, nil })
		f.says <- said
		if got := hinted(); len(got) != 2 || got[0].Kind != Notified || got[1] != said {
			t.Errorf("hinted %v", got)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		<-f.closed
	})
	bubble("a system without them says so", func(t *testing.T) {
		err := notices{func() (feed, error) { return nil, broken }}.Run(t.Context(), func(Reason) { t.Error("hinted") })
		if !errors.Is(err, broken) {
			t.Errorf("Run: %v", err)
		}
	})
	bubble("a feed that fails is opened again, ever later up to a bound", func(t *testing.T) {
		opened, _, stop := run(t, func(n int) (feed, error) {
			if n > 1 {
				return nil, broken
			}
			f := newFeed()
			go func() { f.fails <- broken }()
			return f, nil
		})
		time.Sleep(3 * time.Minute)
		at := opened()
		var waits []time.Duration
		for i := 1; i < len(at); i++ {
			waits = append(waits, at[i]-at[i-1])
		}
		ms := time.Millisecond
		want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30 * time.Second}
		if len(waits) < len(want)+1 || !slices.Equal(waits[:len(want)], want) || waits[len(want)] != reopenMax {
			t.Errorf("waited %v", waits)
		}
		stop()
	})
	bubble("a feed that worked is opened again soon", func(t *testing.T) {
		feeds := make(chan *scriptedFeed, 1)
		opened, hinted, stop := run(t, func(int) (feed, error) {
			f := newFeed()
			feeds <- f
			return f, nil
		})
		for range 10 {
			f := <-feeds
			f.says <- said
			f.fails <- broken
			<-f.closed
			if got := hinted(); len(got) != 2 || got[0].Kind != Notified {
				t.Errorf("hinted %v", got)
			}
		}
		<-feeds
		if at := opened(); at[len(at)-1] != 10*reopenMin {
			t.Errorf("opened at %v", at)
		}
		stop()
	})
	bubble("it ends while it waits to open again", func(t *testing.T) {
		opened, _, stop := run(t, func(n int) (feed, error) {
			f := newFeed()
			go func() { f.fails <- broken }()
			return f, nil
		})
		opened()
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestLinks(t *testing.T) {
	wlan := links{2: {"wlan0", true}}
	off := links{2: {"wlan0", false}}
	tests := []struct {
		name  string
		known links
		tell  func(links) (Reason, bool)
		want  Reason
	}{
		{"a carrier that goes is a loss", wlan, func(l links) (Reason, bool) { return l.set(2, "wlan0", false) }, Reason{Kind: InterfaceDown, Interface: "wlan0"}},
		{"one that was not there is none", off, func(l links) (Reason, bool) { return l.set(2, "wlan0", false) }, Reason{}},
		{"a carrier that comes", off, func(l links) (Reason, bool) { return l.set(2, "", true) }, Reason{Kind: InterfaceUp, Interface: "wlan0"}},
		{"news without effect are none", wlan, func(l links) (Reason, bool) { return l.set(2, "wlan0", true) }, Reason{}},
		{"a new interface", wlan, func(l links) (Reason, bool) { return l.set(3, "usb0", false) }, Reason{Kind: InterfaceAppeared, Interface: "usb0"}},
		{"another name", wlan, func(l links) (Reason, bool) { return l.set(2, "wlp2s0", true) }, Reason{Kind: Notified, Interface: "wlp2s0", Detail: "renamed from wlan0"}},
		{"an interface that goes", wlan, func(l links) (Reason, bool) { return l.gone(2), true }, Reason{Kind: InterfaceGone, Interface: "wlan0"}},
		{"an address that goes", wlan, func(l links) (Reason, bool) { return l.addr(AddressLost, 2, ip("::ffff:192.168.1.23")), true }, Reason{Kind: AddressLost, Interface: "wlan0", Addr: ip("192.168.1.23")}},
		{"an address of an unknown interface", wlan, func(l links) (Reason, bool) { return l.addr(AddressAdded, 9, ip("fe80::1%9")), true }, Reason{Kind: AddressAdded, Addr: ip("fe80::1")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := links{}
			for i, s := range tt.known {
				l[i] = s
			}
			if got, ok := tt.tell(l); got != tt.want || ok != (tt.want != Reason{}) {
				t.Errorf("got %v, %v, want %v", got, ok, tt.want)
			}
		})
	}
}
