package jitter

import (
	"math"
	"time"
)

const (
	// look is the time over which the fastest packet and the earliest demand
	// are looked for.
	look = time.Second
	// believed is how many such times a slope must have lasted to be believed,
	// and how sure of it one must be, in parts.
	believed = 8
	sure     = 40e-6
	// driftForget weighs a look by its age: about a minute counts.
	driftForget = 0.97
	maxDrift    = 500e-6
	// noDrift is too little to correct: less than a millisecond in a minute.
	noDrift = 12e-6
	// leap is a change between two looks that is none of a clock.
	leap = 4 * time.Millisecond
)

// drift follows how the sender's clock runs against the player's: the slope of
// the least transit, less that of the earliest demands of the player, by least
// squares.
type drift struct {
	rate     float64       // in parts; positive: the sender is slower
	now, own time.Duration // the newest instant, and what it is on the sender's clock
	since    time.Duration // start of this look
	transit  time.Duration // least in it
	demand   time.Duration // least in it: when samples were asked for, less their time
	packets  bool          // one came in it
	asks     bool
	x        float64 // looks since the last restart
	first    float64 // y of the first
	odd      int     // looks in a row that fit no slope
	fit
}

// fit are the sums of a line's least squares.
type fit struct {
	n                        int
	w, sx, sy, sxx, sxy, syy float64
}

// restart forgets the slope, since something else changed the delay, and keeps
// the rate.
func (d *drift) restart() {
	*d = drift{rate: d.rate, since: d.since, now: d.now, own: d.own}
}

// sender is an instant on the sender's clock, as far as the rate is known. All
// delays are taken on it, so that none grows by itself.
func (d *drift) sender(at time.Duration) time.Duration {
	passed := at - d.now
	d.now = at
	d.own += passed - time.Duration(float64(passed)*d.corrected())
	return d.own
}

// arrived takes the transit of a packet.
func (d *drift) arrived(at, transit time.Duration) {
	if !d.packets || transit < d.transit {
		d.transit, d.packets = transit, true
	}
	d.close(at)
}

// asked takes the time at which samples are asked for that lie at played in the
// player's own time.
func (d *drift) asked(at, played time.Duration) {
	if early := at - played; !d.asks || early < d.demand {
		d.demand, d.asks = early, true
	}
	d.close(at)
}

// close ends a look.
func (d *drift) close(at time.Duration) {
	if at-d.since < look {
		return
	}
	if d.packets && d.asks {
		d.learn((d.transit - d.demand).Seconds())
	}
	d.since, d.packets, d.asks = at, false, false
	d.x++
}

func (d *drift) learn(y float64) {
	if d.n == 0 {
		d.first = y
	}
	y -= d.first
	if d.n >= 3 {
		if off := y - d.at(d.x); off > leap.Seconds() || off < -leap.Seconds() {
			if d.odd++; d.odd >= 3 {
				d.restart()
			}
			return
		}
	}
	d.odd = 0
	d.n++
	d.w = d.w*driftForget + 1
	d.sx = d.sx*driftForget + d.x
	d.sy = d.sy*driftForget + y
	d.sxx = d.sxx*driftForget + d.x*d.x
	d.sxy = d.sxy*driftForget + d.x*y
	d.syy = d.syy*driftForget + y*y
	if d.n < believed {
		return
	}
	slope, spread := d.slope()
	left := d.syy/d.w - square(d.sy/d.w) - slope*slope*spread/d.w // mean square of what is left
	if math.Sqrt(max(left, 0)/spread) > sure {
		return
	}
	d.rate = max(-maxDrift, min(maxDrift, slope))
}

// slope is in seconds per look of a second, spread the weighted sum of squares
// of x around its mean.
func (d *drift) slope() (slope, spread float64) {
	spread = max(d.sxx-d.sx*d.sx/d.w, 1e-9)
	return (d.sxy - d.sx*d.sy/d.w) / spread, spread
}

// at is where the slope lies at x.
func (d *drift) at(x float64) float64 {
	slope, _ := d.slope()
	if d.n < believed {
		slope = max(-maxDrift, min(maxDrift, slope))
	}
	return d.sy/d.w + slope*(x-d.sx/d.w)
}

// corrected is the rate that is worth correcting.
func (d *drift) corrected() float64 {
	if d.rate < noDrift && d.rate > -noDrift {
		return 0
	}
	return d.rate
}

func square(v float64) float64 { return v * v }
