package netwatch

import "time"

// Only a network that keeps changing is damped: after the third usable change
// within this time the next ones wait for quiet. It is also the longest that a
// change is ever held, so that a flapping link neither spams nor starves.
const (
	flapWindow = 5 * time.Second
	flapFree   = 3
)

// settle decides when a new path may be acted on. The first ones at once; in
// a storm after a quiet time that doubles. It is pure: it takes now.
type settle struct {
	quiet, max time.Duration
	recent     []time.Time // usable changes within flapWindow
	held       time.Time   // since when something waits; zero when nothing does
}

// usable notes that a usable path appeared and returns when it may be acted
// on: now, or later. A newer change supersedes: the newest answer counts.
func (s *settle) usable(now time.Time) time.Time {
	for len(s.recent) > 0 && now.Sub(s.recent[0]) > flapWindow {
		s.recent = s.recent[1:]
	}
	before := len(s.recent)
	s.recent = append(s.recent, now)
	if before < flapFree {
		s.held = time.Time{}
		return now
	}
	wait := s.quiet
	for range before - flapFree {
		if wait >= s.max {
			break
		}
		wait *= 2
	}
	if s.held.IsZero() {
		s.held = now
	}
	due := now.Add(min(wait, s.max))
	if last := s.held.Add(flapWindow); due.After(last) {
		due = last
	}
	return due
}

// done notes that what was held has been acted on.
func (s *settle) done() { s.held = time.Time{} }
