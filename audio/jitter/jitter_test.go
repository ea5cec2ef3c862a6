package jitter

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestNothingIsWrong(t *testing.T) {
	s := newSim(t, Options{})
	s.stream(3*time.Millisecond, 65530, 1<<32-480, 200, steady(0)) // both wrap
	s.run(4 * time.Second)
	st := s.Stats()
	if st.Lost+st.Late+st.Duplicates+st.Skipped+st.Jumps+st.Refused != 0 || st.MadeUp != 0 || st.Removed+st.Inserted != 0 {
		t.Errorf("%+v", st)
	}
	if st.Delay > 15*time.Millisecond || st.Frame != frame || st.Target != lightest {
		t.Errorf("%+v", st)
	}
	if c := s.clicks(100 * time.Millisecond); c > 1.2*s.natural() {
		t.Errorf("second difference %.0f, of the tone %.0f", c, s.natural())
	}
}

// TestEachFaultIsCountedOnce: whatever happens to a packet has one name.
func TestEachFaultIsCountedOnce(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name   string
		delay  func(i int) time.Duration
		more   func(s *sim)
		want   Stats
		madeUp [2]time.Duration
	}{
		{"one lost", func(i int) time.Duration { return lose(i == 50) }, nil, Stats{Lost: 1}, [2]time.Duration{15 * ms, 25 * ms}},
		{"three in a row lost", func(i int) time.Duration { return lose(i >= 50 && i < 53) }, nil, Stats{Lost: 3}, [2]time.Duration{50 * ms, 66 * ms}},
		{"one late by 8 us after it was needed", func(i int) time.Duration {
			if i == 50 {
				return 17*ms + 8*time.Microsecond
			}
			return 0
		}, nil, Stats{Late: 1}, [2]time.Duration{9 * ms, 21 * ms}},
		{"one so late that it was made up", func(i int) time.Duration {
			if i == 50 {
				return 95 * ms
			}
			return 0
		}, nil, Stats{Late: 1}, [2]time.Duration{15 * ms, 25 * ms}},
		{"two overtake one another in time", func(i int) time.Duration {
			if i == 50 {
				return 4 * ms
			}
			return 0
		}, nil, Stats{}, [2]time.Duration{0, 0}},
		{"one twice", func(int) time.Duration { return 0 }, func(s *sim) { s.send(1005*ms, 50, 50*160, 160) }, Stats{Duplicates: 1}, [2]time.Duration{0, 0}},
		{"one too long", func(int) time.Duration { return 0 }, func(s *sim) {
			s.send(1005*ms, 51, 51*160, 1000)
		}, Stats{Refused: 1}, [2]time.Duration{0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSim(t, Options{})
			s.stream(3*ms, 0, 0, 150, tc.delay)
			if tc.more != nil {
				tc.more(s)
			}
			s.run(3 * time.Second)
			st := s.Stats()
			if st.Lost != tc.want.Lost || st.Late != tc.want.Late || st.Duplicates != tc.want.Duplicates ||
				st.Refused != tc.want.Refused || st.Skipped+st.Jumps != 0 {
				t.Errorf("%+v", st)
			}
			if st.MadeUp < tc.madeUp[0] || st.MadeUp > tc.madeUp[1] {
				t.Errorf("%v made up", st.MadeUp)
			}
			if st.Delay > 35*ms {
				t.Errorf("a delay of %v stays", st.Delay)
			}
		})
	}
}

func lose(yes bool) time.Duration {
	if yes {
		return -1
	}
	return 0
}

// TestAPathThatBecomesSlower: 14 to 26 ms, at any phase, with 2 ms of jitter.
func TestAPathThatBecomesSlower(t *testing.T) {
	for shift := 14 * time.Millisecond; shift <= 26*time.Millisecond; shift += 500 * time.Microsecond {
		for phase := 250 * time.Microsecond; phase < 20*time.Millisecond; phase += 500 * time.Microsecond {
			r := rand.New(rand.NewPCG(1, 1))
			s := newSim(t, Options{})
			s.tick = 20 * time.Millisecond
			s.stream(0, 0, 0, 500, func(i int) time.Duration {
				d := time.Duration(r.Int64N(int64(2 * time.Millisecond)))
				if i >= 100 {
					d += shift
				}
				return d
			})
			s.now = phase
			s.run(3 * time.Second)
			before := s.Stats().Late
			s.run(10 * time.Second)
			if late := s.Stats().Late - before; late > 5 {
				t.Errorf("slower by %v, phase %v: %d packets late after the first second", shift, phase, late)
			}
		}
	}
}

