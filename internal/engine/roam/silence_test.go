package roam

import (
	"slices"
	"testing"
	"time"
)

// fallSilent lets the audio of a call stop or come back.
func (w *walk) fallSilent() {
	if n := len(w.calls); n > 0 {
		id := w.calls[w.choose(n)].ID
		if w.choose(3) == 0 {
			w.step(AudioBack{Call: id})
		} else {
			w.step(AudioStopped{Call: id, For: 2 * time.Second})
		}
	}
}

// TestTheWaitsBetweenSilencesGrow up to ten minutes, and calm forgives.
func TestTheWaitsBetweenSilencesGrow(t *testing.T) {
	var h hush
	now := origin
	var got []time.Duration
	for range 8 {
		h.acted(now)
		got = append(got, h.until.Sub(now))
		now = h.until
	}
	s, m := time.Second, time.Minute
	want := []time.Duration{15 * s, 30 * s, m, 2 * m, 4 * m, 8 * m, 10 * m, 10 * m}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	h.acted(now.Add(hushMax + time.Second))
	if h.wait != hushMin {
		t.Errorf("after a calm time it waits %v", h.wait)
	}
}
