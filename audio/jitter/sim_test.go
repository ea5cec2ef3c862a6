package jitter

import (
	"math"
	"testing"
	"time"
)

const frame = 20 * time.Millisecond

// linear is a coding of 16 bit samples as they are.
type linear struct{}

func (linear) Decode(dst []int16, src []byte) int {
	n := min(len(dst), len(src)/2)
	for i := range n {
		dst[i] = int16(src[2*i]) | int16(src[2*i+1])<<8
	}
	return n
}

func (linear) Conceal([]int16) int         { return 0 }
func (linear) Recover([]int16, []byte) int { return 0 }

// sim plays a stream through a Buffer in virtual time: a sender that emits a
// packet each 20 ms, a network that delays or loses it, a player with a tick.
type sim struct {
	*Buffer
	t     *testing.T
	start time.Time
	now   time.Duration
	tick  time.Duration
	queue []sent // on the way, by arrival
	got   map[Verdict]int
	heard []int16
	tone  float64 // Hz
}

type sent struct {
	at time.Duration
	p  Packet
}

func newSim(t *testing.T, o Options) *sim {
	return &sim{
		Buffer: New(o), t: t, start: time.Unix(1_700_000_000, 0), tick: 10 * time.Millisecond,
		got: map[Verdict]int{}, tone: 200,
	}
}

// sound is a stretch of the tone, by the media time of its start.
func (s *sim) sound(ts uint32, n int) []byte {
	b := make([]byte, 2*n)
	for i := range n {
		v := int16(6000 * math.Sin(2*math.Pi*s.tone*float64(ts+uint32(i))/8000))
		b[2*i], b[2*i+1] = byte(v), byte(v>>8)
	}
	return b
}

// send puts a packet of sound on the way; none where n is 0.
func (s *sim) send(at time.Duration, seq uint16, ts uint32, n int) {
	p := Packet{Seq: seq, Timestamp: ts}
	if n > 0 {
		p.Decoder, p.Payload = linear{}, s.sound(ts, n)
	}
	i := len(s.queue)
	for i > 0 && s.queue[i-1].at > at {
		i--
	}
	s.queue = append(s.queue, sent{})
	copy(s.queue[i+1:], s.queue[i:])
	s.queue[i] = sent{at, p}
}

// stream sends n packets from the media time from on, each delayed by delay(i);
// a negative delay loses it.
func (s *sim) stream(from time.Duration, seq uint16, ts uint32, n int, delay func(i int) time.Duration) {
	for i := range n {
		if d := delay(i); d >= 0 {
			s.send(from+time.Duration(i)*frame+d, seq+uint16(i), ts+uint32(i)*160, 160)
		}
	}
}

// run lets the time pass until the given instant.
func (s *sim) run(until time.Duration) {
	dst := make([]int16, samples(8000, s.tick))
	for ; s.now < until; s.now += s.tick {
		for len(s.queue) > 0 && s.queue[0].at <= s.now {
			q := s.queue[0]
			s.queue = s.queue[1:]
			s.got[s.Push(s.start.Add(q.at), q.p)]++
		}
		s.Play(s.start.Add(s.now), dst)
		s.heard = append(s.heard, dst...)
	}
}

// clicks is the greatest second difference of what was heard from a time on; the
// tone itself has natural.
func (s *sim) clicks(from time.Duration) (worst float64) {
	h := s.heard[samples(8000, from):]
	for i := 2; i < len(h); i++ {
		worst = max(worst, math.Abs(float64(h[i])-2*float64(h[i-1])+float64(h[i-2])))
	}
	return worst
}

func (s *sim) natural() float64 { return 6000 * square(2*math.Pi*s.tone/8000) }

func steady(d time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return d }
}
