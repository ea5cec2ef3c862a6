package stream

import (
	"math"
	"time"
)

const (
	holdFull  = 20 * time.Millisecond  // the repetition stands at full level
	holdUntil = 60 * time.Millisecond  // and falls to holdLevel until here,
	fadeUntil = 200 * time.Millisecond // then to nothing, while comfort noise rises
	holdLevel = 0.6
	seam      = 5 * time.Millisecond // overlap at resumption

	minPitch = 2500 * time.Microsecond // 400 Hz
	maxPitch = 15 * time.Millisecond   // 66 Hz
	compare  = 20 * time.Millisecond   // window in which the pitch is looked for

	noiseFloor   = 10.0                    // RMS of the faintest noise, -70 dBFS: a line that lives
	noiseCeiling = 184.0                   // of the loudest, -45 dBFS: a tone is no background
	noiseWindow  = 1500 * time.Millisecond // the background is the least level of one or two of these
)

// concealer makes up sound for what is missing: the last pitch period again
// and again, fading into comfort noise at the level of the background. It is
// pure and knows samples only.
type concealer struct {
	rate   int
	past   []int16 // what was played last
	cycle  []int16 // the repeated period
	period int
	pos    int
	gap    int // samples made up since the last real one
	heard  bool
	bridge []int16 // scratch for the seam

	least, before float64 // mean squares: minimum of this window and of the last
	span          int     // samples in this window
	rng           uint32
	smooth        float64
}

func newConcealer(rate int) *concealer {
	return &concealer{
		rate:   rate,
		past:   make([]int16, samples(rate, 2*maxPitch+compare)),
		cycle:  make([]int16, samples(rate, maxPitch)+1),
		bridge: make([]int16, samples(rate, seam)),
		least:  math.Inf(1), before: math.Inf(1),
		rng: 0x2545f491,
	}
}

func samples(rate int, d time.Duration) int { return int(int64(rate) * int64(d) / int64(time.Second)) }

// real takes a frame that was received. Where it follows a gap, or spliced says
// that something was left out before it, its head is blended with what would
// have been made up. It reports whether the frame is near the background.
func (c *concealer) real(frame []int16, spliced bool) (quiet bool) {
	if c.heard && (c.gap > 0 || spliced) {
		bridge := c.bridge[:min(len(c.bridge), len(frame))]
		c.fill(bridge)
		for i := range bridge {
			w := (float64(i) + 0.5) / float64(len(bridge))
			frame[i] = int16(float64(bridge[i])*(1-w) + float64(frame[i])*w)
		}
	}
	c.heard, c.gap = true, 0
	c.remember(frame)
	power := meanSquare(frame)
	c.track(power, len(frame))
	return power <= 4*square(c.background())
}

// fill makes up sound. Before anything was heard it is silence.
func (c *concealer) fill(dst []int16) {
	if !c.heard {
		clear(dst)
		return
	}
	if c.gap == 0 {
		c.begin()
	}
	full, hold, fade := samples(c.rate, holdFull), samples(c.rate, holdUntil), samples(c.rate, fadeUntil)
	level := c.background()
	for i := range dst {
		var voice, noise float64
		switch g := c.gap; {
		case g < full:
			voice = 1
		case g < hold:
			voice = 1 - (1-holdLevel)*float64(g-full)/float64(hold-full)
		case g < fade:
			noise = float64(g-hold) / float64(fade-hold)
			voice = holdLevel * (1 - noise)
		default:
			noise = 1
		}
		v := noise * level * c.noise()
		if voice > 0 {
			v += voice * float64(c.cycle[c.pos])
			if c.pos++; c.pos >= c.period {
				c.pos = 0
			}
		}
		dst[i] = int16(max(math.MinInt16, min(math.MaxInt16, v)))
		if c.gap < fade {
			c.gap++
		}
	}
}

// stretch makes up at least want samples while the sender's next frame is
// waited for, and returns how many: whole pitch periods where a voice is
// running, so that the frame continues where the last one ended.
func (c *concealer) stretch(dst []int16, want int) int {
	n := want
	if c.heard && c.gap < samples(c.rate, holdUntil) {
		if c.gap == 0 {
			c.begin()
		}
		for n = c.period - c.pos; n < want; {
			n += c.period
		}
	}
	n = min(n, len(dst))
	c.fill(dst[:n])
	return n
}

// shorten leaves one pitch period out of a frame that was just taken by real,
// in place, and returns the length that remains.
func (c *concealer) shorten(frame []int16) int {
	p := c.pitch()
	n := len(frame) - p
	if n < len(c.bridge) {
		return len(frame) // too short to blend
	}
	for i := range n {
		w := (float64(i) + 0.5) / float64(n)
		frame[i] = int16(float64(frame[i])*(1-w) + float64(frame[i+p])*w)
	}
	return n
}

// pause makes up what a silent sender does not send: the background, at once.
func (c *concealer) pause(dst []int16) {
	if c.heard && c.gap == 0 {
		c.begin()
	}
	c.gap = max(c.gap, samples(c.rate, holdUntil))
	c.fill(dst)
}

// begin prepares the repetition. The end of the period is blended with the end
// of the one before it, so that the loop closes without a click.
func (c *concealer) begin() {
	c.period, c.pos = c.pitch(), 0
	n := len(c.past)
	last, before := c.past[n-c.period:], c.past[n-2*c.period:]
	copy(c.cycle, last)
	tail := c.period / 4
	for i := c.period - tail; i < c.period; i++ {
		w := float64(i-c.period+tail+1) / float64(tail+1)
		c.cycle[i] = int16(float64(last[i])*(1-w) + float64(before[i])*w)
	}
}

// pitch is the lag, in samples, at which the last sound resembles itself most.
func (c *concealer) pitch() int {
	stride := max(1, c.rate/8000)
	window := c.past[len(c.past)-samples(c.rate, compare):]
	best, lag := 0.0, samples(c.rate, maxPitch)
	for l := samples(c.rate, minPitch); l <= samples(c.rate, maxPitch); l += stride {
		shifted := c.past[len(c.past)-len(window)-l:]
		var cross, power float64
		for i := 0; i < len(window); i += stride {
			a, b := float64(window[i]), float64(shifted[i])
			cross += a * b
			power += b * b
		}
		if cross <= 0 {
			continue
		}
		// A much longer lag must be better by a percent, or multiples of the period win.
		handicap := 1.0
		if l > lag+lag/4 {
			handicap = 1.01
		}
		if like := cross * cross / power; best == 0 || like > best*handicap {
			best, lag = like, l
		}
	}
	return lag
}

func (c *concealer) remember(frame []int16) {
	n := len(c.past)
	if len(frame) >= n {
		copy(c.past, frame[len(frame)-n:])
		return
	}
	copy(c.past, c.past[len(frame):])
	copy(c.past[n-len(frame):], frame)
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

// noise is a sample of noise with an RMS of 1, a little dull as rooms are.
func (c *concealer) noise() float64 {
	c.rng ^= c.rng << 13
	c.rng ^= c.rng >> 17
	c.rng ^= c.rng << 5
	const a = 0.5
	white := float64(int32(c.rng)) / (1 << 31) * math.Sqrt(3*(2-a)/a)
	c.smooth += a * (white - c.smooth)
	return c.smooth
}

func meanSquare(frame []int16) float64 {
	var sum int64
	for _, s := range frame {
		sum += int64(s) * int64(s)
	}
	return float64(sum) / float64(max(len(frame), 1))
}

func square(v float64) float64 { return v * v }
