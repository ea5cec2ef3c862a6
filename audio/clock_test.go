package audio

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	const frame = 20 * time.Millisecond
	type ask struct {
		at     time.Duration // since the first call
		frames int
		wait   time.Duration
	}
	for _, tc := range []struct {
		name    string
		asks    []ask
		skipped int
	}{
		{"on time", []ask{{0, 1, 20 * time.Millisecond}, {20 * time.Millisecond, 1, 20 * time.Millisecond}}, 0},
		{"early: waits for the rest", []ask{{0, 1, 20 * time.Millisecond}, {15 * time.Millisecond, 0, 5 * time.Millisecond}}, 0},
		{"late: the next deadline stays", []ask{{0, 1, 20 * time.Millisecond}, {33 * time.Millisecond, 1, 7 * time.Millisecond}}, 0},
		{"a short stall is made good at once", []ask{{0, 1, 20 * time.Millisecond}, {65 * time.Millisecond, 3, 15 * time.Millisecond}}, 0},
		{"a longer one in small bursts", []ask{
			{0, 1, 20 * time.Millisecond},
			{200 * time.Millisecond, 3, 10 * time.Millisecond}, // due at 20 ... 200: ten
			{210 * time.Millisecond, 3, 10 * time.Millisecond},
			{220 * time.Millisecond, 3, 10 * time.Millisecond},
			{230 * time.Millisecond, 2, 10 * time.Millisecond},
			{240 * time.Millisecond, 1, 20 * time.Millisecond},
		}, 0},
		{"a suspend is forgotten", []ask{
			{0, 1, 20 * time.Millisecond},
			{time.Hour + 5*time.Millisecond, 1, 15 * time.Millisecond},
		}, 179999},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, start := Pace{Frame: frame}, time.Unix(1000, 0)
			for _, a := range tc.asks {
				if n, wait := p.Due(start.Add(a.at)); n != a.frames || wait != a.wait {
					t.Fatalf("at %v: %d frames, wait %v; want %d, %v", a.at, n, wait, a.frames, a.wait)
				}
			}
			if p.skipped != tc.skipped {
				t.Fatalf("skipped %d, want %d", p.skipped, tc.skipped)
			}
		})
	}
}

func TestPaceDoesNotDriftWhenEveryWakeIsLate(t *testing.T) {
	p, now, frames := Pace{Frame: 20 * time.Millisecond}, time.Unix(0, 0), 0
	for now.Before(time.Unix(600, 0)) {
		n, wait := p.Due(now)
		frames += n
		now = now.Add(wait + 700*time.Microsecond)
	}
	if frames < 30000-1 || frames > 30000+1 {
		t.Fatalf("%d frames in ten minutes, want 30000", frames)
	}
}

func TestPaceRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second-time.Millisecond)
		defer cancel()
		frames := 0
		p := Pace{Frame: 20 * time.Millisecond}
		err := p.Run(ctx, func() error { frames++; return nil })
		if !errors.Is(err, context.DeadlineExceeded) || frames != 100 {
			t.Fatalf("%d frames in two seconds, %v", frames, err)
		}
		broken := errors.New("broken")
		if err := p.Run(t.Context(), func() error { return broken }); !errors.Is(err, broken) {
			t.Fatalf("a failing tick: %v", err)
		}
	})
}
