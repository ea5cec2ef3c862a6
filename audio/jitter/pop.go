package jitter

import "time"

// Pop takes what is due: now is the instant at which the first sample of the
// frame will be heard, so what the player inserts or leaves out shows in the
// next call and need not be told otherwise. With Audio, Shorten and Spliced, n
// bytes of payload were copied to dst (as many as fit). Missing and Silence use
// up one Frame of media time, Waiting uses up none.
func (b *Buffer) Pop(now time.Time, dst []byte) (n int, r Result) {
	if !b.in.started {
		return 0, Waiting
	}
	at := now.Sub(b.epoch)
	s := b.head()
	if !b.out.playing {
		if s == nil {
			return 0, Waiting
		}
		b.out.ts = s.ts
	}
	s, skipped := b.catchUp(at, s)
	delay := b.delay(at)
	short := delay < b.delays.target-binWidth
	b.out.sinceGrow++
	b.out.sinceCut++

	due := s != nil && s.ts <= b.out.ts+b.in.frame/2
	switch {
	case short && (!due || !b.out.playing || b.out.sinceGrow > growEvery):
		b.out.sinceGrow = 0
		return 0, Waiting
	case due:
		n = b.take(s, dst)
		b.stats.Delay = b.delay(at) + b.Frame()
		switch {
		case skipped:
			return n, Spliced
		case b.mayShrink(delay):
			b.out.sinceCut = 0
			return n, Shorten
		}
		return n, Audio
	case s != nil && s.seq == b.out.seq, s == nil && b.out.other:
		r = Silence
	default:
		r = Missing
	}
	// Nothing is heard here, so a delay that is too great may shrink freely.
	b.out.ts += b.in.frame
	if delay > b.delays.target+b.Frame() {
		b.out.ts += b.in.frame
	}
	return 0, r
}

// delay is the present delay: how long after the fastest packet could have
// brought it the next frame is played at the instant at.
func (b *Buffer) delay(at time.Duration) time.Duration {
	return at - b.span(b.out.ts) - b.delays.base
}

// head is the earliest packet of audio in the buffer, nil when there is none.
// Packets that are no audio are passed where they stand at the front.
func (b *Buffer) head() *slot {
	for seq := b.out.seq; seq <= b.in.seq; seq++ {
		s := b.at(seq)
		if s.seq != seq {
			continue
		}
		if s.audio {
			return s
		}
		if seq == b.out.seq {
			b.out.seq++
			b.out.other = true
		}
	}
	return nil
}

// catchUp drops what is hopelessly old, after an outage whose packets were held
// back, or when the player stood still.
func (b *Buffer) catchUp(at time.Duration, s *slot) (*slot, bool) {
	limit := b.opt.Max + 2*b.Frame()
	if !b.out.playing {
		limit = b.delays.target + b.Frame()
	}
	behind := b.delay(at)
	if behind <= limit {
		return s, false
	}
	turn := b.out.ts + b.units(behind-b.delays.target)
	for s != nil && s.ts+b.in.frame/2 < turn {
		b.skip(s)
		s = b.head()
	}
	b.out.ts = turn
	return s, true
}

// mayShrink reports whether the frame in turn may be shortened: the delay is
// too great, and nobody will notice or it is a while since the last time.
func (b *Buffer) mayShrink(delay time.Duration) bool {
	over := delay - b.delays.target
	switch {
	case over > b.Frame()*3/4:
		b.out.shrinking = true
	case over <= binWidth:
		b.out.shrinking = false
	}
	return b.out.shrinking && (b.out.quiet || b.out.sinceCut >= cutEvery)
}

func (b *Buffer) skip(s *slot) {
	b.stats.Skipped++
	b.take(s, nil)
}

// take plays a slot.
func (b *Buffer) take(s *slot, dst []byte) int {
	b.passTo(s.seq + 1)
	b.out.playing, b.out.other = true, false
	b.out.ts = s.ts + b.in.frame
	return copy(dst, s.payload)
}

// passTo moves the turn to seq and counts as lost what never came before it.
func (b *Buffer) passTo(seq int64) {
	if far := seq - slots; b.out.seq < far {
		b.stats.Lost += uint64(far - b.out.seq)
		b.out.seq = far
	}
	for ; b.out.seq < seq; b.out.seq++ {
		s := b.at(b.out.seq)
		if s.seq != b.out.seq {
			b.stats.Lost++
		}
		s.audio = false
	}
}
