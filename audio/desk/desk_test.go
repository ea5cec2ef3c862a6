package desk

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"ramble/audio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testLeg plays a tone and keeps what it captured last.
type testLeg struct {
	rate           int
	f              float64 // Hz, 0 is silence
	at             int
	plays, samples int
	captured       []int16
	onPlay         func()
}

func (l *testLeg) Rate() int      { return l.rate }
func (l *testLeg) String() string { return fmt.Sprint(l.f, " Hz") }

func (l *testLeg) Play(dst []int16) {
	l.plays++
	wave(dst, l.rate, l.f, &l.at)
	if l.onPlay != nil {
		l.onPlay()
	}
}

func (l *testLeg) Capture(src []int16) {
	l.samples += len(src)
	l.captured = append(l.captured[:0], src...)
}

// wave goes on with a sine at -20 dBFS.
func wave(dst []int16, rate int, f float64, at *int) {
	for i := range dst {
		dst[i] = int16(audio.Linear(-20) * math.Sqrt2 * 32767 * math.Sin(2*math.Pi*f*float64(*at)/float64(rate)))
		*at++
	}
}

// room is a desk with a device at a rate, a tone of 1500 Hz at the microphone
// and ears that remember the last tick.
type room struct {
	*Desk
	t       *testing.T
	rate    int
	in, out []int16
	at      int
}

func newRoom(t *testing.T, rate int) *room {
	r := &room{Desk: New(Options{Device: silence{rate}}), t: t, rate: rate}
	r.in, r.out = make([]int16, rate/50), make([]int16, rate/50)
	return r
}

func (r *room) ticks(n int) {
	for range n {
		wave(r.in, r.rate, 1500, &r.at)
		r.Tick(r.in, r.out)
	}
}

func (r *room) hears(what string, f float64, want bool) {
	r.t.Helper()
	there(r.t, what, r.out, r.rate, f, want)
}

func there(t *testing.T, what string, s []int16, rate int, f float64, want bool) {
	t.Helper()
	level := audio.ToneLevel(s, rate, f)
	if want && math.Abs(level+20) > 2 || !want && level > -60 {
		t.Errorf("%s: %.0f Hz stands at %.1f dBFS, wanted there: %v", what, f, level, want)
	}
}

func TestTwoLegsAreHeardAndDoNotHearEachOther(t *testing.T) {
	r := newRoom(t, 8000)
	a, b := &testLeg{rate: 8000, f: 500}, &testLeg{rate: 8000, f: 1000}
	r.Add(1, a)
	r.Add(2, b)
	r.ticks(5)
	r.hears("a", 500, true)
	r.hears("b", 1000, true)
	r.hears("the own voice", 1500, false)
	there(t, "a is fed the microphone", a.captured, 8000, 1500, true)
	there(t, "b is fed the microphone", b.captured, 8000, 1500, true)
	there(t, "a is not fed b", a.captured, 8000, 1000, false)
	there(t, "b is not fed a", b.captured, 8000, 500, false)
}

// TestTheMixWithoutALegIsTheOthers: what each played is kept as it went into the
// mix, whatever its rate.
func TestTheMixWithoutALegIsTheOthers(t *testing.T) {
	r := newRoom(t, 16000)
	r.Add(1, &testLeg{rate: 8000, f: 500})
	r.Add(2, &testLeg{rate: 16000, f: 1000})
	r.ticks(10)
	for i, own := range []float64{500, 1000} {
		rest := make([]int16, len(r.out))
		r.mix.Without(rest, r.channels[i].voice)
		there(t, "the rest", rest, 16000, own, false)
		there(t, "the rest", rest, 16000, 1500-own, true)
	}
}

