package desk

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ramble/audio"
)

// testDevice ticks until the context ends or its own end comes.
type testDevice struct {
	name  string
	rate  int
	fails time.Duration // 0: never
	err   error
	stuck chan struct{} // not nil: gives no ticks and does not let go until closed
	runs  int
	late  func(tick func(in, out []int16)) // called after it was let go
}

func (d *testDevice) String() string { return d.name }
func (d *testDevice) Rate() int      { return d.rate }

func (d *testDevice) Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) error {
	d.runs++
	if d.stuck != nil {
		<-d.stuck
		if d.late != nil {
			d.late(tick)
		}
		return nil
	}
	if d.fails == 0 {
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
	d := New(Options{Device: dev, OnTrouble: func(err error) { trouble = append(trouble, err.Error()) }})
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
		name  string
		dev   *testDevice
		plays int // in five seconds
		says  string
	}{
		{"a good device", &testDevice{name: "card", rate: 48000}, 250, ""},
		{"it fails at once", &testDevice{name: "card", rate: 48000, fails: 1, err: errors.New("unplugged")}, 250, "sound device card: unplugged"},
		{"it fails later", &testDevice{name: "card", rate: 48000, fails: time.Second, err: errors.New("unplugged")}, 250, "sound device card: unplugged"},
		{"it ends by itself", &testDevice{name: "card", rate: 48000, fails: time.Second}, 250, "sound device card: it stopped"},
		{"it has an odd rate", &testDevice{name: "card", rate: 11025}, 250, "11025 Hz in 20ms is no format"},
		{"it stands still", &testDevice{name: "card", rate: 48000, stuck: make(chan struct{})}, 125, "it gives no sound"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tc.dev.stuck != nil {
					tc.dev.stuck = make(chan struct{}) // of this bubble
				}
				leg := &testLeg{rate: 8000, f: 500}
				trouble := runDesk(t, tc.dev, leg, func(*Desk) { wait(5 * time.Second) })
				if tc.dev.stuck != nil {
					close(tc.dev.stuck)
				}
				if leg.plays < tc.plays-2 || leg.plays > tc.plays+2 {
					t.Errorf("%d frames in five seconds, want %d", leg.plays, tc.plays)
				}
				if got := strings.Join(trouble, "\n"); !strings.Contains(got, tc.says) || (tc.says == "") != (got == "") || len(trouble) > 1 {
					t.Errorf("trouble: %q, want %q", got, tc.says)
				}
			})
		})
	}
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
		if first.runs != 2 || second.runs != 2 {
			t.Errorf("runs: %d and %d", first.runs, second.runs)
		}
	})
}

func TestUseBeforeRunSparesTheFirstDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &testDevice{name: "first", rate: 48000}, &testDevice{name: "second", rate: 16000}
		d := New(Options{Device: first})
		d.Use(first)
		d.Use(second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d.Run(ctx)
		if first.runs != 0 || second.runs != 1 {
			t.Errorf("runs: %d and %d", first.runs, second.runs)
		}
	})
}

func TestADeviceThatWasGivenUpHasNoSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leg := &testLeg{rate: 8000, f: 500}
		card := &testDevice{name: "card", rate: 48000, stuck: make(chan struct{})}
		heard := make(chan float64, 1)
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
