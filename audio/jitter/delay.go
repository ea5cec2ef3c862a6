package jitter

import (
	"math"
	"time"
)

const (
	binWidth = 2 * time.Millisecond
	bins     = 256 // up to 512 ms; what is later falls into the last
	// forget weighs a packet by its age: at 50 a second the last 12 s count.
	forget = 0.9983
	// window is the time after which a fastest packet no longer counts, so
	// that drifting clocks and slower paths are followed.
	window = 5 * time.Second
	// lightest is the least delay that is aimed at: packets of a quiet network
	// and the ticks of a player are not even to the millisecond.
	lightest = 4 * time.Millisecond
)

// delays learns how late packets are, and says what a delay costs. A transit is
// the arrival less the media time, on an arbitrary scale; only differences mean
// something.
type delays struct {
	most   time.Duration
	known  bool
	base   time.Duration    // transit of the fastest packet
	grid   time.Duration    // base, rounded down to the width of a bin
	lows   [2]time.Duration // least transit of this window and the last
	since  time.Duration    // start of the window
	n      int
	weight float32       // of the next packet: instead of all older ones shrinking, it grows
	bins   [bins]float32 // by relative delay
	total  float32
	target time.Duration // the cheapest delay as of late
	stale  int           // packets since it was found
	peaks  peaks
}

func (e *delays) init(most time.Duration) {
	e.most, e.weight, e.target = most, 1, lightest
}

// relative is how much slower than the fastest packet a transit is.
func (e *delays) relative(transit time.Duration) time.Duration { return transit - e.base }

// rebase makes transit the fastest one. The shape of the histogram stays.
func (e *delays) rebase(at, transit time.Duration) {
	e.known, e.base, e.grid = true, transit, floor(transit)
	e.lows = [2]time.Duration{transit, transit}
	e.since = at
}

// add learns from one packet.
func (e *delays) add(at, transit time.Duration) {
	if !e.known {
		e.rebase(at, transit)
	}
	if at-e.since >= window {
		e.lows[1], e.lows[0] = e.lows[0], transit
		e.since = at
	}
	e.lows[0] = min(e.lows[0], transit)
	e.shiftBase(min(e.lows[0], e.lows[1]))

	// Fast start: the first packets weigh as much as they are many.
	e.n++
	if f := min(forget, 1-1/float64(e.n+1)); f == forget {
		e.weight /= forget
	}
	e.bins[min(max(int((transit-e.grid)/binWidth), 0), bins-1)] += e.weight
	e.total += e.weight
	if e.weight > 1e20 {
		e.rescale()
	}
	e.peaks.add(at, e.relative(transit), e.target, e.most)
	if e.stale++; e.stale >= 5 || e.n < 50 {
		e.target, e.stale = e.cheapest(), 0
	}
}

func (e *delays) rescale() {
	for i := range e.bins {
		e.bins[i] /= e.weight
	}
	e.total /= e.weight
	e.weight = 1
}

// shiftBase changes the base and shifts the histogram, so that what was learnt
// stays true on the scale of transits.
func (e *delays) shiftBase(base time.Duration) {
	grid := floor(base)
	shift := int((e.grid - grid) / binWidth)
	e.base, e.grid = base, grid
	switch {
	case shift > 0: // the base fell: everything seen was later than thought
		shift = min(shift, bins)
		for i := bins - 1; i >= 0; i-- {
			v := e.bins[i]
			e.bins[i] = 0
			e.bins[min(i+shift, bins-1)] += v
		}
	case shift < 0:
		shift = min(-shift, bins)
		for i := range bins {
			v := e.bins[i]
			e.bins[i] = 0
			e.bins[max(i-shift, 0)] += v
		}
	}
}

// cost is the impairment, in points of the E-model's R, of a delay and of what
// is late at it (ITU-T G.107; the first term three times over, since a delay
// that this buffer adds comes on top of those of the way).
func cost(d time.Duration, late float64) float64 {
	ms, p := float64(d)/float64(time.Millisecond), 100*late
	return 3*0.024*ms + 0.11*max(0, ms-120) + 95*p/(p+25.1)
}

// late is the share of packets that would be late at a delay.
func (e *delays) late(d time.Duration) float64 {
	if e.total == 0 {
		return 0
	}
	last := int((d + e.base - e.grid) / binWidth) // bins below are in time
	sum := float32(0)
	for i := max(last, 0); i < bins; i++ {
		sum += e.bins[i]
	}
	return float64(sum / e.total)
}

// cheapest is the delay of the least cost, on the grid of the bins.
func (e *delays) cheapest() time.Duration {
	best, at := math.Inf(1), lightest
	var tail float32
	for i := bins - 1; i >= 0; i-- {
		d := time.Duration(i+1)*binWidth - (e.base - e.grid)
		if d <= e.most {
			if c := cost(d, float64(tail/e.total)); c <= best {
				best, at = c, d
			}
		}
		tail += e.bins[i]
	}
	return min(max(at, lightest, e.peaks.hold), e.most)
}

// floor rounds down to a multiple of the bin width.
func floor(d time.Duration) time.Duration {
	r := d % binWidth
	if r < 0 {
		r += binWidth
	}
	return d - r
}

const (
	peakExtra = 78 * time.Millisecond // above the target, or twice it, is a peak
	peakApart = 10 * time.Second      // between two peaks of one series
)

// peaks notices delays that return: two within ten seconds, and their height is
// held for as long again, since the third will come.
type peaks struct {
	hold  time.Duration // zero: none
	last  time.Duration // when the last one ended
	high  time.Duration // of the one that runs
	count int           // in this series
	was   time.Duration // height of the one before
}

func (p *peaks) add(at, relative, target, most time.Duration) {
	base := target
	if p.hold > 0 {
		base = 0
	}
	if p.count > 0 && at-p.last > peakApart {
		*p = peaks{}
	}
	if relative <= max(2*base, base+peakExtra) {
		if p.high > 0 && p.high <= most { // it is over
			p.count++
			if p.count > 1 {
				p.hold = max(p.high, p.was)
			}
			p.was = p.high
		}
		p.high = 0
		return
	}
	p.high, p.last = max(p.high, relative), at
}
