package jitter

import (
	"math"
	"time"
)

const (
	holdFull  = 20 * time.Millisecond  // what is made up stands at full level
	holdUntil = 60 * time.Millisecond  // and falls to holdLevel until here,
	fadeUntil = 200 * time.Millisecond // then to nothing, while comfort noise rises
	holdLevel = 0.6

	joinSearch  = 5 * time.Millisecond // how much longer sound is made up for a better joint
	joinOverlap = 5 * time.Millisecond
	history     = 60 * time.Millisecond

	noiseFloor   = 10.0                    // RMS of the faintest noise, -70 dBFS: a line that lives
	noiseCeiling = 184.0                   // of the loudest, -45 dBFS: a tone is no background
	noiseWindow  = 1500 * time.Millisecond // the background is the least level of one or two of these
)

// concealer makes up sound for what is missing: the voice goes on, fading into
// comfort noise at the level of the background.
type concealer struct {
	rate   int
	past   []int16 // what was heard last
	ahead  extrapolator
	back   extrapolator // from the other side
	gap    int          // samples made up since the last real one
	played bool
	made   []int16 // scratch
	turn   []int16 // scratch

	least, before float64 // mean squares: minimum of this window and of the last
	span          int     // samples in this window
	noise         noise
}

func newConcealer(rate int) *concealer {
	c := &concealer{
		rate:  rate,
		past:  make([]int16, samples(rate, history)),
		made:  make([]int16, samples(rate, bridged)+samples(rate, joinSearch+joinOverlap)),
		turn:  make([]int16, samples(rate, history)),
		least: math.Inf(1), before: math.Inf(1),
		noise: noise{rng: 0x2545f491},
	}
	c.ahead.init(rate, 0x1b873593)
	c.back.init(rate, 0x9e3779b1)
	return c
}

// real takes sound that was received.
func (c *concealer) real(sound []int16) {
	c.played, c.gap = true, 0
	c.remember(sound)
	c.track(meanSquare(sound), len(sound))
}

// quiet reports whether sound is near the background.
func (c *concealer) quiet(sound []int16) bool {
	return meanSquare(sound) <= 4*c.background()*c.background()
}

// fill makes up sound. Before anything was heard it is silence.
func (c *concealer) fill(dst []int16) {
	if !c.played {
		clear(dst)
		return
	}
	if c.gap == 0 {
		c.ahead.begin(c.past)
	}
	full, hold, fade := samples(c.rate, holdFull), samples(c.rate, holdUntil), samples(c.rate, fadeUntil)
	level := c.background()
	for i := range dst {
		var voice, hiss float64
		switch g := c.gap; {
		case g < full:
			voice = 1
		case g < hold:
			voice = 1 - (1-holdLevel)*float64(g-full)/float64(hold-full)
		case g < fade:
			hiss = float64(g-hold) / float64(fade-hold)
			voice = holdLevel * (1 - hiss)
		default:
			hiss = 1
		}
		v := hiss * level * c.noise.next()
		if voice > 0 {
			v += voice * c.ahead.next()
		}
		dst[i] = clamp(v)
		if c.gap < fade {
			c.gap++
		}
	}
	c.remember(dst)
}

// pause makes up what a silent sender does not send: the background, at once.
func (c *concealer) pause(dst []int16) {
	if c.played && c.gap == 0 {
		c.ahead.begin(c.past)
	}
	c.gap = max(c.gap, samples(c.rate, holdUntil))
	c.fill(dst)
}

// join puts what was received, ring[room:room+n], behind what was made up, from
// the ring's start on: made up sound goes on until where both fit best, and
// glides over. It returns how much the ring holds.
func (c *concealer) join(ring []int16, room, n int) int {
	search, overlap := samples(c.rate, joinSearch), min(samples(c.rate, joinOverlap), n)
	made := c.made[:search+overlap]
	c.fill(made)
	real := ring[room : room+n]
	shift := 0
	if c.gap < samples(c.rate, fadeUntil) {
		shift = fitting(made, real[:overlap], search)
	}
	for i := range overlap {
		real[i] = mix(made[shift+i], real[i], glide(i, overlap))
	}
	copy(ring, made[:shift])
	copy(ring[shift:], real)
	return shift + n
}