func TestAnOutageIsNotJitter(t *testing.T) {
	for _, outage := range []int{10, 25, 100} { // packets
		s := newSim(t, Options{})
		s.stream(3*time.Millisecond, 0, 0, 500, func(i int) time.Duration { return lose(i >= 100 && i < 100+outage) })
		s.run(time.Duration(100+outage)*frame + 3*time.Second)
		st := s.Stats()
		if st.Lost != uint64(outage) || st.Late != 0 || st.Skipped != 0 || st.Target != lightest || st.Delay > 20*time.Millisecond {
			t.Errorf("after %d packets: %+v", outage, st)
		}
	}
}

// TestWhatWasHeldBackIsHeard: all of it, at most 1.3 times as fast, and then the
// delay is what it was.
func TestWhatWasHeldBackIsHeard(t *testing.T) {
	for _, held := range []int{15, 40, 100} {
		s := newSim(t, Options{})
		end := time.Duration(100+held) * frame
		s.stream(3*time.Millisecond, 0, 0, 1500, func(i int) time.Duration {
			if i >= 100 && i < 100+held {
				return end - time.Duration(i)*frame
			}
			return 0
		})
		s.run(end + time.Second)
		early := s.Stats()
		s.run(28 * time.Second)
		st := s.Stats()
		if st.Lost+st.Skipped+st.Jumps != 0 || st.Late != 1 {
			t.Errorf("%d held back: %+v", held, st)
		}
		if early.Removed > 300*time.Millisecond {
			t.Errorf("%d held back: %v left out in the first second", held, early.Removed)
		}
		if st.Delay > 25*time.Millisecond || st.Target > 10*time.Millisecond {
			t.Errorf("%d held back: delay %v, target %v at the end", held, st.Delay, st.Target)
		}
		if c := s.clicks(end + 100*time.Millisecond); c > 1.5*s.natural() {
			t.Errorf("%d held back: second difference %.0f, of the tone %.0f", held, c, s.natural())
		}
	}
}

