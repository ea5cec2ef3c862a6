package jitter

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestBuffer(t *testing.T) {
	for _, tc := range []struct {
		name  string
		drive func(s *sim)
		check func(t *testing.T, s *sim, st Stats)
	}{
		{"a clean stream plays every frame at the least delay", func(s *sim) {
			s.stream(0, 100, 5000, 500, steady(30*time.Millisecond))
			s.run(10 * time.Second)
		}, func(t *testing.T, s *sim, st Stats) {
			if s.got.results[Missing] != 0 || s.got.results[Shorten] != 0 || len(s.order) < 496 {
				t.Fatalf("results %v, %d frames", s.got.results, len(s.order))
			}
			if st.Delay > 25*time.Millisecond || st.Lost+st.Late+st.Duplicates != 0 {
				t.Fatalf("%+v", st)
			}
		}},
		{"lost packets are missing, each once", func(s *sim) {
			s.stream(0, 65500, 1<<32-4000, 500, func(i int) time.Duration {
				if i%10 == 5 {
					return -1
				}
				return 30 * time.Millisecond
			})
			s.run(10100 * time.Millisecond)
		}, func(t *testing.T, s *sim, st Stats) {
			if st.Lost != 50 || st.Late != 0 || s.got.results[Missing] < 50 || s.got.results[Missing] > 56 {
				t.Fatalf("%+v, results %v", st, s.got.results)
			}
		}},
		{"reordering by one packet loses nothing", func(s *sim) {
			s.stream(0, 65530, 0, 300, func(i int) time.Duration {
				if i%5 == 2 {
					return 55 * time.Millisecond
				}
				return 30 * time.Millisecond
			})
			s.run(6100 * time.Millisecond)
		}, func(t *testing.T, s *sim, st Stats) {
			s.inOrder()
			if st.Lost != 0 || st.Late > 3 {
				t.Fatalf("%+v", st)
			}
		}},
		{"duplicates are counted and played once", func(s *sim) {
			s.stream(0, 65000, 0, 1000, steady(30*time.Millisecond))
			s.stream(0, 65000, 0, 1000, steady(35*time.Millisecond))
			s.run(21 * time.Second)
		}, func(t *testing.T, s *sim, st Stats) {
			s.inOrder()
			if st.Duplicates != 1000 || len(s.order) != 1000 {
				t.Fatalf("%+v, %d frames", st, len(s.order))
			}
		}},
		{"an event in the middle is a pause, not a loss", func(s *sim) {
			for i := range 100 {
				at := time.Duration(i) * frame
				if i >= 40 && i < 48 { // an RFC 4733 event: no audio, one timestamp
					s.queue = append(s.queue, packet{at: at, seq: uint16(i), ts: 40 * 160})
					continue
				}
				s.send(at, uint16(i), uint32(i)*160, byte(i))
			}
			s.run(2020 * time.Millisecond)
		}, func(t *testing.T, s *sim, st Stats) {
			if st.Lost != 0 || s.got.results[Silence] < 6 || s.got.results[Missing] > 2 {
				t.Fatalf("%+v, results %v", st, s.got.results)
			}
		}},
		{"a sender that is silent between talk spurts loses nothing", func(s *sim) {
			s.stream(0, 10, 0, 50, steady(20*time.Millisecond))
			s.stream(3*time.Second, 60, 3*8000, 50, steady(20*time.Millisecond))
			s.run(4 * time.Second)
		}, func(t *testing.T, s *sim, st Stats) {
			if st.Lost+st.Late != 0 || len(s.order) < 98 || st.Delay > 45*time.Millisecond {
				t.Fatalf("%+v, %d frames", st, len(s.order))
			}
		}},
		{"a path that becomes 80 ms slower is followed", func(s *sim) {
			s.stream(0, 0, 0, 100, steady(20*time.Millisecond))
			s.stream(2*time.Second, 100, 100*160, 400, steady(100*time.Millisecond))
			s.run(10 * time.Second)
		}, func(t *testing.T, s *sim, st Stats) {
			if st.Late > lateRun || len(s.order) < 485 || st.Target > 60*time.Millisecond {
				t.Fatalf("%+v, %d frames", st, len(s.order))
			}
		}},
		{"a path that becomes 80 ms faster gets its delay back", func(s *sim) {
			s.stream(0, 0, 0, 100, steady(100*time.Millisecond))
			s.stream(2*time.Second, 100, 100*160, 1000, steady(20*time.Millisecond))
			s.run(22 * time.Second)
		}, func(t *testing.T, s *sim, st Stats) {
			if st.Lost+st.Late+st.Skipped != 0 || st.Delay > 35*time.Millisecond {
				t.Fatalf("%+v", st)
			}
		}},
		{"a sender whose clock is 200 ppm slow causes no trouble", func(s *sim) {
			for i := range 15000 {
				s.send(time.Duration(i)*(frame+4*time.Microsecond), uint16(i), uint32(i)*160, byte(i))
			}
			s.run(300 * time.Second)
		}, func(t *testing.T, s *sim, st Stats) {
			if st.Late > 3 || st.Lost != 0 || s.got.results[Missing] > 3 || s.got.results[Waiting] > 20 {
				t.Fatalf("%+v, results %v", st, s.got.results)
			}
		}},
		{"a sender that packs 30 ms is understood", func(s *sim) {
			for i := range 300 {
				s.send(time.Duration(i)*30*time.Millisecond, uint16(i), uint32(i)*240, byte(i))
			}
			s.run(time.Second)
		}, func(t *testing.T, s *sim, st Stats) {
			if st.Frame != 30*time.Millisecond {
				t.Fatalf("%+v", st)
			}
		}},
		{"no packet waits for ever", func(s *sim) { s.run(time.Second) },
			func(t *testing.T, s *sim, st Stats) {
				if s.got.results[Waiting] != 100 {
					t.Fatalf("results %v", s.got.results)
				}
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSim(t, Options{})
			tc.drive(s)
			tc.check(t, s, s.Stats())
		})
	}
}

