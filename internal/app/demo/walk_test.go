package demo

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// strict is a ground that holds its users to their word: one verb at a time, and
// none after its end.
type strict struct {
	Ground
	t    *testing.T
	busy atomic.Bool
	gone atomic.Bool
}

func (s *strict) verb() (end func()) {
	if s.gone.Load() {
		s.t.Error("the ground is moved after its end")
	}
	if s.busy.Swap(true) {
		s.t.Error("the ground is moved by two at once")
	}
	time.Sleep(10 * time.Millisecond) // in the time of a bubble: a verb takes a while
	return func() { s.busy.Store(false) }
}

func (s *strict) Ready(iface, network string, addrs ...netip.Prefix) error {
	defer s.verb()()
	return s.Ground.Ready(iface, network, addrs...)
}

func (s *strict) Plug(iface, network string, addrs ...netip.Prefix) error {
	defer s.verb()()
	return s.Ground.Plug(iface, network, addrs...)
}

func (s *strict) Unplug(iface string) error {
	defer s.verb()()
	return s.Ground.Unplug(iface)
}

func (s *strict) Close() error {
	defer s.verb()()
	s.gone.Store(true)
	return s.Ground.Close()
}

// TestKeysComeIntoStrides: keys walk and unplug while the walk goes on by itself,
// and after the world has ended.
func TestKeysComeIntoStrides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ground := &strict{Ground: newMemory(), t: t}
		w := New(Options{Ground: ground, Pause: 6 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = w.Run(ctx) })
		if err := w.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			all.Go(func() { // a key outlives the world, as the screen's do
				if i%3 == 0 {
					w.Walker.Plug()
				} else {
					w.Walker.Walk(t.Context())
				}
			})
			time.Sleep(700 * time.Millisecond)
		}
		began := time.Now()
		cancel()
		all.Wait()
		if took := time.Since(began); took > time.Second {
			t.Errorf("the end took %s", took)
		}
		if !ground.gone.Load() {
			t.Error("the ground was left open")
		}
	})
}
