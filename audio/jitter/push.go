package jitter

import "time"

// Push takes a packet. The payload is copied. An empty payload stands for a
// packet that uses a sequence number but is no audio, such as an RFC 4733
// event: it is not missed, and its timestamp is not looked at.
func (b *Buffer) Push(now time.Time, seq uint16, timestamp uint32, payload []byte, marker bool) Verdict {
	if len(payload) > b.opt.MaxPayload {
		return Refused
	}
	if !b.in.started || b.in.restart {
		if len(payload) == 0 && !b.in.started {
			return Kept // nothing to anchor to
		}
		if !b.in.started {
			b.epoch = now
		}
		at := now.Sub(b.epoch)
		b.begin(at, int64(seq), int64(timestamp))
	}
	at := now.Sub(b.epoch)
	xseq := b.in.seq + int64(int16(seq-uint16(b.in.seq)))
	xts := b.in.ts + int64(int32(timestamp-uint32(b.in.ts)))
	if len(payload) == 0 {
		return b.pushOther(at, xseq)
	}
	transit := at - b.span(xts)
	if b.at(xseq).seq == xseq {
		b.stats.Duplicates++
		return Duplicate
	}
	if !b.fits(at, xseq, xts, transit) {
		if !b.oddTwice(at, xseq, xts, transit) {
			return Jumped
		}
		b.stats.Jumps++
		xseq, xts = int64(seq), int64(timestamp)
		b.begin(at, xseq, xts)
		transit = at - b.span(xts)
	}
	b.in.odd.n = 0
	b.resume(at, xseq, xts, transit)
	v := b.store(at, xseq, xts, transit, payload)
	b.observe(at, xseq, xts, transit)
	return v
}

// begin anchors the buffer at a packet. What was learnt of delays stays.
func (b *Buffer) begin(at time.Duration, seq, ts int64) {
	b.empty()
	first := !b.in.started
	b.in = arrivals{started: true, seq: seq, ts: ts, at: at, frame: b.in.frame, transit: at - b.span(ts)}
	b.out = playout{seq: seq, ts: ts}
	if !first {
		b.delays.rebase(at, b.in.transit)
	}
}

// fits reports whether a packet can belong to the stream: its sequence number
// is near, and its timestamp agrees with the clock.
func (b *Buffer) fits(at time.Duration, seq, ts int64, transit time.Duration) bool {
	step := seq - b.in.seq
	if step > maxDropout || step <= -slots {
		return false
	}
	if step <= 0 { // reordered: older than the newest, but not by more than it can be
		return ts <= b.in.ts && b.in.ts-ts <= 2*slots*b.in.frame
	}
	r := b.delays.relative(transit)
	if at-b.in.at > b.opt.Max {
		return r > -b.opt.Max // after a pause it may come as late as it likes, a burst held back
	}
	return r > -b.opt.Max && r < 2*b.opt.Max
}

// oddTwice notes a packet that does not fit and reports whether it follows
// another such one: then the sender has jumped (RFC 3550 A.1).
func (b *Buffer) oddTwice(at time.Duration, seq, ts int64, transit time.Duration) bool {
	last := b.in.odd
	b.in.odd = run{n: 1, seq: seq, ts: ts, at: at, transit: transit}
	d := transit - last.transit
	return last.n > 0 && seq == last.seq+1 && d < b.opt.Max && d > -b.opt.Max
}

// resume deals with the first packet after a pause. Where the path has the
// delay it had, nothing changes: nothing of an outage enters the histogram.
func (b *Buffer) resume(at time.Duration, seq, ts int64, transit time.Duration) {
	if seq <= b.in.seq || at-b.in.at <= b.opt.Max || !b.delays.known {
		return
	}
	b.in.late.n = 0
	r := b.delays.relative(transit)
	if r <= b.delays.target+b.Frame() {
		b.delays.settled(at)
		return
	}
	b.refill(at, seq, ts, transit)
}

// refill starts playing anew at the given packet, on the delay it shows.
func (b *Buffer) refill(at time.Duration, seq, ts int64, transit time.Duration) {
	b.delays.rebase(at, transit)
	b.out.playing = false
	b.passTo(seq)
	b.out.ts = ts
}

// store puts the packet into its slot unless its turn has passed.
func (b *Buffer) store(at time.Duration, seq, ts int64, transit time.Duration, payload []byte) Verdict {
	if seq >= b.out.seq+slots {
		b.passTo(seq - slots + 1)
	}
	if b.out.playing && (seq < b.out.seq || ts+b.in.frame/2 < b.out.ts) {
		if !b.slower(at, seq, ts, transit) {
			b.stats.Late++
			b.mark(seq)
			return Late
		}
		b.refill(at, seq, ts, transit)
	} else {
		b.in.late.n = 0
	}
	if !b.out.playing && seq < b.out.seq { // reordered at the very start
		if b.in.seq-seq >= slots {
			b.mark(seq)
			return Late
		}
		b.out.seq, b.out.ts = seq, ts
	}
	s := b.at(seq)
	s.seq, s.ts, s.audio = seq, ts, true
	s.payload = append(s.payload[:0], payload...)
	return Kept
}

// slower counts late packets in a row. When enough of them came at the pace at
// which they were sent, the path has become slower; a burst that was held back
// comes faster and is only late.
func (b *Buffer) slower(at time.Duration, seq, ts int64, transit time.Duration) bool {
	l := &b.in.late
	if l.n > 0 && seq <= l.seq {
		return false
	}
	if l.n == 0 {
		l.at, l.ts = at, ts
	}
	l.n, l.seq = l.n+1, seq
	if l.n < lateRun || seq < b.out.seq {
		return false
	}
	if at-l.at < b.span(ts-l.ts)/2 {
		return false
	}
	l.n = 0
	return true
}

// mark remembers that a packet came though it is not kept.
func (b *Buffer) mark(seq int64) {
	if seq < b.out.seq && b.stats.Lost > 0 {
		b.stats.Lost-- // its absence was counted
	}
	if s := b.at(seq); s.seq < seq {
		s.seq, s.audio = seq, false
	}
}

// pushOther notes a packet that is no audio.
func (b *Buffer) pushOther(at time.Duration, seq int64) Verdict {
	step := seq - b.in.seq
	if step > maxDropout || step <= -slots {
		return Jumped
	}
	if b.at(seq).seq == seq {
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
	b.mark(seq)
	return Kept
}

// observe learns from a packet that fits: the frame length, the delay, and the
// jitter of RFC 3550 A.8.
func (b *Buffer) observe(at time.Duration, seq, ts int64, transit time.Duration) {
	pause := at-b.in.at > b.opt.Max
	if seq == b.in.seq+1 {
		if step := ts - b.in.ts; step > 0 && b.span(step) <= maxFrame {
			if step == b.in.guess {
				b.in.frame = step
			}
			b.in.guess = step
		}
	}
	b.delays.add(at, transit)
	if !pause {
		d := transit - b.in.transit
		b.stats.Jitter += (max(d, -d) - b.stats.Jitter) / 16
	}
	b.in.at, b.in.transit = at, transit
	if seq > b.in.seq {
		b.in.seq, b.in.ts = seq, ts
	}
}