func TestJitterOfThirtyMilliseconds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := newSim(t, Options{})
	s.stream(0, 0, 0, 3000, func(int) time.Duration {
		return max(0, 120*time.Millisecond+time.Duration(rng.NormFloat64()*30*float64(time.Millisecond)))
	})
	s.run(5 * time.Second)
	early := s.Stats()
	s.run(60 * time.Second)
	st := s.Stats()
	t.Logf("%+v, results %v, late in the first 5 s: %d", st, s.got.results, early.Late)
	if late := float64(st.Late) / 3000; late > 0.04 {
		t.Fatalf("%.1f %% late", 100*late)
	}
	if st.Target < 80*time.Millisecond || st.Target > 170*time.Millisecond {
		t.Fatalf("target %v", st.Target)
	}
	if early.Late > 25 {
		t.Fatalf("slow start: %d late in 5 s", early.Late)
	}
	if st.Jitter < 20*time.Millisecond || st.Jitter > 50*time.Millisecond {
		t.Fatalf("jitter %v", st.Jitter)
	}
	s.inOrder()
}

func TestOutageIsNotJitter(t *testing.T) {
	for _, tc := range []struct {
		name   string
		outage time.Duration
		path   time.Duration // delay after it; 30 ms before
		seqGap bool
	}{
		{"500 ms, same delay after it", 500 * time.Millisecond, 30 * time.Millisecond, true},
		{"5 s, same delay after it", 5 * time.Second, 30 * time.Millisecond, true},
		{"500 ms, onto a path 100 ms slower", 500 * time.Millisecond, 130 * time.Millisecond, true},
		{"500 ms, onto a path 25 ms faster", 500 * time.Millisecond, 5 * time.Millisecond, true},
		{"5 s, the sender stood still meanwhile", 5 * time.Second, 30 * time.Millisecond, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			wobble := func(path time.Duration) func(int) time.Duration {
				return func(int) time.Duration { return path + time.Duration(rng.IntN(15))*time.Millisecond }
			}
			s := newSim(t, Options{})
			s.stream(0, 0, 0, 200, wobble(30*time.Millisecond))
			s.run(4100 * time.Millisecond)
			before := s.Stats()
			lost := uint64(0)
			seq, ts := uint16(200), uint32(200*160)
			if tc.seqGap {
				lost = uint64(tc.outage / frame)
				seq, ts = seq+uint16(lost), ts+uint32(lost)*160
			}
			resume := 4*time.Second + tc.outage
			s.order = nil
			s.stream(resume, seq, ts, 300, wobble(tc.path))
			s.run(resume + 500*time.Millisecond)
			heard := len(s.order)
			s.run(resume + 6*time.Second)
			st := s.Stats()
			if st.Target > before.Target+binWidth {
				t.Errorf("target %v, was %v: the outage was learnt", st.Target, before.Target)
			}
			if st.Lost != lost || st.Late > 2 || st.Jumps != 0 {
				t.Errorf("%+v, want %d lost", st, lost)
			}
			// 500 ms after the first packet was sent: all but path and delay.
			if least := int((480*time.Millisecond-tc.path-60*time.Millisecond)/frame) - 1; heard < least {
				t.Errorf("%d frames in the first 500 ms, want %d", heard, least)
			}
			if st.Delay > before.Delay+30*time.Millisecond {
				t.Errorf("delay %v, was %v", st.Delay, before.Delay)
			}
		})
	}
}

