package stream

import (
	"math"
	"math/rand/v2"
)

// speechLike is n samples of something that a codec, a pitch search and a
// correlation take for a voice: syllables of a gliding pitch through three
// formants, hisses between some of them, pauses over a quiet room.
func speechLike(rate, n int, seed uint64) []int16 {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]int16, n)
	var formants [3]resonator
	phase, pitch, glide, level, want, hiss := 0.0, 120.0, 0.0, 0.0, 0.0, 0.0
	for i, left := 0, 0; i < n; i++ {
		if left == 0 {
			left = rate * (120 + rng.IntN(180)) / 1000
			pitch, glide = 95+110*rng.Float64(), (rng.Float64()-0.5)*60
			want, hiss = 1, 0
			switch rng.IntN(6) {
			case 0: // a pause
				want = 0
			case 1: // a hiss
				want, hiss = 0.25, 1
			}
			for k, f := range [3]float64{300 + 500*rng.Float64(), 900 + 1100*rng.Float64(), 2300 + 700*rng.Float64()} {
				formants[k].tune(f, 90+60*float64(k), rate)
			}
		}
		left--
		level += (want - level) * 60 / float64(rate)
		pitch += glide / float64(rate)
		phase += pitch / float64(rate)
		source := 0.0
		if phase >= 1 {
			phase--
			source = 1
		}
		source = source*(1-hiss) + hiss*0.25*rng.NormFloat64() + 0.01*rng.NormFloat64()
		v := 0.0
		for k := range formants {
			v += formants[k].next(source) / float64(k+1)
		}
		out[i] = int16(max(-20000, min(20000, 9000*level*v+12*rng.NormFloat64())))
	}
	return out
}

// resonator is a filter of second order.
type resonator struct{ gain, a, b, y1, y2 float64 }

func (r *resonator) tune(frequency, width float64, rate int) {
	radius := math.Exp(-math.Pi * width / float64(rate))
	r.a = 2 * radius * math.Cos(2*math.Pi*frequency/float64(rate))
	r.b = -radius * radius
	r.gain = 1 - radius
}

func (r *resonator) next(x float64) float64 {
	y := r.gain*8*x + r.a*r.y1 + r.b*r.y2
	r.y2, r.y1 = r.y1, y
	return y
}
