package jitter

import "time"

const (
	binWidth = 5 * time.Millisecond
	bins     = 128 // up to 640 ms; what is later falls into the last
	quantile = 0.97
	// forget weighs a packet by its age: at 50 a second the last 10 s count.
	forget = 0.998
	// window is the time after which a fastest packet no longer counts, so
	// that drifting clocks and slower paths are followed.
	window = 5 * time.Second
)

// estimator learns how late packets are. A transit is the arrival less the
// media time, on an arbitrary scale; only differences mean something.
type estimator struct {
	min, max time.Duration
	target   time.Duration
	known    bool
	base     time.Duration    // transit of the fastest packet, on the grid of the bins
	lows     [2]time.Duration // least transit of this window and the last
	highs    [2]time.Duration // greatest
	since    time.Duration    // start of the window
	settle   time.Duration    // until then the base moves freely and nothing is learnt
	n        int
	bins     [bins]float32
}

func (e *estimator) init(least, most time.Duration) {
	e.min, e.max, e.target = least, most, least
}

// relative is how much slower than the fastest packet a transit is.
func (e *estimator) relative(transit time.Duration) time.Duration { return transit - e.base }

// rebase makes transit the fastest one and learns nothing until settled: after
// an outage or a jump the first packets may be a burst that was held back. The
// shape of the histogram stays.
func (e *estimator) rebase(at, transit time.Duration) {
	e.known, e.base = true, grid(transit)
	e.settled(at)
}

// settled starts the settling time without moving the base.
func (e *estimator) settled(at time.Duration) {
	e.restartWindow(at)
	e.settle = at + e.max
}

func (e *estimator) restartWindow(at time.Duration) {
	e.lows = [2]time.Duration{e.base, e.base}
	e.highs = [2]time.Duration{e.base + e.target, e.base + e.target}
	e.since = at
}

// add learns from one packet.
func (e *estimator) add(at, transit time.Duration) {
	if !e.known {
		e.known, e.base = true, grid(transit)
		e.restartWindow(at)
	}
	low := grid(transit)
	if at < e.settle {
		e.base = min(e.base, low)
		e.restartWindow(at)
		return
	}
	if at-e.since >= window {
		e.lows[1], e.lows[0] = e.lows[0], low
		e.highs[1], e.highs[0] = e.highs[0], low
		e.since = at
	}
	e.lows[0], e.highs[0] = min(e.lows[0], low), max(e.highs[0], low)
	e.move(min(e.lows[0], e.lows[1]))

	// Fast start: the first packets weigh as much as they are many.
	e.n++
	f := float32(min(forget, 1-1/float64(e.n)))
	for i := range e.bins {
		e.bins[i] *= f
	}
	i := min(int((transit-e.base)/binWidth), bins-1)
	e.bins[i] += 1 - f
	e.target = e.goal()
}

// move changes the base and shifts the histogram, so that what was learnt
// stays true on the scale of transits.
func (e *estimator) move(base time.Duration) {
	shift := int((e.base - base) / binWidth)
	e.base = base
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

// goal is the quantile, but no more than what the slowest packet of the last
// windows needed: a path that became faster shows it within 5 to 10 s.
func (e *estimator) goal() time.Duration {
	most := max(e.highs[0], e.highs[1]) - e.base + binWidth
	var sum, total float32
	for _, v := range e.bins {
		total += v
	}
	for i, v := range e.bins {
		if sum += v; sum >= quantile*total {
			return min(max(min(time.Duration(i+1)*binWidth, most), e.min), e.max)
		}
	}
	return e.max
}

// grid rounds down to a multiple of the bin width.
func grid(d time.Duration) time.Duration {
	r := d % binWidth
	if r < 0 {
		r += binWidth
	}
	return d - r
}
