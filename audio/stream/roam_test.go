package stream

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"ramble/audio"
)

func addr(a string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(a), port)
}

// follow tells an end that its peer is at another socket now.
func (e *end) follow(to netip.AddrPort) {
	n := e.media
	n.Remote, n.RemoteRTCP = to, addr(to.Addr().String(), to.Port()+1)
	e.Update(n)
}

func TestARoamWithTheOldPathDead(t *testing.T) {
	for _, outage := range []time.Duration{60 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second} {
		t.Run(outage.String(), func(t *testing.T) {
			r := newRig(t, nil)
			r.run(2 * time.Second)
			before := r.b.Stats()
			for range outage / tickLength { // neither direction gets through
				na, nb := r.a.speak(), r.b.speak()
				r.b.lose, r.a.lose = always, always
				r.b.read(r.b.leg(0), na)
				r.a.read(r.a.leg(0), nb)
				r.a.play()
				r.b.play()
				r.pass(tickLength)
			}
			r.a.lose, r.b.lose = nil, nil
			next := openPath(t)
			r.a.Adopt(next, 7)
			r.a.Switch()
			r.b.follow(next.RTP())
			r.a.heard, r.b.heard = nil, nil
			for range 100 {
				r.tickOn(7, 0)
			}
			if len(r.a.change) != 1 {
				t.Fatalf("%d reports", len(r.a.change))
			}
			h := r.a.change[0]
			// b saw no path change of its own: its gap is what its buffer missed.
			st := r.b.Stats()
			lost := time.Duration(st.Lost-before.Lost) * 20 * time.Millisecond
			// The packets a sent into the void count as sent: only the kernel's refusal is known here.
			if h.Generation != 7 || within20(h.GapOut, 20*time.Millisecond) || within20(h.GapIn, outage+20*time.Millisecond) {
				t.Errorf("%+v", h)
			}
			if within20(lost, outage) || h.LostIn != uint64(outage/(20*time.Millisecond)) {
				t.Errorf("b missed %v, a %d packets", lost, h.LostIn)
			}
			for _, e := range []*end{r.a, r.b} {
				if st := e.Stats(); st.Strange != 0 || st.Late > 1 || st.Buffer > before.Buffer+20*time.Millisecond {
					t.Errorf("%+v", st)
				}
			}
			if l := audio.ToneLevel(r.b.heard[1600:], 8000, 440); l < -16 {
				t.Errorf("tone %.1f dBFS at b", l)
			}
			if l := audio.ToneLevel(r.a.heard[1600:], 8000, 1000); l < -16 {
				t.Errorf("tone %.1f dBFS at a", l)
			}
		})
	}
}

func always() bool { return true }

// within20 reports whether two durations differ by more than a frame.
func within20(a, b time.Duration) (differ bool) {
	return a-b > 20*time.Millisecond || b-a > 20*time.Millisecond
}

func TestTheGapOutIsWhatTheOtherSideCounts(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	n := r.a.media
	remote := n.Remote
	r.a.follow(addr("::1", 9)) // the interface went: every send fails
	for range 40 {
		r.a.speak()
		r.b.speak()
		r.pass(tickLength)
	}
	before := r.b.Stats()
	r.a.follow(remote)
	next := openPath(t)
	r.a.Adopt(next, 2)
	r.a.Switch()
	r.b.follow(next.RTP())
	r.a.lose = nil
	for range 50 {
		r.tickOn(2, 0)
	}
	if len(r.a.change) != 1 {
		t.Fatalf("%d reports", len(r.a.change))
	}
	h := r.a.change[0]
	// Three frames of the twenty left late, when there was a path again.
	lost := time.Duration(r.b.Stats().Lost-before.Lost) * 20 * time.Millisecond
	if within20(h.GapOut, 400*time.Millisecond) || lost != 340*time.Millisecond {
		t.Fatalf("gap out %v, the other side missed %v", h.GapOut, lost)
	}
}

func TestMakeBeforeBreakLosesNothing(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	next := openPath(t)
	r.a.Adopt(next, 3)
	r.run(100 * time.Millisecond) // the refresh is under way: both still on the old path
	old := r.b.media.Remote
	r.b.follow(next.RTP()) // b has the offer and answers; b sends to the new path at once
	for range 6 {
		r.tickOn(3, 0)
	}
	if len(r.a.change) != 0 {
		t.Fatal("reported before a packet left on the new path")
	}
	r.a.Switch() // the 2xx is there
	for range 50 {
		r.tickOn(3, 0)
	}
	if old == r.b.media.Remote || len(r.a.change) != 1 {
		t.Fatalf("%d reports", len(r.a.change))
	}
	if h := r.a.change[0]; h.GapIn > 20*time.Millisecond || h.GapOut > 20*time.Millisecond || h.LostIn != 0 {
		t.Fatalf("%+v", h)
	}
	for _, e := range []*end{r.a, r.b} {
		if st := e.Stats(); st.Lost+st.Late+st.Strange != 0 || st.Concealed != 0 {
			t.Fatalf("%+v", st)
		}
	}
	t.Run("and the old sockets close two seconds later", func(t *testing.T) {
		first := r.a.leg(0).sock
		r.a.upkeep(r.Now())
		if len(r.a.paths.legs) != 2 {
			t.Fatal("closed too soon")
		}
		for range 200 {
			r.tickOn(3, 0)
		}
		r.a.upkeep(r.Now())
		if len(r.a.paths.legs) != 1 {
			t.Fatal("still open")
		}
		if err := first.Send([]byte{1}, next.RTP()); err == nil {
			t.Fatal("the old socket still sends")
		}
	})
}