func TestMuteAndHold(t *testing.T) {
	for _, tc := range []struct {
		name       string
		do         func(*Desk)
		heard, fed bool
	}{
		{"neither", func(*Desk) {}, true, true},
		{"muted", func(d *Desk) { d.Mute(1, true) }, true, false},
		{"muted and unmuted", func(d *Desk) { d.Mute(1, true); d.Mute(1, false) }, true, true},
		{"held", func(d *Desk) { d.Hold(1, true) }, false, false},
		{"held, muted and resumed", func(d *Desk) { d.Hold(1, true); d.Mute(1, true); d.Hold(1, false) }, true, false},
		{"held while muted and resumed and unmuted", func(d *Desk) {
			d.Mute(1, true)
			d.Hold(1, true)
			d.Hold(1, false)
			d.Mute(1, false)
		}, true, true},
		{"another leg is held", func(d *Desk) { d.Hold(2, true) }, true, true},
		{"replaced after hold", func(d *Desk) { d.Hold(1, true); d.Add(1, &testLeg{rate: 8000, f: 500}) }, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, leg := newRoom(t, 8000), &testLeg{rate: 8000, f: 500}
			r.Add(1, leg)
			r.ticks(3)
			tc.do(r.Desk)
			r.ticks(1) // glides
			leg.captured = leg.captured[:0]
			r.ticks(1)
			r.hears("leg", 500, tc.heard)
			there(t, "fed", leg.captured, 8000, 1500, tc.fed)
			if !tc.heard && (leg.plays != 5 || leg.samples != 5*160) {
				t.Errorf("a held leg was not clocked: %d plays, %d samples in 5 ticks", leg.plays, leg.samples)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	r, leg := newRoom(t, 48000), &testLeg{rate: 8000, f: 500}
	if in, out := r.Levels(1); in != audio.Silence || out != audio.Silence {
		t.Error("a leg that is not there has a level")
	}
	r.Add(1, leg)
	if in, _ := r.Levels(1); in != audio.Silence {
		t.Error("a leg that has not played has a level")
	}
	r.ticks(50)
	in, out := r.Levels(1)
	if math.Abs(in+20) > 0.5 || math.Abs(out+20) > 0.5 {
		t.Errorf("in %.1f, out %.1f, want -20", in, out)
	}
	r.Mute(1, true)
	r.ticks(50)
	if in, out := r.Levels(1); math.Abs(in+20) > 0.5 || out > -50 {
		t.Errorf("muted: in %.1f, out %.1f", in, out)
	}
}

func TestEveryRateMeetsEveryOther(t *testing.T) {
	for _, device := range []int{8000, 16000, 44100, 48000} {
		for _, rate := range []int{8000, 16000, 48000} {
			t.Run(fmt.Sprint(rate, " on ", device), func(t *testing.T) {
				r, leg := newRoom(t, device), &testLeg{rate: rate, f: 500}
				r.Add(1, leg)
				r.ticks(5)
				r.hears("leg", 500, true)
				there(t, "fed", leg.captured, rate, 1500, true)
				if leg.samples != 5*rate/50 {
					t.Errorf("fed %d samples, want %d", leg.samples, 5*rate/50)
				}
			})
		}
	}
}

func TestALegMayChangeItsRate(t *testing.T) {
	r, leg := newRoom(t, 8000), &testLeg{rate: 0, f: 500}
	r.Add(1, leg)
	r.ticks(1)
	if leg.plays != 0 || leg.samples != 0 {
		t.Fatal("a leg without sound was used")
	}
	for _, rate := range []int{8000, 48000, 0, 11025, 16000} {
		leg.rate, leg.plays = rate, 0
		r.ticks(4)
		works := rate != 0 && rate != 11025 // 220.5 samples are no frame
		r.hears(fmt.Sprint("at ", rate), 500, works)
		if works != (leg.plays == 4) {
			t.Errorf("at %d: %d plays", rate, leg.plays)
		}
	}
}

func TestTonesAreHeardHereOnly(t *testing.T) {
	r, leg := newRoom(t, 8000), &testLeg{rate: 8000}
	r.Add(1, leg)
	r.Tone(audio.Busy)
	r.ticks(2)
	r.hears("busy", 425, true)
	if !slices.Equal(leg.captured, r.in) {
		t.Error("the call was fed something else than the microphone")
	}
	r.Tone(audio.Busy)
	r.ticks(1)
	if audio.Level(r.out[:20]) < -30 { // a start glides in
		t.Error("asking for the same tone starts it again")
	}
	r.StopTone()
	r.ticks(1)
	if audio.Level(r.out) == audio.Silence || audio.Level(r.out[150:]) > -40 {
		t.Errorf("the tone does not fade: %.1f, then %.1f", audio.Level(r.out), audio.Level(r.out[150:]))
	}
	r.ticks(1)
	if audio.Level(r.out) != audio.Silence {
		t.Error("the tone does not end")
	}
}

func TestRemovedLegIsNotUsed(t *testing.T) {
	r, a, b := newRoom(t, 8000), &testLeg{rate: 8000, f: 500}, &testLeg{rate: 8000, f: 1000}
	r.Add(1, a)
	r.Add(2, b)
	r.ticks(2)
	r.Remove(1)
	r.Remove(7)
	r.ticks(2)
	r.hears("removed", 500, false)
	r.hears("left", 1000, true)
	if a.plays != 2 || b.plays != 4 {
		t.Errorf("%d and %d plays", a.plays, b.plays)
	}
}

func TestSameMemoryForInAndOutIsALoop(t *testing.T) {
	d, leg := New(Options{}), &testLeg{rate: 8000, f: 500}
	d.Add(1, leg)
	both := make([]int16, 160)
	d.Tick(both, both)
	d.Tick(both, both)
	there(t, "what was played", leg.captured, 8000, 500, true)
}

func TestTickRefusesShortBuffers(t *testing.T) {
	d, leg := New(Options{}), &testLeg{rate: 8000, f: 500}
	d.Add(1, leg)
	out := []int16{1, 2, 3}
	d.Tick(make([]int16, 160), out)
	d.Tick(nil, nil)
	if leg.plays != 0 || out[0] != 0 {
		t.Error("a short buffer was used")
	}
}

func TestTickDoesNotAllocate(t *testing.T) {
	r := newRoom(t, 48000)
	r.Add(1, &testLeg{rate: 8000, f: 500})
	r.Add(2, &testLeg{rate: 48000, f: 700})
	r.Add(3, &testLeg{rate: 16000, f: 900})
	r.Hold(3, true)
	r.Tone(audio.Comfort)
	r.ticks(3)
	if n := testing.AllocsPerRun(100, func() { r.ticks(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestString(t *testing.T) {
	r := newRoom(t, 48000)
	r.Add(1, &testLeg{rate: 8000})
	r.Add(2, &testLeg{rate: 16000})
	r.Hold(1, true)
	r.Mute(2, true)
	r.Tone(audio.Ring)
	r.ticks(1)
	if got, want := r.String(), " (48000 Hz in 20ms), tone ring, leg 1 at 8000 Hz held, leg 2 at 16000 Hz muted"; got != want {
		t.Errorf("got %q", got)
	}
}

// still is a leg that costs nothing, so that the desk itself is measured.
type still int

func (s still) Rate() int         { return int(s) }
func (still) Play(dst []int16)    { clear(dst) }
func (still) Capture(src []int16) {}

func BenchmarkTick(b *testing.B) {
	for _, device := range []int{8000, 48000} {
		for _, legs := range []int{1, 8} {
			b.Run(fmt.Sprintf("device at %d, %d legs at 8000", device, legs), func(b *testing.B) {
				d := New(Options{Device: silence{device}})
				for i := range legs {
					d.Add(i, still(8000))
				}
				in, out := make([]int16, device/50), make([]int16, device/50)
				d.Tick(in, out)
				b.ReportAllocs()
				for b.Loop() {
					d.Tick(in, out)
				}
			})
		}
	}
}
