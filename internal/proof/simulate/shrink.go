package simulate

import "slices"

// Shrink makes a script that fails as small as it gets in a number of tries.
// fails plays a script and reports whether it fails in the same way; where that
// depends on luck, what is left is what failed at least once.
func Shrink(s Script, tries int, fails func(Script) bool) Script {
	try := func(c Script) bool {
		if tries <= 0 {
			return false
		}
		tries--
		if !fails(c) {
			return false
		}
		s = c
		return true
	}
	// The last episode is the one that failed; mostly it does so alone.
	if n := len(s.Episodes); n > 1 {
		alone := s
		alone.Episodes = s.Episodes[n-1:]
		if !try(alone) {
			for i := n - 2; i >= 0; i-- {
				less := s
				less.Episodes = slices.Delete(slices.Clone(s.Episodes), i, i+1)
				try(less)
			}
		}
	}
	for e := range s.Episodes {
		for size := (len(s.Episodes[e].Steps) + 1) / 2; size > 0; size /= 2 {
			for i := 0; i < len(s.Episodes[e].Steps); {
				if !try(without(s, e, i, min(size, len(s.Episodes[e].Steps)-i))) {
					i += size
				}
			}
		}
	}
	return s
}

// without is a script less n steps of an episode.
func without(s Script, episode, from, n int) Script {
	s.Episodes = slices.Clone(s.Episodes)
	e := &s.Episodes[episode]
	e.Steps = slices.Delete(slices.Clone(e.Steps), from, from+n)
	return s
}
