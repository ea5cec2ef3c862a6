package jitter

import "time"

// arrivals is the state of Push. Sequence numbers and timestamps are extended
// to 64 bits around the highest ones.
type arrivals struct {
	started bool
	restart bool          // the next packet begins a new stream
	seq, ts int64         // highest so far
	at      time.Duration // of the last packet
	transit time.Duration // of the last packet
	frame   int64         // timestamp units per packet
	guess   int64         // a frame length seen once
	unit    int64         // of which all frames of late are multiples
	same    int           // frames in a row of the same length
	odd     run           // consecutive packets that do not fit
	burst   bool          // what comes now was held back: nothing is learnt from it
}

type run struct {
	n       int
	seq     int64
	transit time.Duration
}

// Push takes a packet.
func (b *Buffer) Push(now time.Time, p Packet) Verdict {
	if len(p.Payload) > maxPayload {
		b.stats.Refused++
		return Refused
	}
	audio := p.Decoder != nil && len(p.Payload) > 0
	if !b.in.started {
		if !audio {
			return Kept // nothing to anchor to
		}
		b.epoch = now
	}
	at := b.drift.sender(now.Sub(b.epoch))
	if !b.in.started || b.in.restart && audio {
		b.begin(at, int64(p.Seq), int64(p.Timestamp), p)
	}
	seq := b.in.seq + int64(int16(p.Seq-uint16(b.in.seq)))
	ts := b.in.ts + int64(int32(p.Timestamp-uint32(b.in.ts)))
	if !audio {
		return b.pushOther(at, seq, p.Unheard)
	}
	if b.store.has(seq) {
		b.stats.Duplicates++
		return Duplicate
	}
	transit := at - b.span(ts)
	if !b.fits(at, seq, ts, transit) {
		if !b.oddTwice(seq, transit) {
			return Jumped
		}
		b.stats.Jumps++
		seq, ts = int64(p.Seq), int64(p.Timestamp)
		b.begin(at, seq, ts, p)
		transit = at - b.span(ts)
	}
	b.in.odd.n = 0
	v := b.putIn(seq, ts, p)
	b.drift.arrived(now.Sub(b.epoch), now.Sub(b.epoch)-b.span(ts))
	b.observe(at, seq, ts, transit)
	return v
}

// begin anchors the buffer at a packet. What was learnt of delays stays.
func (b *Buffer) begin(at time.Duration, seq, ts int64, p Packet) {
	b.store.clear()
	first := !b.in.started
	b.in = arrivals{started: true, seq: seq, ts: ts, at: at, frame: b.in.frame, transit: at - b.span(ts)}
	b.out.anchor(seq, ts)
	// How long the packets are decides how long to wait: see plan.
	if k := p.Decoder.Decode(b.out.ring, p.Payload); k > 0 {
		b.in.frame = int64(k) * int64(b.opt.ClockRate) / int64(b.opt.Rate)
	}
	b.in.unit, b.in.guess = b.in.frame, b.in.frame
	b.drift.restart()
	if !first {
		b.delay.rebase(at, b.in.transit)
	}
}

// fits reports whether a packet can belong to the stream: its sequence number
// is near, and its timestamp agrees with the sequence or with the clock.
func (b *Buffer) fits(at time.Duration, seq, ts int64, transit time.Duration) bool {
	step := seq - b.in.seq
	if step > maxDropout || step <= -slots {
		return false
	}
	if step <= 0 { // reordered: older than the newest, but not by more than it can be
		return ts <= b.in.ts && b.in.ts-ts <= slots*b.in.frame
	}
	if off := ts - b.in.ts - step*b.in.frame; off >= -b.in.frame && off <= b.in.frame {
		return true // the next in line, whenever it comes
	}
	r := b.delay.relative(transit)
	if at-b.in.at > b.opt.Max {
		return r > -b.opt.Max // after a pause it may come as late as it likes, a burst held back
	}
	return r > -b.opt.Max && r < 2*b.opt.Max
}

// oddTwice notes a packet that does not fit and reports whether it follows
// another such one: then the sender has jumped (RFC 3550 A.1).
func (b *Buffer) oddTwice(seq int64, transit time.Duration) bool {
	last := b.in.odd
	b.in.odd = run{n: 1, seq: seq, transit: transit}
	d := transit - last.transit
	return last.n > 0 && seq == last.seq+1 && d < b.opt.Max && d > -b.opt.Max
}

// putIn stores the packet unless its time has passed.
func (b *Buffer) putIn(seq, ts int64, p Packet) Verdict {
	o := &b.out
	if seq >= o.seq+slots {
		b.passTo(seq - slots + 1)
	}
	if seq < o.seq {
		if o.playing || b.in.seq-seq >= slots {
			b.stats.Late++
			if b.stats.Lost > 0 {
				b.stats.Lost-- // its absence was counted
			}
			b.store.mark(seq, false)
			return Late
		}
		o.anchor(seq, ts) // reordered at the very start
	}
	b.store.put(seq, ts, p.Decoder, p.Payload)
	return Kept
}

// pushOther notes a packet that is no audio.
func (b *Buffer) pushOther(at time.Duration, seq int64, missed bool) Verdict {
	step := seq - b.in.seq
	if step > maxDropout || step <= -slots {
		return Jumped
	}
	if b.store.has(seq) {
		b.stats.Duplicates++
		return Duplicate
	}
	if step > 0 {
		b.in.seq = seq
	}
	b.in.at = at // the sender is there
	if seq >= b.out.seq+slots {
		b.passTo(seq - slots + 1)
	}
	if seq < b.out.seq && b.stats.Lost > 0 {
		b.stats.Lost--
	}
	b.store.mark(seq, missed)
	return Kept
}

// measure takes the length of a frame.
func (in *arrivals) measure(step int64) {
	if in.same++; step != in.guess {
		in.same = 0
		in.unit = int64(gcd(int(in.unit), int(step)))
	}
	if in.same > 0 {
		in.frame = step
	}
	if in.same >= 100 {
		in.unit = step
	}
	in.guess = step
}

// observe learns from a packet that fits: the frame length, the delay, and the
// jitter of RFC 3550 A.8.
func (b *Buffer) observe(at time.Duration, seq, ts int64, transit time.Duration) {
	pause := at-b.in.at > b.opt.Max
	if seq == b.in.seq+1 {
		if step := ts - b.in.ts; step > 0 && b.span(step) <= maxFrame {
			b.in.measure(step)
		}
	}
	// What was held back through a pause of the path tells of the pause and not
	// of the path: it comes faster than it was sent, and late.
	held := b.delay.relative(transit) > b.delay.target+b.Frame()
	switch {
	case !b.delay.known:
	case pause && held:
		b.in.burst = true
	case b.in.burst && (!held || at-b.in.at >= b.Frame()*3/4):
		b.in.burst = false
		if held { // it goes on like this: the path is another one
			b.delay.rebase(at, transit)
			b.drift.restart()
		}
	}
	if !b.in.burst {
		b.delay.add(at, transit)
	}
	if !pause {
		d := transit - b.in.transit
		b.stats.Jitter += (max(d, -d) - b.stats.Jitter) / 16
	}
	b.in.at, b.in.transit = at, transit
	if seq > b.in.seq {
		b.in.seq, b.in.ts = seq, ts
	}
}
