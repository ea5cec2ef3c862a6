package stream

import (
	"slices"
	"testing"
	"time"

	"ramble/audio"
	"ramble/audio/codec"
)

func TestAToneIsHeardBothWays(t *testing.T) {
	r := newRig(t, nil)
	r.run(2 * time.Second)
	for _, e := range []struct {
		end   *end
		other float64
	}{{r.a, r.b.tone}, {r.b, r.a.tone}} {
		last := e.end.heard[len(e.end.heard)-4000:]
		if l, all := audio.ToneLevel(last, 8000, e.other), audio.Level(last); l < -16 || all-l > 1 {
			t.Errorf("tone %.1f dBFS of %.1f", l, all)
		}
		st := e.end.Stats()
		if st.TxPackets != 100 || st.RxPackets != 100 || st.Lost+st.Late+st.Duplicates+st.Strange+st.Garbage != 0 {
			t.Errorf("%+v", st)
		}
		if st.Concealed > 0 || st.Buffer > 25*time.Millisecond || st.Silence != 0 || st.MOS < 4.3 {
			t.Errorf("%+v", st)
		}
		if st.LevelIn < -18 || st.LevelOut < -18 || len(st.JitterTrail) != 2 {
			t.Errorf("levels %.1f and %.1f, trail %v", st.LevelIn, st.LevelOut, st.JitterTrail)
		}
	}
}

