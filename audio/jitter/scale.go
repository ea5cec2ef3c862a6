package jitter

import (
	"math"
	"time"
)

const (
	minPitch = 2500 * time.Microsecond // 400 Hz
	maxPitch = 15 * time.Millisecond   // 66 Hz
	likeness = 0.9                     // correlation of two periods that are one for the ear
)

// rescale leaves out or puts in one pitch period at the ring's head, where that
// is wanted and nobody will hear it (WSOLA).
func (b *Buffer) rescale() {
	o, p := &b.out, &b.out.pace
	if !p.wants() || p.budget < float64(samples(o.rate, minPitch)) {
		return
	}
	x := o.ring[:o.n]
	p.quiet = o.voice.quiet(x[:min(len(x), samples(o.rate, stretch))])
	most := min(samples(o.rate, maxPitch), len(x)/2, int(p.budget)+1)
	if p.shrink > 0 {
		most = min(most, p.shrink)
	}
	lag, like := period(x, samples(o.rate, minPitch), most, o.rate)
	switch {
	case lag == 0:
		return
	case p.quiet:
		if p.shrink > 0 && like < likeness {
			lag = most
		}
	case like < likeness:
		return
	}
	p.budget -= float64(lag)
	if p.shrink > 0 {
		// The first period glides into the second, which it then was.
		for i := range lag {
			w := glide(i, lag)
			x[i+lag] = mix(x[i], x[i+lag], w)
		}
		o.drop(lag)
		p.shrink -= lag
		o.removed += uint64(lag)
		return
	}
	if o.n+lag > len(o.ring) {
		return
	}
	// After the first period the second glides back into the first.
	copy(o.ring[2*lag:], o.ring[lag:o.n])
	o.n += lag
	x = o.ring[:o.n]
	for i := range lag {
		x[lag+i] = mix(x[2*lag+i], x[i], glide(i, lag))
	}
	p.grow -= min(p.grow, lag)
	o.inserted += uint64(lag)
}

// pitchPoints is how many samples two of the longest periods have at 8 kHz, the
// rate at which periods are looked for.
const pitchPoints = 2 * 120

// period is the lag from least to most, in samples, at which the head of x
// resembles what follows most, and how much; 0 where there is too little. It is
// the dearest step of the playout: sums of squares go along, products are of integers.
func period(x []int16, least, most, rate int) (lag int, like float64) {
	stride := max(1, rate/8000)
	first, last := (least+stride-1)/stride, min(most/stride, pitchPoints/2)
	if last < first || len(x) < 2*last*stride {
		return 0, 0
	}
	var points [pitchPoints]int64
	var squares [pitchPoints + 1]int64 // of all points before
	for i := range 2 * last {
		v := int64(x[i*stride])
		points[i], squares[i+1] = v, squares[i]+v*v
	}
	best := -1.0
	for l := first; l <= last; l++ {
		head, next := points[:l], points[l:2*l]
		var even, odd int64 // neither waits for the other
		i := 0
		for ; i+1 < len(head) && i+1 < len(next); i += 2 {
			even += head[i] * next[i]
			odd += head[i+1] * next[i+1]
		}
		if i < l {
			even += head[i] * next[i]
		}
		c := 0.0
		if aa, bb := squares[l], squares[2*l]-squares[l]; aa > 0 && bb > 0 {
			c = float64(even+odd) / math.Sqrt(float64(aa)*float64(bb))
		}
		if c > best {
			best, lag = c, l*stride
		}
	}
	return lag, best
}

// glide is a raised cosine from 0 to 1.
func glide(i, n int) float64 { return 0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/float64(n)) }

// mix goes from a to b as w goes from 0 to 1.
func mix(a, b int16, w float64) int16 { return clamp(float64(a)*(1-w) + float64(b)*w) }

func clamp(v float64) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(v))))
}
