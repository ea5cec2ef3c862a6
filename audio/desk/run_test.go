package desk

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ramble/audio"
)

type anew struct{}

func (anew) Error() string { return "another headset" }
func (anew) Afresh() bool  { return true }

var errUnplugged = errors.New("unplugged")

// testDevice ticks until the context ends or its own end comes.
type testDevice struct {
	name  string
	rate  int
	fails time.Duration // 0: never
	times int           // it does that so often, 0: always
	err   error
	stuck chan struct{} // not nil: gives no ticks and does not let go until closed
	runs  atomic.Int64
	late  func(tick func(in, out []int16)) // called after it was let go
}

func (d *testDevice) String() string { return d.name }
func (d *testDevice) Rate() int      { return d.rate }

func (d *testDevice) Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) error {
	run := int(d.runs.Add(1))
	if d.stuck != nil {
		<-d.stuck
		if d.late != nil {
			d.late(tick)
		}
		return nil
	}
	if d.fails == 0 || d.times > 0 && run > d.times {
		return silence{d.rate}.Run(ctx, frame, tick)
	}
	ctx, cancel := context.WithTimeout(ctx, d.fails)
	defer cancel()
	silence{d.rate}.Run(ctx, frame, tick)
	return d.err
}

// runDesk runs a desk with one leg in a bubble, lets the test act, and stops
// it. It returns what trouble there was.
func runDesk(t *testing.T, dev Device, leg *testLeg, act func(d *Desk)) (trouble []string) {
	t.Helper()
	d := New(Options{Device: dev})
	well := false
	d.OnChange(func(c Change) {
		switch {
		case c.Err != nil:
			trouble, well = append(trouble, c.Err.Error()), false
		case well:
			t.Errorf("%s is well, twice", c.Device)
		case len(trouble) > 0:
			trouble, well = append(trouble, "back: "+c.Device), true
		}
	})
	d.Add(1, leg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	act(d)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	return trouble
}

func wait(d time.Duration) { <-time.After(d) }

func TestRunKeepsCallsAliveWhenTheDeviceFails(t *testing.T) {
	for _, tc := range []struct {
		name string
		dev  *testDevice
		runs int // tries in five seconds
		says string
	}{
		{"a good device", &testDevice{}, 1, ""},
		{"it fails at once", &testDevice{fails: 1, err: errUnplugged}, 10, "sound device card: unplugged"},
		{"it fails at once and is well then", &testDevice{fails: 1, times: 3, err: errUnplugged}, 4, "sound device card: unplugged\nback: card"},
		{"it fails in a second", &testDevice{fails: 900 * time.Millisecond, times: 1, err: errUnplugged}, 2, "sound device card: unplugged\nback: card"},
		{"it fails after long and is well at once", &testDevice{fails: 3 * time.Second, times: 1, err: errUnplugged}, 2, "sound device card: unplugged\nback: card"},
		{"it starts afresh after long", &testDevice{fails: 3 * time.Second, times: 1, err: anew{}}, 2, ""},
		{"it starts afresh all the time", &testDevice{fails: 100 * time.Millisecond, err: anew{}}, 9, ""},
		{"it ends by itself", &testDevice{fails: 3 * time.Second, times: 1}, 2, "sound device card: it stopped\nback: card"},
		{"it has an odd rate", &testDevice{rate: 11025}, 0, "sound device card: 11025 Hz in 20ms is no format to work in"},
		{"it stands still", &testDevice{stuck: make(chan struct{})}, 1, "sound device card: it gives no sound and takes none"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dev := tc.dev
				dev.name = "card"
				if dev.rate == 0 {
					dev.rate = 48000
				}
				if dev.stuck != nil {
					dev.stuck = make(chan struct{}) // of this bubble
				}
				leg := &testLeg{rate: 8000, f: 500}
				trouble := runDesk(t, dev, leg, func(*Desk) { wait(5*time.Second - time.Millisecond) })
				if dev.stuck != nil {
					close(dev.stuck)
				}
				if leg.plays < 240 || leg.plays > 262 {
					t.Errorf("%d frames in five seconds, want 250", leg.plays)
				}
				if got := strings.Join(trouble, "\n"); got != tc.says {
					t.Errorf("trouble: %q, want %q", got, tc.says)
				}
				if int(dev.runs.Load()) != tc.runs {
					t.Errorf("it was tried %d times, want %d", int(dev.runs.Load()), tc.runs)
				}
			})
		})
	}
}

