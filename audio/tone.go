package audio

import (
	"math"
	"time"
)

// ToneKind is what a tone tells.
type ToneKind int

// The tones. All but Comfort and Ring follow the country; Ring has its
// cadence.
const (
	NoTone      ToneKind = iota
	Ring                 // somebody calls: the phone's own bell
	Ringback             // the other phone rings
	Busy                 // the other side is busy
	Congestion           // the call cannot be made
	CallWaiting          // somebody else calls during a call
	Comfort              // a call waits for the network: quiet, now and then
)

func (k ToneKind) String() string {
	return [...]string{"none", "ring", "ringback", "busy", "congestion", "call waiting", "comfort"}[k]
}

// Levels of the tones in dBFS.
const (
	progressLevel = -22 // a lone tone of call progress; loud speech has -20
	ringLevel     = -14
	comfortLevel  = -34
)

// fade is the glide at both ends of a sound: shorter clicks, longer smears
// the 40 ms of DTMF.
const fade = 5 * time.Millisecond

// part is a stretch of a cadence: one or two sines that glide in and out.
type part struct {
	length time.Duration
	f1, f2 float64       // Hz; 0 is none
	level  float64       // dBFS of the whole
	warble time.Duration // not 0: f1 and f2 take turns of this length
	glide  time.Duration // not 0: instead of fade
}

// Tone generates a tone sample by sample. It is a value without clock or
// goroutine: the same kind, country and rate give the same samples.
type Tone struct {
	rate    int
	cadence []part

	part, pos      int // the present part and how many of its samples are out
	length, glide  int // of the present part, in samples
	turn           int // of its warble, in samples
	amplitude      float64
	phase1, phase2 float64 // in turns
}

// NewTone returns the tone as it sounds in the country ("eu", "us", "uk"; any
// other is "eu"). It goes on until nobody asks for more.
func NewTone(kind ToneKind, country string, rate int) *Tone {
	t := &Tone{rate: rate, cadence: cadence(kind, country)}
	t.enter(0)
	return t
}

// Next writes the next samples of the tone to dst.
func (t *Tone) Next(dst []int16) {
	for i := range dst {
		if t.part == len(t.cadence) {
			clear(dst[i:])
			return
		}
		dst[i] = t.sample()
		if t.pos++; t.pos >= t.length {
			next := t.part + 1
			if next == len(t.cadence) {
				next = 0
			}
			t.enter(next)
		}
	}
}

// Done reports whether only silence is to come.
func (t *Tone) Done() bool { return t.part == len(t.cadence) }

func (t *Tone) enter(part int) {
	t.part, t.pos, t.phase1, t.phase2 = part, 0, 0, 0
	if part == len(t.cadence) {
		return
	}
	p := &t.cadence[part]
	t.length = max(t.samples(p.length), 1)
	t.turn = t.samples(p.warble)
	t.glide = min(t.samples(max(p.glide, fade)), t.length/2)
	// The peak of one sine whose level is asked for; two share the power.
	t.amplitude = Linear(p.level) * math.Sqrt2 * math.MaxInt16
	if p.f2 != 0 && t.turn == 0 {
		t.amplitude /= math.Sqrt2
	}
}

func (t *Tone) sample() int16 {
	p := &t.cadence[t.part]
	if p.f1 == 0 {
		return 0
	}
	var v float64
	switch {
	case t.turn > 0: // one phase for both: the change of pitch does not click
		f := p.f1
		if t.pos/t.turn%2 == 1 {
			f = p.f2
		}
		v = t.advance(&t.phase1, f)
	case p.f2 == 0:
		v = t.advance(&t.phase1, p.f1)
	default:
		v = t.advance(&t.phase1, p.f1) + t.advance(&t.phase2, p.f2)
	}
	if edge := min(t.pos, t.length-1-t.pos); edge < t.glide {
		v *= 0.5 - 0.5*math.Cos(math.Pi*float64(edge)/float64(t.glide))
	}
	return clampFloat(float32(v * t.amplitude))
}

func (t *Tone) advance(phase *float64, f float64) float64 {
	v := math.Sin(2 * math.Pi * *phase)
	*phase += f / float64(t.rate)
	*phase -= math.Floor(*phase)
	return v
}

func (t *Tone) samples(d time.Duration) int {
	return int(int64(t.rate) * int64(d) / int64(time.Second))
}
