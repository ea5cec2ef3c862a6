// Package jitter turns packets that arrive when they like into sound at a steady
// pace, at the least delay that hears nearly all of them.
//
// It decides about samples, not packets. What is in turn is decoded into a ring;
// every stretch of sound that is asked for is taken from it as it is, faster or
// slower by whole pitch periods, or made up. What is made up spends no media
// time: a packet that comes in the middle of it is joined where it fits, and one
// counts as lost only when its successor is here and its time was made up.
//
// Delays are measured against the fastest packet of the last seconds, so no
// clock is shared with the sender. How much delay is worth it is a matter of
// cost (see delays). An outage is not jitter: what was learnt before it holds
// after it.
//
// All is pure: no goroutine, lock, timer or allocation after New; time is an
// argument. The receiver calls Push for each packet, the player calls Play, and
// whoever shares a Buffer between goroutines locks around it.
package jitter

import "time"

const (
	maxPayload = 1280 // bytes
	maxDropout = 3000 // greatest credible step in sequence numbers (RFC 3550 A.1)
	maxFrame   = 120 * time.Millisecond
	// stood is a pause of the player after which what was received meanwhile is
	// no longer waited for.
	stood = 150 * time.Millisecond
)

// Decoder turns payloads into samples at the Buffer's rate. The methods are
// those of codec.Coder.
type Decoder interface {
	Decode(dst []int16, src []byte) (n int)
	Conceal(dst []int16) (n int)
	Recover(dst []int16, next []byte) (n int)
}

// Packet is one packet of the stream. One without Decoder uses a sequence number
// but is no audio, such as an RFC 4733 event: it is not missed, and its
// timestamp is not looked at; Unheard says that it held sound all the same, which
// is missed. The payload is copied.
type Packet struct {
	Seq       uint16
	Timestamp uint32
	Decoder   Decoder
	Payload   []byte
	Unheard   bool
}

// Options shape a Buffer. The zero value is a narrow-band voice buffer.
type Options struct {
	ClockRate int           // of RTP timestamps in Hz; default 8000
	Rate      int           // samples per second; default ClockRate
	Frame     time.Duration // sound per packet until the packets show it; default 20 ms
	// Min and Max are the limits of what is held on purpose: the wait for the
	// packet in turn and, in Min, the sound in that packet. Default 20 ms and
	// 200 ms.
	Min, Max time.Duration
}

// DefaultMax is the longest delay where Options say nothing.
const DefaultMax = 200 * time.Millisecond

func (o Options) withDefaults() Options {
	if o.ClockRate <= 0 {
		o.ClockRate = 8000
	}
	if o.Rate <= 0 {
		o.Rate = o.ClockRate
	}
	if o.Frame <= 0 || o.Frame > maxFrame {
		o.Frame = 20 * time.Millisecond
	}
	if o.Min <= 0 {
		o.Min = 20 * time.Millisecond
	}
	if o.Max <= 0 {
		o.Max = DefaultMax
	}
	o.Max = max(o.Max, o.Min)
	return o
}

// Verdict says what became of a packet.
type Verdict int

// The verdicts of Push.
const (
	Kept      Verdict = iota
	Late              // what it holds was made up and passed
	Duplicate         // it was here before
	Jumped            // it does not fit the stream; a second such one in a row restarts the buffer
	Refused           // too long
)

func (v Verdict) String() string {
	return [...]string{"kept", "late", "duplicate", "jumped", "refused"}[v]
}

// Stats are counters since New and the present measures.
type Stats struct {
	Lost       uint64 // packets that never came
	Late       uint64 // packets that came after they were needed, heard or not
	Refused    uint64 // packets too long to be kept
	Duplicates uint64
	Skipped    uint64 // packets left out because the player stood still, or for want of room
	Jumps      uint64 // restarts because the stream jumped
	MadeUp     time.Duration
	Played     time.Duration // sound of packets
	Removed    time.Duration // left out to lower the delay
	Inserted   time.Duration // put in to raise it
	Delay      time.Duration // how long after its arrival sound is heard
	Target     time.Duration // what the delay should be
	Jitter     time.Duration // RFC 3550 section 6.4.1
	Frame      time.Duration // sound per packet
	Drift      float64       // of the sender's clock against the player's, in parts; positive: it is slower
}

// Buffer holds one stream. Use New.
type Buffer struct {
	opt   Options
	epoch time.Time // of all instants within
	in    arrivals
	store store
	delay delays
	out   player
	drift drift
	stats Stats
}

// New returns an empty buffer.
func New(o Options) *Buffer {
	o = o.withDefaults()
	b := &Buffer{opt: o}
	b.delay.init(o.Max)
	b.in.frame = b.units(o.Frame)
	b.out.init(o.Rate)
	b.store.init()
	return b
}

// Restart makes the next packet the first of a new stream (a new SSRC). What
// is held is dropped; counters and the knowledge of delays stay.
func (b *Buffer) Restart() { b.in.restart = true }

// Forget drops what is held, and every Decoder with it.
func (b *Buffer) Forget() {
	b.store.clear()
	b.out.last = nil
	b.in.restart = true
}

// Due says whether sound is due from the sender all the time. Where it is not,
// because it holds the call or pauses while nobody speaks, its silence is not
// missed.
func (b *Buffer) Due(due bool) { b.out.undue = !due }

// Frame is the sound per packet that the sender uses.
func (b *Buffer) Frame() time.Duration { return b.span(b.in.frame) }

// Stats returns the counters and measures.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.MadeUp, s.Played = b.length64(b.out.madeUp), b.length64(b.out.played)
	s.Removed, s.Inserted = b.length64(b.out.removed), b.length64(b.out.inserted)
	s.Frame, s.Target, s.Drift = b.Frame(), b.least(), b.drift.rate
	return s
}

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

// length is the duration of n samples.
func (b *Buffer) length(n int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(b.opt.Rate)
}

func (b *Buffer) length64(n uint64) time.Duration {
	rate := uint64(b.opt.Rate)
	return time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}

// samples is how many samples timestamp units are.
func (b *Buffer) samples(units int64) int {
	return int(units * int64(b.opt.Rate) / int64(b.opt.ClockRate))
}

func samples(rate int, d time.Duration) int { return int(int64(rate) * int64(d) / int64(time.Second)) }