func TestPacketsHeldBackAreNotPlayedInABurst(t *testing.T) {
	for _, held := range []time.Duration{300 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second} {
		t.Run(held.String(), func(t *testing.T) {
			s := newSim(t, Options{})
			n := int(held / frame)
			s.stream(0, 0, 0, 200, steady(20*time.Millisecond))
			s.stream(4*time.Second, 200, 200*160, n, func(i int) time.Duration {
				return held - time.Duration(i)*frame + 20*time.Millisecond // all at once
			})
			s.stream(4*time.Second+held, 200+uint16(n), uint32(200+n)*160, 300, steady(20*time.Millisecond))
			s.run(4*time.Second + held + 3*time.Second)
			st := s.Stats()
			if st.Delay > 45*time.Millisecond || st.Target > 40*time.Millisecond {
				t.Fatalf("%+v", st)
			}
		})
	}
}

func TestJumpsResynchronize(t *testing.T) {
	for _, tc := range []struct {
		name    string
		seq     uint16
		ts      uint32
		restart bool
	}{
		{"sequence and timestamp anew, SSRC known to be new", 12345, 987654321, true},
		{"sequence and timestamp anew", 12345, 987654321, false},
		{"timestamp forward", 200, 200*160 + 80000, false},
		{"timestamp backward", 200, 1<<32 - 80000, false},
		{"timestamp far away", 200, 1 << 31, false},
		{"sequence forward", 20000, 200 * 160, false},
		{"sequence backward", 60000, 200 * 160, false},
		{"the same numbers again", 0, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSim(t, Options{})
			s.stream(0, 0, 0, 200, steady(30*time.Millisecond))
			s.run(4020 * time.Millisecond)
			if tc.restart {
				s.Restart()
			}
			s.order = nil
			s.stream(4*time.Second, tc.seq, tc.ts, 200, steady(30*time.Millisecond))
			s.run(8 * time.Second)
			st := s.Stats()
			if len(s.order) < 190 || st.Lost > 1 || st.Delay > 45*time.Millisecond {
				t.Fatalf("%+v, %d frames, verdicts %v, results %v", st, len(s.order), s.got.verdicts, s.got.results)
			}
			if tc.restart && s.got.verdicts[Jumped] != 0 {
				t.Fatal("a known restart costs no packet")
			}
		})
	}
}

