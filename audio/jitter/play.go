package jitter

import "time"

const (
	// stretch is the time of one operation.
	stretch = 10 * time.Millisecond
	// ringTime is room for the longest packet, a gap bridged before it, and
	// what a change of speed looks at.
	ringTime = 400 * time.Millisecond
	// bridged is the longest gap that is made up in one piece, from both sides.
	bridged = 60 * time.Millisecond
	// ahead is what a change of speed wants to see.
	ahead = 35 * time.Millisecond
)

// player is the state of Play: what was decoded and not yet heard, and what is
// being made up.
type player struct {
	turn
	tally
	rate    int
	playing bool
	undue   bool // silence of the sender is not missed
	ring    []int16
	n       int  // samples in the ring
	lead    int  // samples until it begins
	gap     int  // samples made up since the last that was received; 0: none
	pausing bool // and the sender paused on purpose
	voice   *concealer
	clock   clock
	pace    pace
	line    line
}

// turn is where the packets stand.
type turn struct {
	seq   int64   // next in turn
	end   int64   // media time at the end of what is in the ring
	other bool    // the packets before the one in turn were no audio
	last  Decoder // of the packet taken last; nil: none yet
}

// tally counts samples.
type tally struct {
	asked, madeUp, played, removed, inserted uint64
	pending                                  uint64 // made up, and perhaps never due
}

func (o *player) init(rate int) {
	o.rate = rate
	o.ring = make([]int16, samples(rate, ringTime))
	o.voice = newConcealer(rate)
	o.line.init(samples(rate, stretch))
}

// anchor makes a packet the first of all.
func (o *player) anchor(seq, ts int64) {
	o.playing, o.seq, o.end, o.n = false, seq, ts, 0
	o.pausing, o.other, o.last = true, false, nil // nothing is late before it began
}

// clock steers the time of the samples after the clock on the wall. A sound
// device asks unevenly, in bursts after a delay, but plays evenly: what it asks
// for is heard one after the other. The clock keeps to the earliest demands, for
// a packet must be here when it is asked for, not when it is heard.
type clock struct {
	at      time.Duration // when the next sample is heard
	started bool
	stood   bool // the player has just stood still
}

func (c *clock) track(now time.Duration) {
	slip := now - c.at
	c.stood = c.started && slip > stood
	switch {
	case !c.started || slip > stood || slip < -stood:
		c.at, c.started = now, true
	case slip < 0:
		c.at += slip / 4
	default:
		c.at += slip / 64
	}
}

// Played reports whether anything was played yet.
func (b *Buffer) Played() bool { return b.out.voice.played }

// Play fills dst with what is heard next; now is when its first sample is. Before
// anything was received it is silence; later what is missing is made up.
func (b *Buffer) Play(now time.Time, dst []int16) {
	o := &b.out
	if !b.in.started {
		o.voice.fill(dst)
		return
	}
	at := b.drift.sender(now.Sub(b.epoch))
	o.clock.track(at)
	b.drift.asked(now.Sub(b.epoch), b.length64(o.asked))
	o.asked += uint64(len(dst))
	if o.clock.stood && o.playing {
		o.playing = false // whatever is held is old
	}
	if !o.playing {
		b.start(o.clock.at, len(dst))
	}
	if o.playing {
		b.plan(o.clock.at, len(dst))
	}
	o.line.set(1 - b.drift.corrected())
	per := samples(o.rate, stretch)
	for rest := dst; len(rest) > 0; rest = rest[min(per, len(rest)):] {
		piece := rest[:min(per, len(rest))]
		k := o.line.need(len(piece))
		o.clock.at += b.length(k)
		b.step(o.line.room(k))
		o.line.take(piece, k)
	}
}

// wait is the delay of a sample heard at the instant at: how long after the
// fastest packet could have brought it the first of the ring is played.
func (b *Buffer) wait(at time.Duration) time.Duration {
	return at - b.delay.base - b.span(b.out.end) + b.length(b.out.n)
}

// start begins to play once the first packet was waited for long enough. What
// was received before the player runs is too old to begin with.
func (b *Buffer) start(at time.Duration, demand int) {
	o := &b.out
	for s := b.head(); s != nil; s = b.head() {
		o.seq, o.end, o.n = s.seq, s.ts, 0
		wait := b.wait(at)
		grid := gcd(demand, max(b.samples(b.in.unit), 1))
		need := b.best() + b.length(demand-grid)
		if wait > need+2*b.Frame() && b.successor(s) {
			b.stats.Skipped++
			o.seq++
			continue
		}
		for lead := 0; lead < demand; lead += grid {
			if wait+b.length(lead) >= need {
				o.playing, o.lead = true, lead
				break
			}
		}
		return
	}
}

// successor reports whether another packet of audio follows a slot.
func (b *Buffer) successor(s *slot) bool {
	for seq := s.seq + 1; seq <= b.in.seq; seq++ {
		if x := b.store.at(seq); x.seq == seq && x.decoder != nil {
			return true
		}
	}
	return false
}

// head is the earliest packet of audio in turn, nil when there is none. Packets
// that are no audio are passed where they stand at the front, and so is what
// had to make room.
func (b *Buffer) head() *slot {
	o := &b.out
	for seq := o.seq; seq <= b.in.seq; seq++ {
		s := b.store.at(seq)
		if s.seq != seq {
			continue
		}
		if s.decoder != nil {
			if b.store.payload(s) != nil {
				return s
			}
			b.stats.Skipped++
			s.decoder = nil
			continue
		}
		if seq == o.seq {
			o.seq++
			o.other = !s.missed
		}
	}
	return nil
}

