package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// opening is how long calls are without a clock before silence keeps it:
	// most devices give their first tick sooner.
	opening = 40 * time.Millisecond
	// retryEvery is how often a device that failed is tried again.
	retryEvery = 500 * time.Millisecond
	// steady is how long a device must have run to be tried again at once: it
	// may only have lost one of several ports.
	steady = 2 * time.Second
	// linger is how long a device is kept when nothing needs it any more: the
	// pause between a ringback tone and the call. The microphone is to be
	// closed 200 ms after a call.
	linger = 100 * time.Millisecond
)

var errStill = errors.New("it gives no sound and takes none")

// Run gives the clock to the device while there are calls or a tone, until the
// context ends, and returns its reason. A device that fails, stands still or
// ends by itself is reported through OnChange; then silence keeps the clock,
// and the device is tried again until it runs or Use brings another.
func (d *Desk) Run(ctx context.Context) error {
	r := &roster{desk: d, ctx: ctx}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			r.end()
			return ctx.Err()
		case <-d.changed:
		case <-timer.C:
		case <-r.device.began():
			r.tookOver()
		case err := <-r.device.ended():
			r.failed(err)
		case err := <-r.leaving.ended():
			_ = err // it was told to go
			r.leaving = nil
		}
		now := time.Now()
		timer.Reset(r.plan(now).Sub(now))
	}
}

// roster says who keeps the clock. All of it belongs to Run.
type roster struct {
	desk *Desk
	ctx  context.Context

	device  *shift // nil: none wanted, none needed, or it failed
	silence *shift // nil: the device keeps the clock, or nobody needs one
	leaving *shift // was told to end; nil: nobody was
	stuck   []*shift

	wish     int       // which of the desk's wishes device is
	since    time.Time // device was started, or took over
	looked   time.Time
	still    int       // looks without a tick
	retryAt  time.Time // zero: at once
	idle     time.Time // nothing needs sound since; zero: something does
	vacant   time.Time // nobody keeps the clock since; zero: somebody does
	troubled bool      // told of trouble, and not of its end
	on       bool      // device has the clock
}

// plan brings what is in line with what is wanted, and returns when to look
// again.
func (r *roster) plan(now time.Time) time.Time {
	next := now.Add(time.Hour)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	need, dev, wish := r.desk.wants()
	if wish != r.wish {
		r.wish, r.retryAt = wish, time.Time{}
		r.dismiss(now)
	}
	if need && (dev != nil || r.device == nil) {
		r.idle = time.Time{}
		r.staff(now, dev, sooner)
	} else {
		if r.idle.IsZero() {
			r.idle = now
		}
		if end := r.idle.Add(linger); now.Before(end) {
			sooner(end)
		} else {
			r.dismiss(now)
			r.retryAt = time.Time{}
			if need { // the legs that are left have sound of their own
				return now
			}
			r.hush()
			r.vacant = time.Time{}
		}
	}
	if r.device != nil {
		r.look(now)
		sooner(r.looked.Add(lookEvery))
	}
	if r.leaving != nil {
		if end := r.leaving.until; now.Before(end) {
			sooner(end)
		} else {
			r.stuck, r.leaving = append(r.stuck, r.leaving), nil
			return now
		}
	}
	return next
}

// staff sees to it that somebody keeps the clock: the device if it can.
func (r *roster) staff(now time.Time, dev Device, sooner func(time.Time)) {
	if r.device == nil && r.leaving == nil && dev != nil {
		switch {
		case now.Before(r.retryAt):
			sooner(r.retryAt)
		case r.holds(dev):
			sooner(now.Add(retryEvery))
		default:
			r.start(now, dev)
		}
	}
	if r.on || r.silence != nil {
		r.vacant = time.Time{}
		return
	}
	if r.vacant.IsZero() {
		r.vacant = now
	}
	if patient := r.vacant.Add(opening); dev != nil && now.Before(patient) {
		sooner(patient)
		return
	}
	r.silence = r.desk.startSilence(r.ctx)
}