// fitting is the place in made, up to most, at which it resembles the head of
// what follows best; a later place must be worth it.
func fitting(made, next []int16, most int) (shift int) {
	best := math.Inf(-1)
	for k := 0; k <= most; k++ {
		var ab, aa, bb float64
		for i, v := range next {
			a, b := float64(made[k+i]), float64(v)
			ab += a * b
			aa += a * a
			bb += b * b
		}
		like := 0.0
		if aa > 0 && bb > 0 {
			like = ab / math.Sqrt(aa*bb)
		}
		if like -= 0.1 * float64(k) / float64(most); like > best {
			best, shift = like, k
		}
	}
	return shift
}

// bridge fills a gap before next, which is here: from the past on and from next
// back, meeting where both agree most.
func (c *concealer) bridge(dst, next []int16, begun bool) {
	if !c.played {
		clear(dst)
		return
	}
	if !begun {
		c.gap = 0
	}
	c.fill(dst)
	history := c.turn[:min(len(c.turn), len(next))]
	if len(history) < samples(c.rate, minPitch*4) {
		return
	}
	for i := range history {
		history[len(history)-1-i] = next[i]
	}
	back := c.made[:len(dst)]
	c.back.begin(history)
	for i := range back {
		back[len(back)-1-i] = clamp(c.back.next())
	}
	overlap := min(samples(c.rate, 2*joinOverlap), len(dst))
	from := meeting(dst, back, overlap)
	for i := range overlap {
		dst[from+i] = mix(dst[from+i], back[from+i], glide(i, overlap))
	}
	copy(dst[from+overlap:], back[from+overlap:])
}

// meeting is where two sounds resemble each other most over a length.
func meeting(a, b []int16, length int) (from int) {
	best := math.Inf(-1)
	middle := float64(len(a)-length) / 2
	for k := 0; k+length <= len(a); k += max(1, length/20) {
		var ab, aa, bb float64
		for i := k; i < k+length; i++ {
			u, v := float64(a[i]), float64(b[i])
			ab += u * v
			aa += u * u
			bb += v * v
		}
		like := 0.0
		if aa > 0 && bb > 0 {
			like = ab / math.Sqrt(aa*bb)
		}
		if middle > 0 {
			like -= 0.2 * math.Abs(float64(k)-middle) / middle
		}
		if like > best {
			best, from = like, k
		}
	}
	return from
}

func (c *concealer) remember(sound []int16) {
	n := len(c.past)
	if len(sound) >= n {
		copy(c.past, sound[len(sound)-n:])
		return
	}
	copy(c.past, c.past[len(sound):])
	copy(c.past[n-len(sound):], sound)
}

// track follows the background: the least level of the last windows.
func (c *concealer) track(power float64, n int) {
	if c.span += n; c.span >= samples(c.rate, noiseWindow) {
		c.before, c.least, c.span = c.least, power, 0
	}
	c.least = min(c.least, power)
}

// background is the RMS of the comfort noise.
func (c *concealer) background() float64 {
	return max(noiseFloor, min(noiseCeiling, math.Sqrt(min(c.least, c.before))))
}

// noise has an RMS of 1 and is a little dull, as rooms are.
type noise struct {
	rng    uint32
	smooth float64
}

func (n *noise) white() float64 {
	n.rng ^= n.rng << 13
	n.rng ^= n.rng >> 17
	n.rng ^= n.rng << 5
	return float64(int32(n.rng)) / (1 << 31)
}

func (n *noise) next() float64 {
	const a = 0.5
	n.smooth += a * (n.white()*math.Sqrt(3*(2-a)/a) - n.smooth)
	return n.smooth
}

func meanSquare(sound []int16) float64 {
	var sum int64
	for _, s := range sound {
		sum += int64(s) * int64(s)
	}
	return float64(sum) / float64(max(len(sound), 1))
}
