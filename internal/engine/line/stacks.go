package line

import (
	"iter"
	"maps"
)

// Stacks are what an account sends by, by the epoch that each was opened for: a
// table, which opens and closes nothing. One stack may serve several epochs. The
// zero value has none.
type Stacks[E, S comparable] struct {
	at   map[E]S
	kept map[E]E // epochs whose stack serves a newer one too
}

// At is the stack of an epoch; the zero S where there is none.
func (s *Stacks[E, S]) At(epoch E) S { return s.at[epoch] }

// Keep has the stack of one epoch, standing or still opening, serve a newer one
// too.
func (s *Stacks[E, S]) Keep(of, newer E) {
	if s.kept == nil {
		s.kept = map[E]E{}
	}
	s.kept[of] = newer
	if st, ok := s.at[of]; ok {
		s.at[newer] = st
	}
}

// Newest is the newest epoch that the stack of an epoch serves.
func (s *Stacks[E, S]) Newest(epoch E) E {
	for next, kept := s.kept[epoch]; kept; next, kept = s.kept[epoch] {
		epoch = next
	}
	return epoch
}

// Opened puts a stack under the epoch that it was opened for, and under all that
// it is to serve since.
func (s *Stacks[E, S]) Opened(epoch E, st S) {
	if s.at == nil {
		s.at = map[E]S{}
	}
	s.at[epoch] = st
	for next, kept := s.kept[epoch]; kept; next, kept = s.kept[next] {
		s.at[next] = st
	}
}

// Close takes the stack of an epoch out, under every epoch that it served, and
// returns it to be closed; false: there is none.
func (s *Stacks[E, S]) Close(epoch E) (st S, ok bool) {
	if st, ok = s.at[epoch]; !ok {
		return st, false
	}
	for e, other := range s.at {
		if other == st {
			delete(s.at, e)
			delete(s.kept, e)
		}
	}
	return st, true
}

// All are the stacks by their epochs, in no order.
func (s *Stacks[E, S]) All() iter.Seq2[E, S] { return maps.All(s.at) }
