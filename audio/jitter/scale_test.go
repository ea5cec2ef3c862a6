package jitter

import (
	"math"
	"math/rand/v2"
	"testing"
)

// plainPeriod is period by its definition.
func plainPeriod(x []int16, least, most, rate int) (lag int, like float64) {
	like = -1
	stride := rate / 8000
	for l := least; l <= most; l += stride {
		var ab, aa, bb float64
		for i := 0; i < l; i += stride {
			u, v := float64(x[i]), float64(x[i+l])
			ab, aa, bb = ab+u*v, aa+u*u, bb+v*v
		}
		if c := ab / math.Sqrt(max(aa*bb, 1)); c > like {
			like, lag = c, l
		}
	}
	return lag, like
}

func TestThePeriodIsThatOfTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []int{8000, 16000, 48000} {
		for range 200 {
			x := make([]int16, 2*15*rate/1000)
			f, noise := 66+rng.Float64()*330, rng.Float64()*3000
			for i := range x {
				x[i] = int16(9000*math.Sin(2*math.Pi*f*float64(i)/float64(rate)) + noise*rng.NormFloat64())
			}
			least, most := rate/400, len(x)/2-rng.IntN(len(x)/4)
			lag, like := period(x, least, most, rate)
			if want, much := plainPeriod(x, least, most, rate); lag != want || math.Abs(like-much) > 1e-9 {
				t.Fatalf("%d Hz: %d (%.6f), want %d (%.6f)", rate, lag, like, want, much)
			}
		}
	}
	for _, n := range []int{0, 10, 39} {
		if lag, _ := period(make([]int16, n), 20, n/2, 8000); lag != 0 {
			t.Errorf("a period of %d in %d samples", lag, n)
		}
	}
	if lag, like := period(make([]int16, 240), 20, 120, 8000); lag == 0 || like != 0 {
		t.Errorf("silence has a period of %d, alike by %.1f", lag, like)
	}
}

func BenchmarkPeriod(b *testing.B) {
	x := make([]int16, 240)
	for i := range x {
		x[i] = int16(9000 * math.Sin(float64(i)/7))
	}
	b.Run("as it is", func(b *testing.B) {
		for b.Loop() {
			period(x, 20, 120, 8000)
		}
	})
	b.Run("by its definition", func(b *testing.B) {
		for b.Loop() {
			plainPeriod(x, 20, 120, 8000)
		}
	})
}