// holds reports whether an earlier run of the device has not let go yet. Another
// beside it would hang in the same place, and a third.
func (r *roster) holds(dev Device) bool {
	r.stuck = slices.DeleteFunc(r.stuck, (*shift).over)
	return slices.ContainsFunc(r.stuck, func(s *shift) bool { return s.dev == dev })
}

func (r *roster) start(now time.Time, dev Device) {
	format := audio.Format{Rate: dev.Rate(), Frame: r.desk.frame}
	if !format.Valid() {
		r.trouble(now, dev, fmt.Errorf("%s is no format to work in", format))
		return
	}
	if !r.troubled {
		r.desk.log.Info("sound device", "device", dev.String(), "rate", dev.Rate(), "frame", r.desk.frame)
	}
	r.device = r.desk.start(r.ctx, dev)
	r.since, r.looked, r.still = now, now, 0
}

// tookOver is after the device's first tick.
func (r *roster) tookOver() {
	r.device.took = nil
	r.on, r.since = true, time.Now()
	r.hush()
	if !r.troubled {
		r.desk.tell(Change{Device: r.device.dev.String()})
	}
}

// look finds a device that stands still, and one that is well again: that it
// ticked once is no proof.
func (r *roster) look(now time.Time) {
	if now.Sub(r.looked) < lookEvery {
		return
	}
	r.looked = now
	if r.still++; r.desk.ticked(r.device) {
		r.still = 0
		if r.troubled {
			r.troubled = false
			r.desk.tell(Change{Device: r.device.dev.String()})
		}
	}
	if r.still < maxStill {
		return
	}
	dev := r.device.dev
	r.dismiss(now)
	r.trouble(now, dev, errStill)
}

// failed is after the device ended by itself.
func (r *roster) failed(err error) {
	if err == nil {
		err = errors.New("it stopped")
	}
	now, dev := time.Now(), r.device.dev
	r.desk.relieve(r.device)
	r.device.cancel()
	r.device = nil
	if again, ok := errors.AsType[afresh](err); ok && again.Afresh() {
		r.desk.log.Info("sound device starts afresh", "reason", err)
		r.again(now)
		return
	}
	r.trouble(now, dev, err)
}

type afresh interface {
	error
	Afresh() bool
}

// again plans the next try.
func (r *roster) again(now time.Time) {
	r.retryAt = now.Add(retryEvery)
	if r.on && now.Sub(r.since) >= steady {
		r.retryAt = now
	}
	r.on = false
}

// trouble plans the next try, and tells of the trouble once until it is over.
func (r *roster) trouble(now time.Time, dev Device, err error) {
	r.again(now)
	if r.troubled || r.ctx.Err() != nil {
		return
	}
	r.troubled = true
	err = fmt.Errorf("sound device %s: %w", dev, err)
	r.desk.log.Error("sound device failed", "error", err)
	r.desk.tell(Change{Device: dev.String(), Err: err})
}

// dismiss tells the device to end. The next one is not started before it has,
// or patience ends.
func (r *roster) dismiss(now time.Time) {
	if r.device == nil {
		return
	}
	r.desk.relieve(r.device)
	r.device.cancel()
	if r.leaving != nil {
		r.stuck = append(r.stuck, r.leaving)
	}
	r.leaving, r.device, r.on = r.device, nil, false
	r.leaving.until = now.Add(patience)
}

// hush ends the silence, which is quick.
func (r *roster) hush() {
	if r.silence == nil {
		return
	}
	r.desk.relieve(r.silence)
	r.silence.cancel()
	err := <-r.silence.done
	_ = err // it was told to go
	r.silence = nil
}

func (r *roster) end() {
	now := time.Now()
	r.dismiss(now)
	r.hush()
	if r.leaving != nil {
		r.stuck = append(r.stuck, r.leaving)
	}
	for _, s := range r.stuck {
		if !s.letGo(patience) {
			r.desk.log.Warn("a sound device never came back", "device", s.dev.String())
		}
	}
}
