// Package jitter is the buffer that turns packets which arrive when they like
// into frames at a steady pace, at the least delay that still catches nearly
// all of them.
//
// It is pure: no goroutine, lock, timer or allocation after New; time is an
// argument. The receiver calls Push for each packet, the player calls Pop for
// each frame, and whoever shares a Buffer between goroutines locks around it.
//
// Delays are measured against the fastest packet of the last seconds (the
// base), so no clock is shared with the sender. The target is the 97 % quantile
// of these relative delays. An outage is not jitter: what was learnt before it
// holds after it.
package jitter

import (
	"math"
	"time"
)

const (
	slots      = 64                     // packets held at most; a power of two
	maxDropout = 3000                   // greatest credible step in sequence numbers (RFC 3550 A.1)
	lateRun    = 5                      // so many late in a row, and the path has become slower
	growEvery  = 3                      // frames between two insertions into running speech
	cutEvery   = 5                      // frames between two Shorten, unless it is quiet
	maxFrame   = 120 * time.Millisecond // no codec in telephony packs more
)

// Options shape a Buffer. The zero value is a narrow-band voice buffer.
type Options struct {
	ClockRate  int           // of RTP timestamps in Hz; default 8000
	Frame      time.Duration // sound per packet until the packets show it; default 20 ms
	Min, Max   time.Duration // limits of the target delay; default 20 ms and 200 ms
	MaxPayload int           // bytes; longer packets are refused; default 1280
}

func (o Options) withDefaults() Options {
	if o.ClockRate <= 0 {
		o.ClockRate = 8000
	}
	if o.Frame <= 0 || o.Frame > maxFrame {
		o.Frame = 20 * time.Millisecond
	}
	if o.Min <= 0 {
		o.Min = 20 * time.Millisecond
	}
	if o.Max <= 0 {
		o.Max = 200 * time.Millisecond
	}
	o.Max = max(o.Max, o.Min)
	if o.MaxPayload <= 0 {
		o.MaxPayload = 1280
	}
	return o
}

// Verdict says what became of a packet.
type Verdict int

// The verdicts of Push.
const (
	Kept      Verdict = iota
	Late              // its turn had passed
	Duplicate         // it was here before
	Jumped            // it does not fit the stream; a second such one in a row restarts the buffer
	Refused           // longer than MaxPayload
)

func (v Verdict) String() string {
	return [...]string{"kept", "late", "duplicate", "jumped", "refused"}[v]
}

// Result says what the next stretch of sound is.
type Result int

// The results of Pop.
const (
	Audio   Result = iota // a payload to decode
	Shorten               // the same; the delay is too great, so leave out what will not be missed
	Spliced               // the same; packets before it were dropped, so smooth the seam
	Missing               // make up one frame
	Waiting               // nothing was taken: make up the present tick or a little more, and ask again
	Silence               // the sender pauses: one frame of comfort noise
)

func (r Result) String() string {
	return [...]string{"audio", "shorten", "spliced", "missing", "waiting", "silence"}[r]
}

// Stats are counters since New and the present measures.
type Stats struct {
	Late, Duplicates, Lost uint64 // packets; Lost never arrived
	Skipped                uint64 // packets dropped because they were hopelessly old
	Jumps                  uint64 // restarts because the stream jumped
	Delay, Target          time.Duration
	Jitter                 time.Duration // RFC 3550 section 6.4.1
	Frame                  time.Duration // sound per packet
}

type slot struct {
	seq     int64
	ts      int64
	audio   bool // holds a payload that waits for its turn
	payload []byte
}

// Buffer holds the packets of one stream. Use New.
type Buffer struct {
	opt    Options
	ring   [slots]slot
	epoch  time.Time // of all instants within
	in     arrivals
	out    playout
	delays estimator
	stats  Stats
}

// arrivals is the state of Push. Sequence numbers and timestamps are extended
// to 64 bits around the highest ones.
type arrivals struct {
	started bool
	seq, ts int64         // highest so far
	at      time.Duration // of the last packet
	transit time.Duration // of the last packet
	frame   int64         // timestamp units per packet
	guess   int64         // a frame length seen once
	late    run           // consecutive late packets
	odd     run           // consecutive packets that do not fit
	restart bool          // the next packet begins a new stream
}

type run struct {
	n       int
	seq     int64
	ts      int64
	at      time.Duration
	transit time.Duration
}

// playout is the state of Pop.
type playout struct {
	playing   bool
	seq, ts   int64 // next in turn
	quiet     bool  // what was played last was near silence
	other     bool  // the sender's last packets were no audio
	shrinking bool  // the delay is being lowered
	sinceGrow int
	sinceCut  int
}

// New returns an empty buffer.
func New(o Options) *Buffer {
	o = o.withDefaults()
	b := &Buffer{opt: o}
	b.delays.init(o.Min, o.Max)
	b.in.frame = b.units(o.Frame)
	mem := make([]byte, slots*o.MaxPayload)
	for i := range b.ring {
		b.ring[i].payload = mem[i*o.MaxPayload : i*o.MaxPayload : (i+1)*o.MaxPayload]
	}
	b.empty()
	return b
}

// Restart makes the next packet the first of a new stream (a new SSRC). What
// is held is dropped; counters and the knowledge of delays stay.
func (b *Buffer) Restart() { b.in.restart = true }

// Quiet tells whether the frame decoded last was near silence: a good moment
// to shorten what follows where the delay is too great.
func (b *Buffer) Quiet(quiet bool) { b.out.quiet = quiet }

// Frame is the sound per packet that the sender uses.
func (b *Buffer) Frame() time.Duration { return b.span(b.in.frame) }

// Stats returns the counters and measures.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.Target, s.Frame = b.delays.target, b.Frame()
	return s
}

func (b *Buffer) empty() {
	for i := range b.ring {
		b.ring[i].seq, b.ring[i].audio = math.MinInt64, false
	}
}

func (b *Buffer) at(seq int64) *slot { return &b.ring[seq&(slots-1)] }

// span is the duration of timestamp units, units the reverse. The division is
// split because nanoseconds times the clock overflow within hours.
func (b *Buffer) span(units int64) time.Duration {
	rate := int64(b.opt.ClockRate)
	return time.Duration(units/rate)*time.Second + time.Duration(units%rate)*time.Second/time.Duration(rate)
}

func (b *Buffer) units(d time.Duration) int64 {
	rate := time.Duration(b.opt.ClockRate)
	return int64(d/time.Second*rate + d%time.Second*rate/time.Second)
}
