package audio

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// drawing shows a tone in steps of 50 ms: # where it sounds, . where not.
func drawing(t *Tone, length time.Duration) string {
	var b strings.Builder
	step := make([]int16, t.rate/20)
	for range int(length / (50 * time.Millisecond)) {
		t.Next(step)
		if Level(step) > -60 {
			b.WriteByte('#')
		} else {
			b.WriteByte('.')
		}
	}
	return b.String()
}

func TestCadence(t *testing.T) {
	on, off := func(n int) string { return strings.Repeat("#", n) }, func(n int) string { return strings.Repeat(".", n) }
	for _, tc := range []struct {
		kind    ToneKind
		country string
		want    string
	}{
		{Ringback, "eu", on(20) + off(80) + on(20)},
		{Ringback, "us", on(40) + off(80) + on(40)},
		{Ringback, "uk", on(8) + off(4) + on(8) + off(40) + on(8)},
		{Ring, "uk", on(8) + off(4) + on(8) + off(40) + on(8)},
		{Ring, "eu", on(20) + off(80) + on(20)},
		{Busy, "eu", on(10) + off(10) + on(10)},
		{Busy, "us", on(10) + off(10) + on(10)},
		{Congestion, "us", on(5) + off(5) + on(5)},
		{Congestion, "eu", on(4) + off(4) + on(4)},
		{CallWaiting, "eu", on(4) + off(4) + on(4) + off(100) + on(4)},
		{CallWaiting, "us", on(6) + off(200) + on(6)},
		{CallWaiting, "uk", on(2) + off(80) + on(2)},
		{Busy, "atlantis", on(10) + off(10)},
		{Comfort, "eu", off(1) + on(12) + off(2) + on(12) + off(74) + on(12)}, // soft edges,
		{NoTone, "eu", off(100)},
	} {
		t.Run(tc.kind.String()+" in "+tc.country, func(t *testing.T) {
			for _, rate := range []int{8000, 48000} {
				got := drawing(NewTone(tc.kind, tc.country, rate), time.Duration(len(tc.want))*50*time.Millisecond)
				if got != tc.want {
					t.Fatalf("at %d Hz\n got %s\nwant %s", rate, got, tc.want)
				}
			}
		})
	}
}

func TestToneFrequenciesAndLevels(t *testing.T) {
	for _, tc := range []struct {
		kind    ToneKind
		country string
		has     []float64
		level   float64
	}{
		{Ringback, "eu", []float64{425}, -22},
		{Ringback, "us", []float64{440, 480}, -22},
		{Ringback, "uk", []float64{400, 450}, -22},
		{Busy, "us", []float64{480, 620}, -22},
		{Ring, "us", []float64{660, 880}, -14},
	} {
		t.Run(tc.kind.String()+" in "+tc.country, func(t *testing.T) {
			second := make([]int16, 8000)
			NewTone(tc.kind, tc.country, 8000).Next(second)
			second = second[400:2800] // the middle of what sounds in every country
			near(t, "level", Level(second), tc.level, 0.7)
			for _, f := range tc.has {
				if got := ToneLevel(second, 8000, f); got < tc.level-8 {
					t.Errorf("%.0f Hz stands at %.1f dBFS", f, got)
				}
			}
		})
	}
}

func TestComfortIsQuieterThanAnythingElse(t *testing.T) {
	long := make([]int16, 8000*5)
	NewTone(Comfort, "eu", 8000).Next(long)
	if got := Peak(long); got > -28 || got < -36 {
		t.Errorf("peak %.1f dBFS", got)
	}
}

// A click is a jump from one sample to the next that the tone itself, at its
// highest frequency and full level, cannot make.
func TestTonesDoNotClick(t *testing.T) {
	for _, country := range []string{"eu", "us", "uk"} {
		for kind := Ring; kind <= Comfort; kind++ {
			s := make([]int16, 48000*6)
			NewTone(kind, country, 48000).Next(s)
			limit := Linear(Peak(s))*math.MaxInt16*2*math.Pi*880/48000 + 2
			for i := 1; i < len(s); i++ {
				if d := math.Abs(float64(s[i]) - float64(s[i-1])); d > limit {
					t.Errorf("%s in %s jumps by %.0f at %d", kind, country, d, i)
					break
				}
			}
		}
	}
}

func TestToneDoesNotDependOnTheFrame(t *testing.T) {
	whole, pieces := make([]int16, 16000), make([]int16, 0, 16000)
	NewTone(Ring, "uk", 8000).Next(whole)
	for tone := NewTone(Ring, "uk", 8000); len(pieces) < len(whole); {
		n := min(len(whole)-len(pieces), 1+len(pieces)%333)
		tone.Next(pieces[len(pieces) : len(pieces)+n])
		pieces = pieces[:len(pieces)+n]
	}
	if !slices.Equal(whole, pieces) {
		t.Fatal("the samples differ")
	}
}