func TestBeforeAnythingWasReceivedThereIsSilence(t *testing.T) {
	r := newRig(t, nil)
	for range 50 {
		r.a.play()
		r.pass(tickLength)
	}
	if got := silent(r.a.heard); got != 500*time.Millisecond {
		t.Fatalf("%v silent", got)
	}
	if st := r.a.Stats(); st.Concealed != 0 || st.MOS != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestLossIsConcealedAndCounted(t *testing.T) {
	r := newRig(t, nil)
	n := 0
	r.b.lose = func() bool { n++; return n%10 == 5 }
	r.run(10 * time.Second)
	st := r.b.Stats()
	if st.Lost != 50 || st.RxPackets != 450 || st.Late != 0 {
		t.Fatalf("%+v", st)
	}
	if st.Concealed < time.Second || st.Concealed > 1200*time.Millisecond {
		t.Fatalf("concealed %v", st.Concealed)
	}
	if st.MOS > 3.5 || st.MOS < 2 {
		t.Fatalf("MOS %.2f at 10 %% loss", st.MOS)
	}
	if l := audio.ToneLevel(r.b.heard[8000:], 8000, 440); l < -17 {
		t.Fatalf("tone %.1f dBFS", l)
	}
}

func TestDuplicatesAreHeardOnce(t *testing.T) {
	r := newRig(t, nil)
	r.b.double = true
	r.run(2 * time.Second)
	if st := r.b.Stats(); st.Duplicates != 100 || st.Lost != 0 || st.Concealed != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestAnOutageEndsInComfortNoiseNeverInSilence(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	r.b.lose = func() bool { return true }
	r.run(2 * time.Second)
	gap := r.b.heard[8000+400:]
	if s := silent(gap); s > 2*time.Millisecond {
		t.Fatalf("%v of digital silence", s)
	}
	noise := audio.Level(gap[4000:])
	if noise > -40 || noise < -75 {
		t.Fatalf("comfort noise at %.1f dBFS", noise)
	}
	if st := r.b.Stats(); st.Silence < 1900*time.Millisecond {
		t.Fatalf("silence %v", st.Silence)
	}
	before := r.b.Stats().Buffer
	r.b.lose, r.b.heard = nil, nil
	r.run(time.Second)
	if l := audio.ToneLevel(r.b.heard[800:], 8000, 440); l < -16 {
		t.Fatalf("tone %.1f dBFS afterwards", l)
	}
	if st := r.b.Stats(); st.Buffer > before+10*time.Millisecond || st.Silence != 0 || st.Lost != 100 {
		t.Fatalf("%+v", st)
	}
}

func TestHold(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	n := r.a.media
	n.Send, n.Receive = true, false // a holds, and plays music
	r.a.Update(n)
	m := r.b.media
	m.Send = false
	r.b.Update(m)
	r.a.heard = nil
	ts, seq := r.b.tx.timestamp, r.b.paths.sending.out.seq
	r.run(2 * time.Second)
	if silent(r.a.heard) != 2*time.Second || r.b.Stats().RxPackets != 150 || r.a.Stats().RxPackets != 50 {
		t.Fatalf("%v, %+v, %+v", silent(r.a.heard), r.a.Stats(), r.b.Stats())
	}
	if r.b.tx.timestamp != ts+16000 || r.b.paths.sending.out.seq != seq {
		t.Fatal("the clock goes on during a hold, the sequence does not")
	}
	if st := r.a.Stats(); st.Silence != 0 || st.Concealed != 0 {
		t.Fatalf("%+v", st)
	}
	n.Receive, m.Send = true, true
	r.a.Update(n)
	r.b.Update(m)
	r.a.heard = nil
	r.run(time.Second)
	if l := audio.ToneLevel(r.a.heard[800:], 8000, 1000); l < -16 {
		t.Fatalf("tone %.1f dBFS after the hold", l)
	}
	if st := r.a.Stats(); st.Lost+st.Late+st.Strange != 0 || st.Buffer > 30*time.Millisecond {
		t.Fatalf("%+v", st)
	}
}

func TestAHeldPeerWithoutAddressIsSentNothing(t *testing.T) {
	r := newRig(t, nil)
	n := r.a.media
	n.Remote = r.b.media.Remote // any port, at 0.0.0.0 (RFC 2543 hold)
	n.Remote = addr("0.0.0.0", n.Remote.Port())
	r.a.Update(n)
	if r.a.speak()+r.a.speak() != 0 || r.a.Stats().Unsent != 0 {
		t.Fatal("sent")
	}
}

func TestAChangeOfCodecKeepsTheCounters(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	for _, e := range []*end{r.a, r.b} {
		n := e.media
		n.Format, n.SendPT, n.Hears = pcma, 8, []Payload{{8, pcma}}
		e.Update(n)
	}
	r.b.heard = nil
	r.run(time.Second)
	if l := audio.ToneLevel(r.b.heard[800:], 8000, 440); l < -16 {
		t.Fatalf("tone %.1f dBFS", l)
	}
	if st := r.b.Stats(); st.RxPackets != 100 || st.TxPackets != 100 || st.Lost != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestThePeersSSRCChanges(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	r.b.paths.sending.out.ssrc++
	r.b.paths.sending.out.seq += 20000
	r.b.tx.timestamp += 1 << 30
	r.a.heard = nil
	r.run(time.Second)
	st := r.a.Stats()
	if st.Strange > 1 || st.Lost != 0 || st.Concealed > 80*time.Millisecond {
		t.Fatalf("%+v", st)
	}
	if l := audio.ToneLevel(r.a.heard[800:], 8000, 1000); l < -16 {
		t.Fatalf("tone %.1f dBFS", l)
	}
}

func TestReportsGiveTheRoundTripAndTheLoss(t *testing.T) {
	r := newRig(t, nil)
	n := 0
	r.b.lose = func() bool { n++; return n%4 == 0 }
	r.run(2 * time.Second)
	r.b.lose = nil
	r.a.report(r.Now())
	r.b.readControl(r.b.leg(0))
	r.pass(700 * time.Millisecond)
	r.b.report(r.Now())
	r.pass(80 * time.Millisecond)
	r.a.readControl(r.a.leg(0))
	st := r.a.Stats()
	if d := st.RTT - 80*time.Millisecond; d > time.Millisecond || d < -time.Millisecond {
		t.Fatalf("round trip %v", st.RTT)
	}
	if st.LossOut < 0.2 || st.LossOut > 0.3 || st.Reports != 1 {
		t.Fatalf("%+v", st)
	}
}

func TestReportsOverTheRTPPort(t *testing.T) {
	r := newRig(t, func(a, b *Config) { a.Mux, b.Mux = true, true })
	r.run(time.Second)
	r.a.report(r.Now())
	r.b.read(r.b.leg(0), 1)
	if st := r.b.Stats(); st.Reports != 1 || st.Garbage != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestGarbageHarmsNothing(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	peer := r.b.leg(0).sock.RTP()
	ssrc := r.b.paths.sending.out.ssrc
	l := r.a.leg(0)
	seq, ts := r.b.paths.sending.out.seq, r.b.tx.timestamp
	voice := make([]byte, 160)
	for _, b := range [][]byte{
		nil, {0x80}, {0x80, 0}, make([]byte, 12), {0x80, 0, 1, 2, 3, 4, 5}, {0x9f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		{0xb0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 0xff, 0xff, 1, 2, 3, 4},
		packet(t, 0, seq, ts, ssrc, false, make([]byte, 3000)),
		packet(t, 0, seq+30000, ts+99999999, ssrc, false, voice), // a jump
		packet(t, 0, seq-20000, ts-99999999, ssrc, true, voice),
		packet(t, 9, seq+1, ts, ssrc, false, voice), // not negotiated
		packet(t, 13, seq+2, ts, ssrc, false, []byte{60}),
		packet(t, 0, seq+3, ts, ssrc, false, nil),
		packet(t, 101, seq+4, ts, ssrc, true, []byte{1, 2}), // a truncated event
		packet(t, 101, seq+5, ts, ssrc, true, []byte{200, 10, 0, 1}),
		{0x81, 200, 0, 0}, {0x80, 200, 0xff, 0xff, 1, 2, 3, 4}, {0x9f, 203, 0, 1, 1, 2, 3, 4},
	} {
		b = b[:min(len(b), maxDatagram)]
		r.a.datagram(r.a.cfg.Now(), l, &r.a.pkt, b, peer)
	}
	if r.a.keys != "" {
		t.Fatalf("digits %q out of garbage", r.a.keys)
	}
	r.b.paths.sending.out.seq += 6 // what the odd packets used up
	r.a.heard = nil
	r.run(2 * time.Second)
	if got := audio.Peak(r.a.heard); got > -10 {
		t.Fatalf("a burst of %.1f dBFS", got)
	}
	if l := audio.ToneLevel(r.a.heard[8000:], 8000, 1000); l < -16 {
		t.Fatalf("tone %.1f dBFS", l)
	}
	if st := r.a.Stats(); st.Garbage < 8 || st.Unknown < 4 || st.Buffer > 45*time.Millisecond {
		t.Fatalf("%+v", st)
	}
}

func TestErrorsOfTheNetworkDoNotStopTheClock(t *testing.T) {
	r := newRig(t, nil)
	r.run(200 * time.Millisecond)
	ts, seq := r.a.tx.timestamp, r.a.paths.sending.out.seq
	n := r.a.media
	n.Remote = addr("::1", 9) // an IPv6 destination for an IPv4 socket: fails on every system
	r.a.Update(n)
	for range 100 {
		if r.a.speak() != 0 {
			t.Fatal("sent")
		}
		r.pass(tickLength)
	}
	if st := r.a.Stats(); st.Unsent != 50 {
		t.Fatalf("%+v", st)
	}
	if r.a.tx.timestamp != ts+8000 || r.a.paths.sending.out.seq != seq+50 {
		t.Fatal("sequence and timestamp stand still")
	}
	r.pass(3 * time.Second) // the machine slept
	r.a.speak()
	r.a.speak()
	if d := r.a.tx.timestamp - ts - 8000; d < 24000 || d > 24400 {
		t.Fatalf("the timestamp advanced by %d over 3 s", d)
	}
}

// TestASteadyCallAllocatesNothing: by any codec, with or without losses.
func TestASteadyCallAllocatesNothing(t *testing.T) {
	for _, f := range codec.Formats() {
		for _, every := range []int{0, 7} {
			r := newRig(t, func(a, b *Config) {
				for _, c := range []*Config{a, b} {
					c.Format, c.SendPT, c.Hears = f, 96, []Payload{{96, f}}
				}
			})
			n := 0
			r.b.lose = func() bool { n++; return every > 0 && n%every == 0 }
			r.run(time.Second)
			r.a.heard = nil
			if n := testing.AllocsPerRun(500, func() {
				for _, e := range []*end{r.a, r.b} {
					e.heard = e.heard[:0]
				}
				r.tick()
			}); n != 0 {
				t.Fatalf("%s, one of %d lost: %v allocations a tick", f, every, n)
			}
		}
	}
}

func TestTheSoundClockMayComeInBursts(t *testing.T) {
	r := newRig(t, nil)
	for range 200 { // 30 ms late, then three ticks at once
		for range 3 {
			r.b.read(r.b.leg(0), r.a.speak())
			r.pass(tickLength)
		}
		for range 3 {
			r.b.play()
		}
	}
	st := r.b.Stats()
	if st.Concealed > 60*time.Millisecond || st.Late > 2 {
		t.Fatalf("%+v", st)
	}
}

func BenchmarkTick(b *testing.B) {
	r := newRig(b, nil)
	r.run(time.Second)
	b.ReportAllocs()
	for b.Loop() {
		r.a.heard, r.b.heard = r.a.heard[:0], r.b.heard[:0]
		r.tick()
	}
}

func BenchmarkPlay(b *testing.B) {
	r := newRig(b, nil)
	r.run(time.Second)
	frame := make([]int16, 80)
	b.ReportAllocs()
	for b.Loop() {
		r.a.Play(frame)
		r.pass(tickLength)
	}
}

func BenchmarkCapture(b *testing.B) {
	r := newRig(b, nil)
	frame := slices.Clone(r.a.frame)
	b.ReportAllocs()
	for b.Loop() {
		r.a.Capture(frame)
		r.pass(tickLength)
	}
}
