package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"ramble/audio/path"
)

const (
	// clockless is for how long nobody may look at the sockets before the reactor
	// does by itself: the sound's clock stands still while devices change.
	clockless = 60 * time.Millisecond
	// doubt is how often it asks itself whether that is so.
	doubt   = 250 * time.Millisecond
	ownLook = 20 * time.Millisecond
)

// Reactor reads the sockets of all streams at once, when the sound's clock says
// so: one wake-up for everything, where each packet would be one. It takes the
// times of arrival from the kernel, so that when it looks makes no difference. It
// has the sockets that the system lets it have (path.Transport.Poll); streams on
// others read for themselves. A nil *Reactor has none.
type Reactor struct {
	look  sync.Mutex // held by who looks; guards batch
	batch *path.Batch

	timer *time.Timer  // when to ask itself; stopped while there is nothing to look at
	last  atomic.Int64 // when the sound's clock looked, since begun
	begun time.Time

	mu    sync.Mutex // guards what follows
	legs  []polled
	snap  []polled // of legs, for who looks
	stale bool     // snap is not legs
}

type polled struct {
	s *Stream
	l *leg
}

// NewReactor returns one that looks when Gather says so; Run sees to it that
// somebody does.
func NewReactor() *Reactor {
	r := &Reactor{batch: path.NewBatch(), timer: time.NewTimer(time.Hour), begun: time.Now()}
	r.timer.Stop()
	return r
}

// join takes a leg's sockets, and reports whether it could.
func (r *Reactor) join(s *Stream, l *leg) bool {
	if r == nil || l.sock.Poll() != nil {
		return false
	}
	var p rtp.Packet
	l.take = func(b []byte, src netip.AddrPort, age time.Duration) {
		s.datagram(s.cfg.Now().Add(-age), l, &p, b, src)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.legs, r.stale = append(r.legs, polled{s, l}), true
	r.timer.Reset(clockless)
	return true
}

// leave gives up a stream's legs. When it returns, nobody looks at them.
func (r *Reactor) leave(s *Stream) {
	if r == nil {
		return
	}
	r.look.Lock()
	defer r.look.Unlock()
	r.drop(func(p polled) bool { return p.s == s })
}

func (r *Reactor) drop(gone func(polled) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.legs, r.stale = slices.DeleteFunc(r.legs, gone), true
}

// Gather takes what has come for all streams. It belongs to the sound's clock,
// which calls it right before it asks for sound; it waits for nothing.
func (r *Reactor) Gather() {
	r.last.Store(int64(time.Since(r.begun)))
	r.gather()
}

// gather reports whether there is anybody to gather for.
func (r *Reactor) gather() bool {
	if !r.look.TryLock() {
		return false
	}
	defer r.look.Unlock()
	r.mu.Lock()
	if r.stale {
		r.snap, r.stale = append(r.snap[:0], r.legs...), false
	}
	r.mu.Unlock()
	closed := false
	for _, p := range r.snap {
		switch err := p.l.sock.Gather(r.batch, p.l.take); {
		case errors.Is(err, net.ErrClosed):
			closed = true
		case err != nil:
			p.s.readFailed()
		}
	}
	if closed {
		r.drop(func(p polled) bool { return errors.Is(p.l.sock.Gather(r.batch, p.l.take), net.ErrClosed) })
	}
	return len(r.snap) > 0
}

func (r *Reactor) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.legs) > 0
}

func (s *Stream) readFailed() {
	s.mu.Lock()
	s.count.readErrors++
	s.mu.Unlock()
}

// Run looks by itself while no sound's clock does, until ctx ends, and returns nil.
// It wakes for nothing else.
func (r *Reactor) Run(ctx context.Context) error {
	defer r.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.timer.C:
		}
		idle := time.Since(r.begun) - time.Duration(r.last.Load())
		switch {
		case idle < clockless && r.busy():
			r.timer.Reset(doubt)
		case idle >= clockless && r.gather():
			r.timer.Reset(ownLook)
		}
	}
}
