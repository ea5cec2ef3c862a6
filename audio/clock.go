package audio

import (
	"context"
	"time"
)

const (
	// maxBurst is how many frames Pace lets through at once after a stall. A
	// peer's jitter buffer takes that for jitter.
	maxBurst = 3
	// maxLag is how far behind Pace still catches up. What is older was a
	// suspend or a debugger; to send it all would only be a flood.
	maxLag = 500 * time.Millisecond
)

// Pace says when frames are due where no sound card does. Deadlines are
// absolute, so it does not drift: the millionth frame is due a million frames
// after the first. The zero value is not usable; set Frame.
type Pace struct {
	Frame   time.Duration
	next    time.Time // when the next frame is due; zero before the first
	skipped int
}

// Due returns how many frames to pass at now, and how long to wait before
// asking again. The first frame is due at the first call.
func (p *Pace) Due(now time.Time) (frames int, wait time.Duration) {
	if p.next.IsZero() {
		p.next = now
	}
	lag := now.Sub(p.next)
	if lag < 0 {
		return 0, -lag
	}
	if lag > maxLag {
		lost := int(lag / p.Frame)
		p.skipped += lost
		p.next = p.next.Add(time.Duration(lost) * p.Frame)
		lag = now.Sub(p.next)
	}
	behind := int(lag/p.Frame) + 1
	frames = min(behind, maxBurst)
	p.next = p.next.Add(time.Duration(frames) * p.Frame)
	if behind > frames {
		return frames, p.Frame / 2
	}
	return frames, p.next.Sub(now)
}

// Run calls tick once a frame on the caller's goroutine until the context
// ends or tick fails, and returns the reason. It wakes by a ticker: a timer that
// is set anew each time would wake the runtime's poller once more for it.
func (p *Pace) Run(ctx context.Context, tick func() error) error {
	if p.next.IsZero() {
		p.next = time.Now() // before the ticker begins, so that no tick comes too soon
	}
	ticker := time.NewTicker(p.Frame)
	defer ticker.Stop()
	for {
		frames, _ := p.Due(time.Now())
		for range frames {
			if err := tick(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
