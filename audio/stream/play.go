package stream

import (
	"time"

	"ramble/audio/jitter"
)

// clockSlip is the difference between the time that was played and the time
// that passed after which the former jumps: the sound stood still.
const clockSlip = 150 * time.Millisecond

// speaker turns what is in the buffer into samples.
type speaker struct {
	rate    int
	frame   []int16 // decoded, partly played
	left    int     // samples of frame[head:] still to play
	head    int
	payload [1500]byte
	conceal *concealer
	at      time.Time // when the next sample is heard
}

func newSpeaker(rate int) speaker {
	return speaker{rate: rate, frame: make([]int16, samples(rate, maxPTime)), conceal: newConcealer(rate)}
}

// Play fills dst with what is heard next. It belongs to the sound clock.
// Before anything was received and while nothing is to be, it is silence;
// later what is missing is made up and is never silence.
func (s *Stream) Play(dst []int16) {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paths.closed {
		clear(dst)
		return
	}
	k := &s.spk
	k.follow(now)
	for rest := dst; len(rest) > 0; {
		if k.left == 0 {
			s.fetch(len(rest))
		}
		n := copy(rest, k.frame[k.head:k.head+k.left])
		rest, k.head, k.left = rest[n:], k.head+n, k.left-n
		k.at = k.at.Add(time.Duration(n) * time.Second / time.Duration(k.rate))
	}
	s.count.in.Add(dst)
	s.trail.tick(len(dst), k.rate, s.rx.stats().Jitter)
}

// follow steers the clock of the samples after the clock on the wall. A sound
// clock asks unevenly, in bursts after a delay, but plays evenly: what it asks
// for is heard one after the other. The clock keeps to the earliest demands,
// for a frame must have arrived when it is asked for, not when it is heard.
func (k *speaker) follow(now time.Time) {
	slip := now.Sub(k.at)
	switch {
	case k.at.IsZero() || slip > clockSlip || slip < -clockSlip:
		k.at = now
	case slip < 0:
		k.at = k.at.Add(slip / 4)
	default:
		k.at = k.at.Add(slip / 64)
	}
}

// fetch brings at least one sample, a frame where there is one; want is what
// the present tick still needs.
func (s *Stream) fetch(want int) {
	k := &s.spk
	k.head = 0
	if !s.media.Receive {
		k.left = min(want, len(k.frame))
		clear(k.frame[:k.left])
		return
	}
	frame := min(max(samples(k.rate, s.rx.buffer.Frame()), 1), len(k.frame))
	n, r := s.rx.buffer.Pop(k.at, k.payload[:])
	switch r {
	case jitter.Audio, jitter.Shorten, jitter.Spliced:
		if k.left = s.tx.coder.Decode(k.frame, k.payload[:n]); k.left > 0 {
			s.rx.buffer.Quiet(k.conceal.real(k.frame[:k.left], r == jitter.Spliced))
			if r == jitter.Shorten {
				k.left = k.conceal.shorten(k.frame[:k.left])
			}
			s.count.quality.played()
			return
		}
		k.left = frame // a payload without sound
	case jitter.Silence:
		k.left = frame
		k.conceal.pause(k.frame[:k.left])
		return
	case jitter.Missing:
		k.left = frame
	case jitter.Waiting:
		k.left = k.conceal.stretch(k.frame, want)
		s.concealed(k.left)
		return
	}
	k.conceal.fill(k.frame[:k.left])
	s.concealed(k.left)
	if k.conceal.heard {
		s.count.quality.missed()
	}
}

func (s *Stream) concealed(n int) {
	if s.spk.conceal.heard {
		s.count.concealed += time.Duration(n) * time.Second / time.Duration(s.spk.rate)
	}
}
