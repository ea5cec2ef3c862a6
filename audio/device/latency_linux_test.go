package device

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestRoundTrip measures what the sound system adds to a conversation: from a
// frame that is played to the frame in which it is heard, by way of a sink
// without hardware. The figures are in the log; the bound is for a busy machine.
func TestRoundTrip(t *testing.T) {
	eachCard(t, func(t *testing.T, d *daemon, kind string) {
		d.record() // so that the sink's clock is fine
		d.load("back", "module-remap-source", "source_name=mic2 master=out.monitor")

		dev := mustOpen(t, kind+":in="+map[string]string{"pulse": "mic2", "portaudio": Default}[kind])
		t.Setenv("PULSE_SOURCE", "mic2") // for the ALSA plugin
		const seconds = 10
		ctx, cancel := context.WithTimeout(t.Context(), (seconds+2)*time.Second)
		defer cancel()
		var trips, gaps []time.Duration
		var last time.Time
		at, sent := 0, -1
		before := cpu(t)
		err := dev.Run(ctx, frame, func(in, out []int16) {
			now := time.Now()
			if at > 2*fullBand {
				gaps = append(gaps, now.Sub(last))
			}
			last = now
			if i := slices.IndexFunc(in, func(s int16) bool { return s > 5000 }); i >= 0 && sent >= 0 {
				trips = append(trips, time.Duration(at+i-sent)*time.Second/fullBand)
				sent = -1
			}
			clear(out)
			if at%fullBand == 0 && at >= 2*fullBand { // a click a second
				sent = at
				for i := range 48 {
					out[i] = 20000
				}
			}
			at += len(out)
		})
		if !errors.Is(err, context.DeadlineExceeded) || len(trips) < seconds/2 {
			t.Fatalf("%d clicks came back, %v", len(trips), err)
		}
		load := (cpu(t) - before).Seconds() / (seconds + 2)
		slices.Sort(trips)
		slices.Sort(gaps)
		t.Logf("%s: round trip %v (%v to %v), frames %v apart (p99 %v, most %v), %d frames in %d s, CPU %.2f %% of a core", kind,
			trips[len(trips)/2], trips[0], trips[len(trips)-1], gaps[len(gaps)/2], gaps[len(gaps)*99/100], gaps[len(gaps)-1],
			at/960, seconds+2, 100*load)
		if m := trips[len(trips)/2]; m > 250*time.Millisecond {
			t.Errorf("the median round trip takes %v", m)
		}
	})
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
