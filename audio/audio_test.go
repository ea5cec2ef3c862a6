package audio

import (
	"math"
	"testing"
	"time"
)

// sine is a tone of that level for tests, in whole samples.
func sine(n, rate int, f, dBFS float64) []int16 {
	out := make([]int16, n)
	peak := Linear(dBFS) * math.Sqrt2 * math.MaxInt16
	for i := range out {
		out[i] = clampFloat(float32(peak * math.Sin(2*math.Pi*f*float64(i)/float64(rate))))
	}
	return out
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %.2f, want %.2f", what, got, want)
	}
}

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		name    string
		format  Format
		samples int
		valid   bool
	}{
		{"telephone", Format{8000, 20 * time.Millisecond}, 160, true},
		{"wide band at 10 ms", Format{16000, 10 * time.Millisecond}, 160, true},
		{"compact disc", Format{44100, 20 * time.Millisecond}, 882, true},
		{"half a sample is no frame", Format{11025, 20 * time.Millisecond}, 220, false},
		{"no rate", Format{0, 20 * time.Millisecond}, 0, false},
		{"no frame", Format{8000, 0}, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.format.Samples() != tc.samples || tc.format.Valid() != tc.valid {
				t.Fatalf("%s: %d samples, valid %v", tc.format, tc.format.Samples(), tc.format.Valid())
			}
		})
	}
}

func TestLevel(t *testing.T) {
	square := make([]int16, 160)
	for i := range square {
		square[i] = math.MaxInt16
	}
	near(t, "a full square is 0 dBFS", Level(square), 0, 0.01)
	near(t, "a full sine is -3 dBFS", Level(sine(8000, 8000, 1000, -3.01)), -3.01, 0.01)
	near(t, "its peak is 0", Peak(sine(8000, 8000, 1000, -3.02)), 0, 0.05)
	near(t, "zeros are silence", Level(make([]int16, 160)), Silence, 0)
	near(t, "nothing is silence", Level(nil), Silence, 0)
	near(t, "the least sample has a peak of 0", Peak([]int16{math.MinInt16}), 0, 0.01)
}

func TestMeter(t *testing.T) {
	m := NewMeter(8000)
	near(t, "a fresh meter", m.Level(), Silence, 0)
	for range 50 {
		m.Add(sine(160, 8000, 1000, -20))
	}
	near(t, "after a second of tone", m.Level(), -20, 0.1)
	for range 5 {
		m.Add(make([]int16, 160))
	}
	near(t, "100 ms after its end", m.Level(), -20-4.34, 0.1)
}

func TestGain(t *testing.T) {
	frame := func() []int16 { return []int16{1000, 1000, 1000, 1000} }
	var g Gain
	equal := func(what string, want ...int16) {
		t.Helper()
		f := frame()
		g.Apply(f)
		for i := range want {
			if f[i] != want[i] {
				t.Errorf("%s: got %v, want %v", what, f, want)
				return
			}
		}
	}
	equal("zero value", 1000, 1000, 1000, 1000)
	g.Set(0)
	equal("glides down", 750, 500, 250, 0)
	if !g.Silent() {
		t.Error("not silent")
	}
	equal("muted", 0, 0, 0, 0)
	g.Set(0.5)
	equal("glides up", 125, 250, 375, 500)
	equal("stays", 500, 500, 500, 500)
	g.Jump(100)
	equal("is cut at full scale", math.MaxInt16, math.MaxInt16)
}

func TestMixLeavesOutTheOwnVoice(t *testing.T) {
	a, b, c := []int16{1, 30000, -30000}, []int16{2, 30000, -30000}, []int16{4, 1, -1}
	var m Mix
	m.Reset(3)
	m.Add(a)
	m.Add(b)
	m.Add(c)
	all, without := make([]int16, 3), make([]int16, 3)
	m.All(all)
	m.Without(without, b)
	for i, want := range [][2]int16{{7, 5}, {32767, 30001}, {-32768, -30001}} {
		if all[i] != want[0] || without[i] != want[1] {
			t.Errorf("sample %d: all %d, without b %d, want %v", i, all[i], without[i], want)
		}
	}
	m.Reset(3)
	m.All(all)
	if all[0] != 0 {
		t.Error("Reset left something")
	}
}

func TestToneLevel(t *testing.T) {
	s := sine(8000, 8000, 1000, -20)
	near(t, "the tone that is there", ToneLevel(s, 8000, 1000), -20, 0.05)
	if got := ToneLevel(s, 8000, 1500); got > -60 {
		t.Errorf("a tone that is not there: %.1f", got)
	}
	near(t, "nothing", ToneLevel(nil, 8000, 1000), Silence, 0)
}

func TestNothingAllocatesOnceWarm(t *testing.T) {
	frame, other := sine(160, 8000, 1000, -20), make([]int16, 960)
	meter, tone, up := NewMeter(8000), NewTone(Ring, "uk", 8000), NewResampler(8000, 48000)
	var gain Gain
	gain.Set(0.9)
	var mix Mix
	if n := testing.AllocsPerRun(100, func() {
		meter.Add(frame)
		gain.Apply(frame)
		tone.Next(frame)
		up.Process(other, frame)
		mix.Reset(160)
		mix.Add(frame)
		mix.Without(frame, frame)
		ToneLevel(frame, 8000, 440)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
