package stream

import (
	"context"
	"testing"
	"time"
)

// reacting is a stream whose sockets a reactor looks at, and the one who speaks to it.
func reacting(t *testing.T) (r *Reactor, s, speaker *Stream) {
	t.Helper()
	sa, sb := openPath(t), openPath(t)
	r = NewReactor()
	s = New(Config{Negotiated: negotiated(t, sb), Reactor: r}, sa)
	speaker = New(Config{Negotiated: negotiated(t, sa)}, sb)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = speaker.Close()
	})
	for deadline := time.Now().Add(5 * time.Second); ; {
		r.mu.Lock()
		n := len(r.legs)
		r.mu.Unlock()
		if n == 1 {
			return r, s, speaker
		}
		if time.Now().After(deadline) {
			t.Fatal("the reactor was not given the sockets")
		}
		<-time.After(time.Millisecond)
	}
}

// TestAReactorThatLooksLateTakesTheKernelsTime: when a packet came is when the
// kernel had it, not when somebody found it.
func TestAReactorThatLooksLateTakesTheKernelsTime(t *testing.T) {
	r, s, speaker := reacting(t)
	sent := time.Now()
	speaker.Capture(make([]int16, 160))
	const wait = 200 * time.Millisecond
	<-time.After(wait)
	r.Gather()
	s.mu.Lock()
	at := s.paths.lastIn
	s.mu.Unlock()
	if at.IsZero() {
		t.Fatal("nothing was found")
	}
	if late := at.Sub(sent); late > wait/2 {
		t.Errorf("the packet counts as %v later than it was sent: that is when it was found", late)
	}
}

// TestAReactorLooksWithoutASoundClock: a device that hangs does not make the
// phone deaf to what the network does.
func TestAReactorLooksWithoutASoundClock(t *testing.T) {
	r, s, speaker := reacting(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() { cancel(); <-done }()
	speaker.Capture(make([]int16, 160))
	for deadline := time.Now().Add(5 * time.Second); s.Stats().RxPackets == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nobody looked")
		}
		<-time.After(time.Millisecond)
	}
}

// TestAReactorAllocatesNothing: a packet sent, found and played.
func TestAReactorAllocatesNothing(t *testing.T) {
	r, s, speaker := reacting(t)
	frame := make([]int16, 160)
	tick := func() {
		speaker.Capture(frame)
		r.Gather()
		s.Play(frame)
		s.Capture(frame)
	}
	for range 50 {
		tick()
	}
	if n := testing.AllocsPerRun(500, tick); n != 0 {
		t.Errorf("%v allocations a tick", n)
	}
	if got := s.Stats().RxPackets; got < 500 {
		t.Errorf("only %d packets were found", got)
	}
}
