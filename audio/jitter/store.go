package jitter

import "math"

const (
	slots     = 256       // packets held at most; a power of two
	arenaSize = 32 * 1024 // bytes of payload held at most: four seconds of G.711
)

// store keeps packets by sequence number until their turn.
type store struct {
	slots [slots]slot
	arena []byte
	next  int64 // place in the arena, counted for ever
}

type slot struct {
	seq, ts int64
	at      int64 // place of the payload
	size    int
	decoder Decoder // nil: no audio, or not to be played any more
	missed  bool    // no audio, and that is a loss
}

func (s *store) init() {
	s.arena = make([]byte, arenaSize)
	s.clear()
}

func (s *store) clear() {
	for i := range s.slots {
		s.slots[i] = slot{seq: math.MinInt64}
	}
}

func (s *store) at(seq int64) *slot { return &s.slots[seq&(slots-1)] }

// has reports whether a packet came.
func (s *store) has(seq int64) bool { return s.at(seq).seq == seq }

// put keeps a packet, whose payload is at most maxPayload long.
func (s *store) put(seq, ts int64, d Decoder, payload []byte) {
	if left := arenaSize - s.next%arenaSize; left < int64(len(payload)) {
		s.next += left
	}
	copy(s.arena[s.next%arenaSize:], payload)
	*s.at(seq) = slot{seq: seq, ts: ts, at: s.next, size: len(payload), decoder: d}
	s.next += int64(len(payload))
}

// mark notes that a packet came of which nothing is kept.
func (s *store) mark(seq int64, missed bool) {
	if x := s.at(seq); x.seq < seq {
		*x = slot{seq: seq, missed: missed}
	}
}

// payload is that of a slot; nil where newer ones took its room.
func (s *store) payload(x *slot) []byte {
	if s.next-x.at > arenaSize {
		return nil
	}
	return s.arena[x.at%arenaSize:][:x.size]
}
