package desk

import (
	"context"
	"slices"
	"time"

	"ramble/audio"
)

// shift is one run of a device, or of silence.
type shift struct {
	dev    Device
	number int
	cancel context.CancelFunc
	done   chan error    // capacity 1: gets the end
	took   chan struct{} // closed by the first tick; nil when that was seen
	until  time.Time     // told to end: then patience is over
}

// began and ended are nil, which is never, for nobody.
func (s *shift) began() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.took
}

func (s *shift) ended() <-chan error {
	if s == nil {
		return nil
	}
	return s.done
}

// over reports whether the shift has ended and nobody was told yet.
func (s *shift) over() bool { return len(s.done) > 0 }

// letGo waits for the end, and reports whether it came in time.
func (s *shift) letGo(patience time.Duration) bool {
	select {
	case err := <-s.done:
		_ = err // it was given up: how it ended no longer matters
		return true
	case <-time.After(patience):
		return false
	}
}

// wants is what Run is to bring about: whether anybody needs sound, from which
// device, and which wish that was. Legs with sound of their own need a clock and no
// device.
func (d *Desk) wants() (need bool, dev Device, wish int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	shared := d.bell.kind != audio.NoTone || slices.ContainsFunc(d.channels, func(c *channel) bool { return c.own == nil })
	if shared {
		dev = d.wanted
	}
	return shared || len(d.channels) > 0, dev, d.wish
}

// start runs a device, whose first tick takes the clock.
func (d *Desk) start(ctx context.Context, dev Device) *shift {
	ctx, cancel := context.WithCancel(ctx)
	s := &shift{dev: dev, cancel: cancel, done: make(chan error, 1), took: make(chan struct{})}
	d.mu.Lock()
	d.shifts++
	s.number = d.shifts
	d.next = s.number
	d.mu.Unlock()
	took := s.took
	tick := func(in, out []int16) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if s.number == d.next {
			d.begin(s.number, dev)
			close(took)
		}
		d.tickOf(s.number, in, out)
	}
	d.guard.Go("sound device", func() { s.done <- dev.Run(ctx, d.frame, tick) })
	return s
}

// startSilence gives silence the clock, unless a device has just taken it.
func (d *Desk) startSilence(ctx context.Context) *shift {
	d.mu.Lock()
	defer d.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	d.shifts++
	dev := silence{d.format.Rate}
	s := &shift{dev: dev, number: d.shifts, cancel: cancel, done: make(chan error, 1)}
	if d.turn == 0 {
		d.begin(s.number, dev)
	}
	d.guard.Go("silence", func() {
		s.done <- dev.Run(ctx, d.frame, func(in, out []int16) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.tickOf(s.number, in, out)
		})
	})
	return s
}

// begin gives the clock to a shift. The caller holds mu.
func (d *Desk) begin(number int, dev Device) {
	d.turn, d.ticks, d.running = number, 0, dev.String()
	if d.next == number {
		d.next = 0
	}
	d.tune(dev.Rate())
}

// tickOf is a tick of one shift. Those of others than has the clock do not count.
func (d *Desk) tickOf(number int, in, out []int16) {
	if number != d.turn {
		clear(out)
		return
	}
	d.ticks++
	d.tick(in, out)
}

// relieve takes the clock from a shift, and the right to take it.
func (d *Desk) relieve(s *shift) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.turn == s.number {
		d.turn, d.running = 0, ""
	}
	if d.next == s.number {
		d.next = 0
	}
}

// ticked reports whether a shift ticked since it was last asked.
func (d *Desk) ticked(s *shift) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	ticks := d.ticks
	d.ticks = 0
	return ticks > 0 && d.turn == s.number
}

// silence is the device when there is none: it hears nothing, says nothing,
// and keeps time.
type silence struct{ rate int }

func (s silence) String() string { return "silence" }
func (s silence) Rate() int      { return s.rate }

func (s silence) Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) error {
	n := audio.Format{Rate: s.rate, Frame: frame}.Samples()
	in, out := make([]int16, n), make([]int16, n)
	pace := audio.Pace{Frame: frame}
	return pace.Run(ctx, func() error { tick(in, out); return nil })
}