func TestAHeldCallIsProvenByReports(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	for _, e := range []*end{r.a, r.b} {
		n := e.media
		n.Send, n.Receive = false, false
		e.Update(n)
	}
	next := openPath(t)
	r.a.Adopt(next, 4)
	r.a.Switch()
	r.b.follow(next.RTP())
	r.b.report(r.Now())
	r.a.readControl(r.a.leg(4))
	if len(r.a.change) != 1 || r.a.change[0].GapOut != 0 {
		t.Fatalf("%+v", r.a.change)
	}
}

func TestAStormOfPathsKeepsFew(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	for g := range uint64(20) {
		r.a.Adopt(openPath(t), g+1)
		if g%3 == 0 {
			r.a.Switch()
		}
	}
	if len(r.a.paths.legs) > maxLegs || r.a.paths.sending.generation != 19 || r.a.paths.newest().generation != 20 {
		t.Fatalf("%d paths, sending on %d", len(r.a.paths.legs), r.a.paths.sending.generation)
	}
	r.a.Switch()
	retire(r.a.Stream)
	if len(r.a.paths.legs) != 1 || r.a.Local() != r.a.leg(20).sock.RTP() {
		t.Fatal("retiring keeps the newest only")
	}
	next := openPath(t)
	if err := r.a.Close(); err != nil {
		t.Fatal(err)
	}
	r.a.Adopt(next, 21)
	if err := next.Send([]byte{1}, next.RTP()); err == nil {
		t.Fatal("a path for a closed stream stays open")
	}
	r.a.speak()
	r.a.speak()
}

func TestStrangersAreNotHeard(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	attacker := openPath(t)
	l, target := r.a.leg(0), r.a.leg(0).sock.RTP()
	seq, ts, ssrc := r.b.paths.sending.out.seq, r.b.tx.timestamp, r.b.paths.sending.out.ssrc
	loud := make([]byte, 160) // 0x00 is the loudest sample of PCMU
	inject := func(n int) {
		for range n {
			if err := attacker.Send(packet(t, 0, seq, ts, ssrc, false, loud), target); err != nil {
				t.Fatal(err)
			}
			seq, ts = seq+1, ts+160
			r.a.read(l, 1)
		}
	}
	r.a.heard = nil
	for range 200 {
		r.tick()
		inject(5) // ten to one
	}
	quiet := audio.Peak(r.a.heard)
	st := r.a.Stats()
	if quiet > -10 || st.Strange != 1000 || st.Lost+st.Late+st.Duplicates != 0 {
		t.Fatalf("peak %.1f dBFS, %+v", quiet, st)
	}
	if st.SendsTo != r.b.leg(0).sock.RTP() || len(r.a.moved) != 0 {
		t.Fatalf("the return stream went to %v", st.SendsTo)
	}
	bye := []byte{0x81, 203, 0, 1, byte(ssrc >> 24), byte(ssrc >> 16), byte(ssrc >> 8), byte(ssrc)}
	r.a.datagram(r.a.cfg.Now(), l, &r.a.pkt, bye, addr("192.0.2.66", 4001))
	if r.a.rx.from.bye || r.a.Stats().Strange != 1001 {
		t.Fatal("a stranger said BYE")
	}
	r.a.datagram(r.a.cfg.Now(), l, &r.a.pkt, bye, addr("127.0.0.1", r.b.leg(0).sock.RTCP().Port()))
	if !r.a.rx.from.bye {
		t.Fatal("the peer's own BYE was ignored")
	}
}

