package stream

import "time"

// Play fills dst with what is heard next. It belongs to the sound clock.
// Before anything was received and while nothing is to be, it is silence;
// later what is missing is made up and is never silence.
func (s *Stream) Play(dst []int16) {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paths.closed || !s.media.Receive {
		clear(dst)
	} else {
		s.rx.buffer.Due(s.media.Send && !s.rx.flow.pauses)
		s.rx.buffer.Play(now, dst)
	}
	st := s.rx.stats()
	real := st.Played > s.count.quality.played
	s.count.quality.hear(st)
	if !s.rx.buffer.Played() && within(s.count.foreignAt, now, ssrcSilence*2) {
		s.count.quality.add(0, time.Duration(len(dst))*time.Second/time.Duration(s.playRate()))
	}
	if real { // a level is that of the other side's sound
		s.count.in.Add(dst)
	} else {
		s.count.in.Skip(len(dst))
	}
	s.trail.tick(len(dst), s.playRate(), st.Jitter)
}

func samples(rate int, d time.Duration) int { return int(int64(rate) * int64(d) / int64(time.Second)) }
