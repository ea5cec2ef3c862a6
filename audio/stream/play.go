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
		s.count.quality.hear(s.rx.buffer)
	}
	s.count.in.Add(dst)
	s.trail.tick(len(dst), s.playRate(), s.rx.stats().Jitter)
}

func samples(rate int, d time.Duration) int { return int(int64(rate) * int64(d) / int64(time.Second)) }