func TestAStrangerGainsNothingFromARoam(t *testing.T) {
	r := newRig(t, nil)
	n := r.a.media
	n.Signalling = netip.MustParseAddr("198.51.100.9")
	r.a.Update(n)
	r.run(time.Second)
	r.a.Adopt(openPath(t), 5)
	r.a.Switch()
	seq := uint16(0)
	sound := make([]int16, 80)
	for range 5000 { // 5 s in which the peer has not found us, at ten times its rate
		r.a.datagram(r.a.cfg.Now(), r.a.leg(5), &r.a.pkt, packet(t, 0, seq, uint32(seq)*160, 66, false, make([]byte, 160)), addr("203.0.113.66", 4000))
		if seq++; seq%10 == 0 {
			r.a.Play(sound)
			r.pass(tickLength)
		}
	}
	if st := r.a.Stats(); st.Strange != 5000 || len(r.a.moved) != 0 || len(r.a.change) != 0 || st.SendsTo != r.b.leg(0).sock.RTP() {
		t.Fatalf("%+v", st)
	}
	// Its own SSRC and the next sequence numbers do not help it either.
	h := r.b.header()
	for i := range uint16(100) {
		r.a.datagram(r.a.cfg.Now(), r.a.leg(5), &r.a.pkt, packet(t, 0, h.SequenceNumber+i, h.Timestamp+uint32(i)*160, h.SSRC, false, make([]byte, 160)), addr("203.0.113.66", 4000))
	}
	if st := r.a.Stats(); st.Strange != 5100 || len(r.a.moved) != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestTheReturnStreamFollowsALatch(t *testing.T) {
	r := newRig(t, nil)
	next := openPath(t)
	n := r.a.media
	n.Remote, n.Signalling = addr("192.168.77.7", 4000), loopback
	r.a.Update(n)
	r.b.Adopt(next, 1)
	r.b.Switch()
	for range 20 {
		nb := r.b.speak()
		r.a.read(r.a.leg(0), nb)
		r.pass(tickLength)
	}
	if len(r.a.moved) != 1 || r.a.moved[0] != next.RTP() || r.a.Stats().SendsTo != next.RTP() {
		t.Fatalf("moved %v", r.a.moved)
	}
	if r.a.controlTarget() != next.RTCP() {
		t.Fatalf("reports go to %v", r.a.controlTarget())
	}
}

// TestRun has the goroutines at work: two streams talk, one roams, both end.
func TestRun(t *testing.T) {
	t.Run("a goroutine waits at each socket", func(t *testing.T) { testRun(t, nil, func() {}) })
	t.Run("a reactor looks at the sockets of both", func(t *testing.T) {
		r := NewReactor()
		testRun(t, r, r.Gather)
		if len(r.legs) != 0 {
			t.Errorf("%d legs are left behind", len(r.legs))
		}
	})
}

func testRun(t *testing.T, reactor *Reactor, gather func()) {
	sa, sb := openPath(t), openPath(t)
	digit, heard := make(chan rune, 8), make(chan Heard, 1)
	ca := Config{Negotiated: negotiated(t, sb), Reactor: reactor, OnHeard: func(h Heard) { heard <- h }}
	cb := Config{Negotiated: negotiated(t, sa), Reactor: reactor, OnDigit: func(k rune, _ time.Duration) { digit <- k }}
	a, b := New(ca, sa), New(cb, sb)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for _, s := range []*Stream{a, b} {
		go func() { done <- s.Run(ctx) }()
	}
	frame := make([]int16, 160)
	speak := func(until func() bool) {
		for range 1_000_000 {
			a.Capture(frame)
			b.Capture(frame)
			gather()
			a.Play(frame)
			b.Play(frame)
			// A flood would be dropped by the sockets' buffers, digits too.
			for range 10_000 {
				if a.Stats().TxPackets < b.Stats().RxPackets+20 {
					break
				}
				gather()
				runtime.Gosched()
			}
			if until() {
				return
			}
		}
		t.Fatal("it never happened")
	}
	press := func(k rune) {
		t.Helper()
		if err := a.Digits(string(k)); err != nil {
			t.Fatal(err)
		}
		speak(func() bool {
			select {
			case got := <-digit:
				if got != k {
					t.Fatalf("heard %c", got)
				}
				return true
			default:
				return false
			}
		})
	}
	press('1')
	next := openPath(t)
	a.Adopt(next, 1)
	a.Switch()
	n := negotiated(t, next)
	b.Update(n)
	speak(func() bool {
		select {
		case h := <-heard:
			if h.Generation != 1 || h.GapIn < 0 || h.GapOut < 0 {
				t.Fatalf("%+v", h)
			}
			return true
		default:
			return false
		}
	})
	retire(a)
	press('2')
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := next.Send([]byte{1}, next.RTP()); err == nil {
		t.Fatal("Run left a socket open")
	}
}

func ExampleHeard() {
	h := Heard{Generation: 7, GapIn: 61 * time.Millisecond, GapOut: 20 * time.Millisecond, LostIn: 3}
	fmt.Printf("gap in %v, out %v, %d packets lost\n", h.GapIn, h.GapOut, h.LostIn)
	// Output: gap in 61ms, out 20ms, 3 packets lost
}
