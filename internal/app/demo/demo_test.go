package demo

import (
	"context"
	"math"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ramble/audio"
	"ramble/netwatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMelody(t *testing.T) {
	m := newMelody(8000, 7)
	frame := make([]int16, 160)
	quiet, loudest := 0, audio.Silence
	for range 10 * 50 { // ten seconds
		m.fill(frame)
		level := audio.Level(frame)
		loudest = max(loudest, level)
		if level < -60 {
			quiet++
		}
	}
	if quiet > 25 {
		t.Errorf("half a second of it and more is silent (%d frames): a gap would not be noticed", quiet)
	}
	if loudest > -3 || loudest < -20 || math.IsNaN(loudest) {
		t.Errorf("the loudest frame has %.1f dBFS, want a pleasant -20 to -3", loudest)
	}
}

// TestWalk takes every stride and looks where the phone is after each.
func TestWalk(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var told []string
	w := New(Options{Manual: true, Say: func(s string) { told = append(told, s) }})
	var all sync.WaitGroup
	all.Go(func() { _ = w.Run(ctx) })
	t.Cleanup(func() { cancel(); all.Wait() })
	if err := w.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	path := func() netwatch.Path {
		p, err := w.Phone.PathTo(w.Server().Addr())
		if err != nil {
			t.Fatalf("no path to the server: %v", err)
		}
		return p
	}
	if got := path().Source; got != netip.MustParseAddr("192.168.1.23") {
		t.Fatalf("starts at %s", got)
	}
	short, stop := context.WithCancel(ctx)
	stop() // strides without their gaps
	to := []struct{ iface, addr string }{{"usb0", "172.20.10.4"}, {"wlan0", "192.168.1.23"}, {"eth0", "10.20.30.40"}, {"wlan0", "192.168.1.23"}}
	for i, s := range strides() {
		w.Walker.Step(short)
		if got := path(); got.Source != netip.MustParseAddr(to[i].addr) || got.Interface != to[i].iface {
			t.Errorf("stride %d leads to %s, want %s", i+1, got, to[i])
		}
		if len(told) != i+1 || told[i] != s.story {
			t.Errorf("stride %d told %q", i+1, told)
		}
	}
	w.Walker.Plug()
	if _, err := w.Phone.PathTo(w.Server().Addr()); err == nil || !w.Walker.Paused() {
		t.Error("the network was pulled and there still is a path")
	}
	w.Walker.Plug()
	path()
}

func TestEverybodyRegisters(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	w := New(Options{Manual: true})
	var all sync.WaitGroup
	all.Go(func() { _ = w.Run(ctx) })
	t.Cleanup(func() { cancel(); all.Wait() })
	if err := w.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"melody", "echo", "carol"} {
		if n := len(w.Registrar.Bindings("sip:" + name + "@" + Domain)); n != 1 {
			t.Errorf("%s has %d bindings, want 1", name, n)
		}
	}
	if err := w.Ring(ctx); err == nil {
		t.Error("Carol reached a phone that is not there")
	}
}
