package jitter

import "time"

const (
	// hurry is by how much sound is made faster or slower, quietHurry where it
	// is background.
	hurry      = 0.13
	quietHurry = 0.30
	// patience is how long a delay has been too great before it is lowered,
	// unless it is much too great.
	patience = 500 * time.Millisecond
	// gain is how many points of the E-model a change of the delay must save.
	gain = 0.4
)

// pace is what the delay wants of the speed.
type pace struct {
	shrink, grow int     // samples to leave out, or to put in
	free         int     // of shrink, those that cost no packet its time
	budget       float64 // samples that may be left out or put in now
	cap          float64
	quiet        bool
	over         time.Duration // for how long the delay has been too great
}

func (p *pace) wants() bool { return p.shrink > 0 || p.grow > 0 }

func (p *pace) pass(n int) {
	rate := hurry
	if p.quiet {
		rate = quietHurry
	}
	p.budget = min(p.budget+rate*float64(n), p.cap)
}

// least is the least delay that is waited for, whatever is known.
func (b *Buffer) least() time.Duration {
	return max(b.delay.target, b.opt.Min-b.Frame())
}

// best is the delay to start with.
func (b *Buffer) best() time.Duration { return b.least() }

// plan says by how much the delay is to change. The player asks once in so many
// samples, its demand. A packet whose sound begins in the midst of a demand must
// be here at its start; so a delay is worth only what remains of it at the packet
// whose sound begins last, and is changed by whole steps of the grid on which
// such beginnings fall.
func (b *Buffer) plan(at time.Duration, demand int) {
	o, p := &b.out, &b.out.pace
	p.shrink, p.grow, p.free = 0, 0, 0
	if p.cap == 0 {
		p.cap = float64(samples(o.rate, 16*time.Millisecond))
	}
	if o.gap > 0 || o.lead > 0 {
		p.over = 0
		return
	}
	grid := gcd(demand, max(b.samples(b.in.unit), 1))
	if least := samples(o.rate, time.Millisecond); grid < least || b.drift.corrected() != 0 {
		grid = least // an odd packet time, or packets that drift along the ticks: no grid to speak of
	}
	behind := o.n % grid
	wait := b.wait(at)
	b.stats.Delay = wait + b.length(lineDelay)
	worth := wait - b.length(behind+demand-grid)
	step := b.length(grid)
	want := b.least()
	k := b.steps(worth, step, want)
	switch {
	case k > 0:
		p.grow = k*grid - behind
		p.over = 0
	case k < 0:
		p.over += b.length(demand)
		if p.over >= patience || -k*grid > samples(o.rate, 60*time.Millisecond) {
			p.shrink = -k*grid + behind
		}
		p.free = behind
	default:
		p.over = 0
		p.shrink, p.free = behind, behind
	}
}

// steps is by how many steps of the grid a delay is to change for the least
// cost; negative: to be shorter.
func (b *Buffer) steps(worth, step, want time.Duration) int {
	floor := max(lightest, b.opt.Min-b.Frame(), b.delay.peaks.hold)
	if worth < floor {
		return int((floor - worth + step - 1) / step)
	}
	now := cost(worth, b.delay.late(worth))
	best, k := now-gain, 0
	lowest := int((worth - floor) / step)
	highest := int(max(0, b.opt.Max-worth) / step)
	from := -min(lowest, int(max(0, worth-want)/step)+1)
	to := min(highest, int(max(0, want-worth)/step)+1)
	for i := from; i <= to; i++ {
		if i == 0 {
			continue
		}
		d := worth + time.Duration(i)*step
		if c := cost(d, b.delay.late(d)); c < best {
			best, k = c, i
		}
	}
	return k
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
