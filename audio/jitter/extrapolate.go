package jitter

import (
	"math"
	"time"
)

const (
	maxOrder = 20
	analysis = 25 * time.Millisecond // of the last sound, for the spectrum
	compare  = 15 * time.Millisecond // window in which the pitch is looked for
)

// extrapolator continues a sound: its spectrum as an all-pole filter, driven by
// the last pitch cycles of what that filter leaves (the residual), and by noise
// where it has no pitch.
type extrapolator struct {
	rate     int
	order    int
	poles    [maxOrder]float64 // a[1..order] of 1 + a1 z^-1 + ...
	memory   [maxOrder]float64 // what was made last, newest first
	residual []float64
	period   int
	cycles   int // of the residual that are repeated
	pos      int
	made     int
	voiced   float64 // 0 to 1
	power    float64 // of the residual, as an amplitude
	gain     float64 // per sample: the slope goes on
	level    float64
	noise    noise
}

func (e *extrapolator) init(rate int, seed uint32) {
	e.rate, e.order = rate, 10
	if rate > 8000 {
		e.order = 16
	}
	e.residual = make([]float64, samples(rate, history))
	e.noise.rng = seed
}

// begin learns from the sound that is to go on.
func (e *extrapolator) begin(x []int16) {
	e.analyse(x[max(0, len(x)-samples(e.rate, analysis)):])
	r := e.residual[:len(x)]
	for i := range x {
		v := float64(x[i])
		for k := 1; k <= e.order && k <= i; k++ {
			v += e.poles[k-1] * float64(x[i-k])
		}
		r[i] = v
	}
	for k := range e.order {
		e.memory[k] = 0
		if k < len(x) {
			e.memory[k] = float64(x[len(x)-1-k])
		}
	}
	var like float64
	e.period, like = e.pitch(x)
	e.voiced = max(0, min(1, (like-0.3)/0.4))
	last := r[max(0, len(r)-max(e.period, samples(e.rate, stretch))):]
	e.power = 0
	for _, v := range last {
		e.power += v * v
	}
	e.power = math.Sqrt(e.power / float64(max(len(last), 1)))
	e.cycles, e.pos, e.made = 1, 0, 0
	e.level, e.gain = 1, e.slope(x)
}

// slope is the change of level per sample that the last 20 ms show: a sound that
// dies goes on to die, one that grows does not go on to grow.
func (e *extrapolator) slope(x []int16) float64 {
	n := samples(e.rate, stretch)
	if len(x) < 2*n {
		return 1
	}
	was, is := meanSquare(x[len(x)-2*n:len(x)-n]), meanSquare(x[len(x)-n:])
	if was <= 0 || is >= was {
		return 1
	}
	return math.Pow(max(is/was, 0.25), 0.25/float64(n)) // half of the slope in dB
}

// next is the next sample.
func (e *extrapolator) next() float64 {
	cycle := e.period * e.cycles
	from := len(e.residual) - cycle
	pulse := e.residual[from+e.pos]
	if e.pos++; e.pos >= cycle {
		e.pos = 0
	}
	hiss := e.noise.white() * math.Sqrt(3) * e.power
	v := e.voiced*pulse + (1-e.voiced)*hiss
	for k := range e.order {
		v -= e.poles[k] * e.memory[k]
	}
	v = max(-40000, min(40000, v))
	copy(e.memory[1:e.order], e.memory[:e.order-1])
	e.memory[0] = v
	e.level *= e.gain
	if e.made++; e.made%samples(e.rate, stretch) == 0 && e.cycles < 3 && e.pos == 0 {
		if longer := e.period * (e.cycles + 1); longer <= len(e.residual)-e.order {
			e.cycles++
		}
	}
	return v * e.level
}

// pitch is the lag, in samples, at which the last sound resembles itself most,
// and how much.
func (e *extrapolator) pitch(x []int16) (lag int, like float64) {
	stride := max(1, e.rate/8000)
	width := samples(e.rate, compare)
	least, most := samples(e.rate, minPitch), min(samples(e.rate, maxPitch), len(x)-width)
	if most < least {
		return min(least, len(x)), 0
	}
	window := x[len(x)-width:]
	lag = most
	best := 0.0
	for l := least; l <= most; l++ {
		shifted := x[len(x)-width-l:]
		var ab, aa, bb float64
		for i := 0; i < width; i += stride {
			u, v := float64(window[i]), float64(shifted[i])
			ab += u * v
			aa += u * u
			bb += v * v
		}
		if ab <= 0 || aa == 0 || bb == 0 {
			continue
		}
		// A much longer lag must be better, or multiples of the period win.
		c, handicap := ab/math.Sqrt(aa*bb), 1.0
		if l > lag+lag/4 {
			handicap = 1.02
		}
		if best == 0 || c > best*handicap {
			best, lag = c, l
		}
	}
	return lag, best
}

// analyse finds the all-pole filter of a sound (Levinson and Durbin, over the
// autocorrelation of a window that weighs the end most).
func (e *extrapolator) analyse(x []int16) {
	var r [maxOrder + 1]float64
	n := len(x)
	w := e.residual[:n] // scratch until begin fills it
	rise := n * 4 / 5
	for i, s := range x {
		g := 0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/float64(rise))
		if i >= rise {
			g = math.Cos(math.Pi / 2 * (float64(i-rise) + 0.5) / float64(n-rise))
		}
		w[i] = float64(s) * g
	}
	for k := 0; k <= e.order; k++ {
		for i := k; i < n; i++ {
			r[k] += w[i] * w[i-k]
		}
		f := float64(k) * 2 * math.Pi * 40 / float64(e.rate) // 40 Hz wider
		r[k] *= math.Exp(-f * f / 2)
	}
	r[0] = r[0]*1.0001 + 1
	var a, was [maxOrder + 1]float64
	a[0] = 1
	err := r[0]
	for m := 1; m <= e.order; m++ {
		sum := r[m]
		for i := 1; i < m; i++ {
			sum += a[i] * r[m-i]
		}
		k := -sum / err
		was = a
		for i := 1; i < m; i++ {
			a[i] += k * was[m-i]
		}
		a[m] = k
		err *= 1 - k*k
	}
	for k := range e.order {
		e.poles[k] = a[k+1]
	}
}