func TestOneStrayPacketChangesNothing(t *testing.T) {
	s := newSim(t, Options{})
	s.stream(0, 0, 0, 400, steady(30*time.Millisecond))
	for i, p := range []packet{{seq: 30000, ts: 99}, {seq: 150, ts: 4_000_000_000}, {seq: 40000, ts: 7}, {seq: 250, ts: 77}} {
		s.send(time.Duration(i+1)*time.Second+5*time.Millisecond, p.seq, p.ts, 0)
	}
	s.run(8 * time.Second)
	s.inOrder()
	if st := s.Stats(); s.got.verdicts[Jumped] < 3 || st.Jumps != 0 || st.Delay > 30*time.Millisecond || len(s.order) < 395 {
		t.Fatalf("%+v, verdicts %v, %d frames", st, s.got.verdicts, len(s.order))
	}
}

func TestQuietMomentsShrinkSooner(t *testing.T) {
	skips := func(quiet bool) time.Duration {
		s := newSim(t, Options{})
		s.stream(0, 0, 0, 100, steady(120*time.Millisecond))
		s.stream(2*time.Second, 100, 100*160, 1000, steady(20*time.Millisecond))
		s.Quiet(quiet)
		for s.run(2500 * time.Millisecond); s.Stats().Delay > 35*time.Millisecond; {
			if s.run(s.now + frame); s.now > 22*time.Second {
				t.Fatalf("never: %+v", s.Stats())
			}
		}
		return s.now
	}
	if loud, quiet := skips(false), skips(true); quiet > loud {
		t.Fatalf("quiet after %v, loud after %v", quiet, loud)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	b := New(Options{})
	now := time.Unix(0, 0)
	payload, dst := make([]byte, 160), make([]byte, 160)
	seq, ts := uint16(0), uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		b.Push(now, seq, ts, payload, false)
		b.Pop(now, dst)
		now, seq, ts = now.Add(frame), seq+1, ts+160
	}); n != 0 {
		t.Fatalf("%v allocations a frame", n)
	}
	if v := b.Push(now, seq, ts, make([]byte, 5000), false); v != Refused {
		t.Fatalf("an oversize packet is %v", v)
	}
}

func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 2, 0, 3})
	f.Add([]byte("a long and senseless walk through the buffer, 0123456789"))
	f.Fuzz(func(t *testing.T, script []byte) {
		b := New(Options{MaxPayload: 16})
		now := time.Unix(0, 0)
		var seq uint16
		var ts uint32
		dst := make([]byte, 16)
		for len(script) >= 4 {
			op, a, c, d := script[0], script[1], script[2], script[3]
			script = script[4:]
			now = now.Add(time.Duration(op>>4) * 7 * time.Millisecond)
			switch op & 7 {
			case 0:
				seq, ts = seq+1, ts+160
			case 1:
				seq, ts = seq+uint16(int8(a)), ts+uint32(int32(int8(a))*160)
			case 2:
				seq = uint16(a)<<8 | uint16(c)
			case 3:
				ts = uint32(a)<<24 | uint32(c)<<16 | uint32(d)
			case 4:
				now = now.Add(time.Duration(a) * time.Second)
			case 5:
				b.Restart()
			case 6:
				now = now.Add(-time.Duration(a) * time.Millisecond)
			}
			b.Push(now, seq, ts, dst[:c%17], d&1 == 1)
			if held := b.in.seq - b.out.seq; held >= slots {
				t.Fatalf("the window is %d packets wide", held)
			}
			for range d % 4 {
				if n, r := b.Pop(now, dst); n > len(dst) || (n > 0) != (r == Audio || r == Shorten || r == Spliced) {
					t.Fatalf("%d bytes, %v", n, r)
				}
			}
		}
		if st := b.Stats(); st.Target < 20*time.Millisecond || st.Target > 200*time.Millisecond || st.Lost > 1<<40 {
			t.Fatalf("%+v", st)
		}
	})
}

func BenchmarkPushPop(b *testing.B) {
	buf := New(Options{})
	now := time.Unix(0, 0)
	payload, dst := make([]byte, 160), make([]byte, 160)
	b.ReportAllocs()
	for i := range b.N {
		buf.Push(now, uint16(i), uint32(i)*160, payload, false)
		buf.Pop(now, dst)
		now = now.Add(frame)
	}
}