// step fills dst, one operation long.
func (b *Buffer) step(dst []int16) {
	o := &b.out
	o.pace.pass(len(dst))
	if k := min(o.lead, len(dst)); k > 0 { // it begins in the midst of a demand
		o.voice.pause(dst[:k])
		o.lead, dst = o.lead-k, dst[k:]
	}
	for len(dst) > 0 {
		if o.playing && o.gap == 0 {
			want := len(dst)
			if o.pace.wants() {
				want = max(want, samples(o.rate, ahead))
			}
			b.decode(want)
			if o.n > 0 {
				b.rescale()
				k := copy(dst, o.ring[:o.n])
				o.drop(k)
				o.voice.real(dst[:k])
				o.played += uint64(k)
				dst = dst[k:]
				continue
			}
		}
		if o.playing && b.resume() {
			continue
		}
		dst = dst[b.makeUp(dst):]
	}
}

func (o *player) drop(k int) {
	copy(o.ring, o.ring[k:o.n])
	o.n -= k
}

// decode takes packets that are in turn until the ring holds want samples.
func (b *Buffer) decode(want int) {
	o := &b.out
	for o.n < want {
		s := b.head()
		if s == nil || s.seq != o.seq || b.samples(s.ts-o.end) > samples(o.rate, time.Millisecond) {
			return
		}
		b.take(s, o.ring[o.n:])
	}
}

// take decodes a packet to dst, which is the ring's end, and passes on.
func (b *Buffer) take(s *slot, dst []int16) {
	o := &b.out
	k := s.decoder.Decode(dst, b.store.payload(s))
	o.n += k
	b.passTo(s.seq + 1)
	o.end = s.ts + int64(k)*int64(b.opt.ClockRate)/int64(o.rate)
	o.last, s.decoder, o.other = s.decoder, nil, false
}

// resume ends a gap where it can: the packet in turn is here, or a later one and
// the time of those between was made up.
func (b *Buffer) resume() bool {
	o := &b.out
	s := b.head()
	if s == nil {
		return false
	}
	missing := b.samples(s.ts - o.end)
	lost := s.seq != o.seq
	switch {
	case missing <= o.gap || missing <= samples(o.rate, time.Millisecond):
	case lost && missing-o.gap <= samples(o.rate, bridged):
		b.bridge(s, missing-o.gap)
		return true
	default:
		return false
	}
	if !lost && o.gap > max(missing, 0) && !o.pausing {
		b.stats.Late++ // it was needed before it came
	}
	b.join(s)
	return true
}

// join takes a packet after what was made up.
func (b *Buffer) join(s *slot) {
	o := &b.out
	made := o.gap > 0
	o.gap, o.pausing = 0, false
	o.madeUp, o.pending = o.madeUp+o.pending, 0
	room := samples(o.rate, 2*joinSearch)
	b.take(s, o.ring[room:])
	n := o.n
	if !made || n == 0 {
		o.voice.gap = 0
		copy(o.ring, o.ring[room:room+n])
		return
	}
	o.n = o.voice.join(o.ring, room, n)
	b.stats.Delay = b.wait(o.clock.at)
}

// bridge makes up what is missing before a packet that is here, from both sides,
// in one piece.
func (b *Buffer) bridge(s *slot, missing int) {
	o := &b.out
	begun := o.gap > 0
	o.gap, o.pausing = 0, false
	d := s.decoder
	k := d.Recover(o.ring[:missing], b.store.payload(s))
	b.take(s, o.ring[missing:])
	n := o.n
	if k < missing {
		o.voice.bridge(o.ring[:missing], o.ring[missing:missing+n], begun)
		o.madeUp += uint64(missing)
	}
	o.played -= min(o.played, uint64(missing))
	o.n = missing + n
}

// makeUp fills a part of dst, of which it returns the length.
func (b *Buffer) makeUp(dst []int16) int {
	o := &b.out
	if s := b.head(); o.playing && s != nil {
		if left := b.samples(s.ts-o.end) - o.gap; left > 0 {
			dst = dst[:min(left, len(dst))]
		}
	}
	if !o.playing && !o.voice.played {
		clear(dst)
		return len(dst)
	}
	if o.gap == 0 {
		o.pausing = o.other || !o.playing
	}
	o.gap += len(dst)
	long := o.gap > samples(o.rate, stretch*20)
	if o.pausing || !o.playing {
		o.voice.pause(dst)
		return len(dst)
	}
	k := 0
	if o.last != nil && o.gap <= samples(o.rate, holdUntil) {
		k = o.last.Conceal(dst)
		o.voice.remember(dst[:k])
	}
	o.voice.fill(dst[k:])
	switch {
	case !o.undue:
		o.madeUp += uint64(len(dst))
	case long:
		o.pending = 0 // the sender is silent, and may be
	default:
		o.pending += uint64(len(dst))
	}
	return len(dst)
}

// passTo moves the turn to seq and counts as lost what never came before it.
func (b *Buffer) passTo(seq int64) {
	o := &b.out
	if far := seq - slots; o.seq < far {
		b.stats.Lost += uint64(far - o.seq)
		o.seq = far
	}
	for ; o.seq < seq; o.seq++ {
		s := b.store.at(o.seq)
		if s.seq != o.seq {
			b.stats.Lost++
		}
		s.decoder = nil
	}
}
