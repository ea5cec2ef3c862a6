package jitter

import (
	"testing"
	"time"
)

const frame = 20 * time.Millisecond

// sim plays a stream through a Buffer in virtual time: a sender that emits a
// packet each 20 ms, a network that delays or loses it, a player with a tick
// of 10 ms.
type sim struct {
	*Buffer
	t     *testing.T
	start time.Time
	now   time.Duration
	queue []packet // on the way, by arrival
	owed  int      // samples of the frame in play that are still to be heard, in 10 ms ticks
	got   tally
	order []byte // tags of the frames played
}

type packet struct {
	at      time.Duration
	seq     uint16
	ts      uint32
	payload []byte
	marker  bool
}

type tally struct {
	verdicts [Refused + 1]int
	results  [Silence + 1]int
}

func newSim(t *testing.T, o Options) *sim {
	return &sim{Buffer: New(o), t: t, start: time.Unix(1_700_000_000, 0)}
}

// send puts a packet on the way; the tag identifies it when it is played.
func (s *sim) send(at time.Duration, seq uint16, ts uint32, tag byte) {
	p := packet{at: at, seq: seq, ts: ts, payload: []byte{tag}}
	i := len(s.queue)
	for i > 0 && s.queue[i-1].at > at {
		i--
	}
	s.queue = append(s.queue, packet{})
	copy(s.queue[i+1:], s.queue[i:])
	s.queue[i] = p
}

// stream sends n packets from the media time from on, each delayed by delay(i);
// a negative delay loses it.
func (s *sim) stream(from time.Duration, seq uint16, ts uint32, n int, delay func(i int) time.Duration) {
	for i := range n {
		if d := delay(i); d >= 0 {
			s.send(from+time.Duration(i)*frame+d, seq+uint16(i), ts+uint32(i)*160, byte(i))
		}
	}
}

// run lets the time pass until the given instant.
func (s *sim) run(until time.Duration) {
	var dst [64]byte
	for ; s.now < until; s.now += 10 * time.Millisecond {
		for len(s.queue) > 0 && s.queue[0].at <= s.now {
			p := s.queue[0]
			s.queue = s.queue[1:]
			s.got.verdicts[s.Push(s.start.Add(p.at), p.seq, p.ts, p.payload, p.marker)]++
		}
		if s.owed > 0 {
			s.owed--
			continue
		}
		n, r := s.Pop(s.start.Add(s.now), dst[:])
		s.got.results[r]++
		switch r {
		case Audio, Spliced:
			s.order = append(s.order, dst[:n]...)
			s.owed = 1
		case Shorten: // half of it is left out
			s.order = append(s.order, dst[:n]...)
		case Missing, Silence:
			s.owed = 1
		case Waiting:
		}
	}
}

func (s *sim) inOrder() {
	s.t.Helper()
	for i := 1; i < len(s.order); i++ {
		if d := int8(s.order[i] - s.order[i-1]); d <= 0 {
			s.t.Fatalf("frame %d played after %d", s.order[i], s.order[i-1])
		}
	}
}

func steady(d time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return d }
}
