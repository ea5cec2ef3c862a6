package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ramble/audio"
)

const (
	// A device that gave no tick in two looks, a second apart, has failed. One
	// look would suspect every device when the process was stopped for long.
	lookEvery = time.Second
	maxStill  = 2
	// patience is how long a device may take to let go when it is told to.
	// Sound cards that only one can open are free for the next only then.
	patience = 500 * time.Millisecond
)

var errStill = errors.New("it gives no sound and takes none")

// Run runs the device until the context ends, and returns its reason. A device
// that fails, stands still or ends by itself is reported through OnTrouble;
// then silence keeps the clock until Use brings another.
func (d *Desk) Run(ctx context.Context) error {
	var stuck []chan error // of devices that did not let go
	for ctx.Err() == nil {
		done, err := d.serve(ctx, d.take())
		if done != nil {
			stuck = append(stuck, done)
		}
		if err != nil {
			d.log.Error("sound device failed", "error", err)
			if d.onTrouble != nil {
				d.onTrouble(err)
			}
		}
	}
	for _, done := range stuck {
		if !letGo(done) {
			d.log.Warn("a sound device never came back")
		}
	}
	return ctx.Err()
}

// take returns the device that is wanted. It is wanted once: if it fails,
// what comes next is silence.
func (d *Desk) take() Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.changed:
	default:
	}
	dev := d.wanted
	d.wanted = nil
	if dev == nil {
		dev = silence{d.format.Rate}
	}
	return dev
}

// serve runs one device until the context ends, another is wanted, or it
// fails. stuck is where its end will be heard of, if it did not let go.
func (d *Desk) serve(ctx context.Context, dev Device) (stuck chan error, err error) {
	tick, err := d.begin(dev)
	if err != nil {
		return nil, err
	}
	devCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	d.log.Info("sound device", "device", dev.String(), "rate", dev.Rate(), "frame", d.frame)
	d.guard.Go("sound device", func() { done <- dev.Run(devCtx, d.frame, tick) })

	watch, still := time.NewTicker(lookEvery), 0
	defer watch.Stop()
	for {
		select {
		case err := <-done:
			if ctx.Err() != nil {
				return nil, nil
			}
			if err == nil {
				err = errors.New("it stopped")
			}
			return nil, fmt.Errorf("sound device %s: %w", dev, err)
		case <-watch.C:
			if still++; d.moved() {
				still = 0
			}
			if still < maxStill {
				continue
			}
			err = fmt.Errorf("sound device %s: %w", dev, errStill)
		case <-d.changed:
		case <-ctx.Done():
		}
		cancel()
		if letGo(done) {
			return nil, err
		}
		return done, err
	}
}

// begin gives dev the clock and returns its tick, which does nothing once
// another has it.
func (d *Desk) begin(dev Device) (tick func(in, out []int16), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	format := audio.Format{Rate: dev.Rate(), Frame: d.frame}
	if !format.Valid() {
		return nil, fmt.Errorf("sound device %s: %s is no format to work in", dev, format)
	}
	d.tune(format.Rate)
	d.running = dev.String()
	d.turn++
	d.ticks = 0
	turn := d.turn
	return func(in, out []int16) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if turn != d.turn {
			clear(out)
			return
		}
		d.ticks++
		d.tick(in, out)
	}, nil
}

// moved reports whether there were ticks since it was last asked.
func (d *Desk) moved() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	ticks := d.ticks
	d.ticks = 0
	return ticks > 0
}

func letGo(done chan error) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		_ = err // it was given up: how it ended no longer matters
		return true
	case <-timer.C:
		return false
	}
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