func TestADeviceRunsOnlyWhileSomethingNeedsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev, leg := &testDevice{name: "card", rate: 48000}, &testLeg{rate: 8000, f: 500}
		runDesk(t, dev, leg, func(d *Desk) {
			is := func(when, want string, runs int) {
				t.Helper()
				synctest.Wait()
				if got := d.Device(); got != want || int(dev.runs.Load()) != runs {
					t.Errorf("%s %q runs, %d runs so far, want %q, %d", when, got, int(dev.runs.Load()), want, runs)
				}
			}
			is("in a call", "card", 1)
			d.Remove(1)
			wait(linger - time.Millisecond)
			is("just after a call", "card", 1)
			wait(100*time.Millisecond - linger/2)
			is("soon after it", "", 1)
			wait(time.Hour)
			is("an hour later", "", 1)
			d.Tone(audio.Ring)
			is("while it rings", "card", 2)
			wait(10 * time.Second)
			d.StopTone()
			d.Add(1, leg)
			wait(time.Second)
			is("when the ring was answered", "card", 2)
			d.Use(nil)
			wait(linger)
			is("without a device", "silence", 2)
		})
	})
}

func TestUseChangesTheDeviceInACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leg := &testLeg{rate: 8000, f: 500}
		first, second := &testDevice{name: "first", rate: 48000}, &testDevice{name: "second", rate: 16000}
		trouble := runDesk(t, first, leg, func(d *Desk) {
			for _, step := range []struct {
				use  Device
				name string
			}{{second, "second"}, {first, "first"}, {nil, "silence"}, {second, "second"}} {
				wait(time.Second)
				d.Use(step.use)
				synctest.Wait()
				if got := d.Device(); got != step.name {
					t.Errorf("running %q, want %q", got, step.name)
				}
			}
			wait(time.Second)
		})
		if leg.plays < 250 || leg.plays > 256 || trouble != nil {
			t.Errorf("%d frames in five seconds, trouble %v", leg.plays, trouble)
		}
		if first.runs.Load() != 2 || second.runs.Load() != 2 {
			t.Errorf("runs: %d and %d", first.runs.Load(), second.runs.Load())
		}
	})
}

func TestUseBeforeRunSparesTheFirstDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &testDevice{name: "first", rate: 48000}, &testDevice{name: "second", rate: 16000}
		d := New(Options{Device: first})
		d.Add(1, &testLeg{rate: 8000})
		d.Use(first)
		d.Use(second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d.Run(ctx)
		if first.runs.Load() != 0 || second.runs.Load() != 1 {
			t.Errorf("runs: %d and %d", first.runs.Load(), second.runs.Load())
		}
	})
}

func TestADeviceThatWasGivenUpHasNoSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leg := &testLeg{rate: 8000, f: 500}
		card := &testDevice{name: "card", rate: 48000, stuck: make(chan struct{})}
		heard := make(chan float64, 2) // it is tried twice
		card.late = func(tick func(in, out []int16)) {
			out := make([]int16, 960)
			tick(make([]int16, 960), out)
			heard <- audio.Level(out)
		}
		runDesk(t, card, leg, func(d *Desk) {
			wait(5 * time.Second)
			close(card.stuck)
			if level := <-heard; level != audio.Silence {
				t.Errorf("its tick brought sound of %.1f dBFS from the leg", level)
			}
		})
	})
}

func TestCommandsWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leg := &testLeg{rate: 8000, f: 500}
		runDesk(t, &testDevice{name: "card", rate: 48000}, leg, func(d *Desk) {
			for i := range 200 {
				d.Mute(1, i%2 == 0)
				d.Hold(1, i%3 == 0)
				d.Levels(1)
				d.Add(2, &testLeg{rate: 16000})
				wait(3 * time.Millisecond)
				d.Remove(2)
				_ = d.String()
			}
			d.Remove(1)
			plays := leg.plays
			wait(time.Second)
			if leg.plays != plays {
				t.Error("a removed leg was used")
			}
		})
	})
}