func TestAJumpResynchronizes(t *testing.T) {
	for name, tc := range map[string]struct {
		seq uint16
		ts  uint32
	}{
		"sequence and timestamp": {40000, 1 << 30},
		"timestamp only":         {100, 1 << 30},
		"backwards":              {60000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, Options{})
			s.stream(3*time.Millisecond, 0, 0, 100, steady(0))
			s.stream(2003*time.Millisecond, tc.seq, tc.ts, 100, steady(0))
			s.run(4 * time.Second)
			if st := s.Stats(); st.Jumps != 1 || st.MadeUp > 80*time.Millisecond || st.Delay > 30*time.Millisecond {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestOneStrayPacketChangesNothing(t *testing.T) {
	s := newSim(t, Options{})
	s.stream(3*time.Millisecond, 0, 0, 200, steady(0))
	s.send(1010*time.Millisecond, 31000, 77, 160)
	s.run(4 * time.Second)
	if st := s.Stats(); st.Jumps+st.Lost+st.Late != 0 || st.MadeUp != 0 || s.got[Jumped] != 1 {
		t.Errorf("%+v, %v", st, s.got)
	}
}

// TestASilentSenderIsNotMissed: it pauses, with or without a word, or sends
// events in place of sound.
func TestASilentSenderIsNotMissed(t *testing.T) {
	t.Run("events in between", func(t *testing.T) {
		s := newSim(t, Options{})
		s.stream(3*time.Millisecond, 0, 0, 100, steady(0))
		for i := range 10 {
			s.send(time.Duration(100+i)*frame+3*time.Millisecond, uint16(100+i), 100*160, 0)
		}
		s.stream(2203*time.Millisecond, 110, 110*160, 100, steady(0))
		s.run(4 * time.Second)
		if st := s.Stats(); st.Lost+st.Late+st.Jumps+st.Skipped != 0 || st.MadeUp > 10*time.Millisecond {
			t.Errorf("%+v", st)
		}
	})
	t.Run("it says nothing and is not due", func(t *testing.T) {
		s := newSim(t, Options{})
		s.Due(false)
		s.stream(3*time.Millisecond, 0, 0, 100, steady(0))
		s.stream(5003*time.Millisecond, 100, 250*160, 100, steady(0))
		s.run(7 * time.Second)
		if st := s.Stats(); st.Lost+st.Late+st.Jumps+st.Skipped != 0 || st.MadeUp > 200*time.Millisecond {
			t.Errorf("%+v", st)
		}
	})
}

func TestAPlayerThatStoodStillBeginsAnew(t *testing.T) {
	s := newSim(t, Options{})
	s.stream(3*time.Millisecond, 0, 0, 300, steady(0))
	s.run(2 * time.Second)
	s.now += time.Second
	s.run(5 * time.Second)
	if st := s.Stats(); st.Delay > 40*time.Millisecond || st.Skipped < 45 || st.Skipped > 52 {
		t.Errorf("%+v", st)
	}
}

func TestTheCheapestDelay(t *testing.T) {
	for _, tc := range []struct {
		sigma    time.Duration
		from, to time.Duration // above the mean
	}{
		{5 * time.Millisecond, 8 * time.Millisecond, 20 * time.Millisecond},
		{15 * time.Millisecond, 25 * time.Millisecond, 60 * time.Millisecond},
		{30 * time.Millisecond, 45 * time.Millisecond, 110 * time.Millisecond},
	} {
		rng := rand.New(rand.NewPCG(3, 3))
		var e delays
		e.init(300 * time.Millisecond)
		for i := range 2000 {
			e.add(time.Duration(i)*frame, 200*time.Millisecond+time.Duration(rng.NormFloat64()*float64(tc.sigma)))
		}
		if above := e.base + e.target - 200*time.Millisecond; above < tc.from || above > tc.to {
			t.Errorf("sigma %v: %v above the mean", tc.sigma, above)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	b := New(Options{})
	now := time.Unix(1_700_000_000, 0)
	var payload [320]byte
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	dst := make([]int16, 80)
	seq := uint16(0)
	if n := testing.AllocsPerRun(2000, func() {
		if seq%13 != 5 && seq%17 != 3 { // losses, alone and in pairs
			b.Push(now, Packet{Seq: seq, Timestamp: uint32(seq) * 160, Decoder: linear{}, Payload: payload[:]})
		}
		seq++
		for range 2 {
			b.Play(now, dst)
			now = now.Add(10 * time.Millisecond)
		}
	}); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
	if st := b.Stats(); st.Lost < 100 {
		t.Errorf("%+v", st)
	}
}

func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 20, 2, 0, 20, 3, 0, 20})
	f.Add([]byte{0, 0, 0, 255, 0, 7, 128, 3, 9, 64, 200, 4})
	f.Fuzz(func(t *testing.T, ops []byte) {
		b := New(Options{})
		now := time.Unix(1_700_000_000, 0)
		var seq uint16
		var ts uint32
		payload := make([]byte, 1400)
		dst := make([]int16, 960)
		for i := 0; i+3 < len(ops); i += 4 {
			seq += uint16(int8(ops[i]))
			ts += uint32(int32(int8(ops[i+1])) * 160)
			now = now.Add(time.Duration(ops[i+2]) * time.Millisecond)
			p := Packet{Seq: seq, Timestamp: ts, Payload: payload[:int(ops[i+3])*5]}
			if ops[i+3]%7 != 0 {
				p.Decoder = linear{}
			}
			if ops[i]%31 == 7 {
				b.Restart()
			}
			b.Push(now, p)
			if n := int(ops[i+2]) * 4; n > 0 {
				b.Play(now, dst[:min(n, len(dst))])
			}
			st := b.Stats()
			if b.out.n < 0 || b.out.n > len(b.out.ring) || st.MadeUp < 0 || st.Target > b.opt.Max {
				t.Fatalf("%+v", st)
			}
		}
	})
}

func BenchmarkPushPlay(b *testing.B) {
	j := New(Options{})
	now := time.Unix(1_700_000_000, 0)
	var payload [320]byte
	dst := make([]int16, 160)
	b.ReportAllocs()
	seq := uint16(0)
	for b.Loop() {
		j.Push(now, Packet{Seq: seq, Timestamp: uint32(seq) * 160, Decoder: linear{}, Payload: payload[:]})
		seq++
		j.Play(now, dst)
		now = now.Add(frame)
	}
}
