package stream

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"ramble/audio"
)

// TestEveryFigureCountsWhatWasNotHeardInTime: it makes no difference to the ear
// whether a packet was lost, late, or in a format that nobody can decode.
func TestEveryFigureCountsWhatWasNotHeardInTime(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"lost": func(w *world) { w.network = random(0.10) },
		"late": func(w *world) {
			w.config = func(c *Config) { c.JitterMax = 40 * time.Millisecond } // it may not wait for them
			w.network = func(i int, _ time.Duration, rng *rng) (time.Duration, bool) {
				if i%10 == 7 {
					return 150 * time.Millisecond, false
				}
				return 0, false
			}
		},
		"not decodable": func(w *world) { w.payload = func(i int) uint8 { return map[bool]uint8{i%10 == 7: 18}[true] } },
	} {
		t.Run(name, func(t *testing.T) {
			w := world{ptime: 20 * time.Millisecond, phase: 7 * time.Millisecond, length: 20 * time.Second, network: clean, seed: 3}
			change(&w)
			st := w.play(t).stats
			if st.Loss < 0.06 || st.Loss > 0.14 || st.Call.Loss < 0.06 || st.Call.Loss > 0.14 {
				t.Errorf("loss %.3f, over the call %.3f", st.Loss, st.Call.Loss)
			}
			if st.MOS > 3.6 || st.Call.MOS > 3.6 || st.MOS < 2 {
				t.Errorf("MOS %.2f, over the call %.2f", st.MOS, st.Call.MOS)
			}
			if n := st.Lost + st.Late + st.Refused; n < 70 || n > 130 {
				t.Errorf("lost %d, late %d, refused %d of 1000", st.Lost, st.Late, st.Refused)
			}
		})
	}
}

// TestAFormatThatNobodyAgreedOnIsSaidOnce: and a call of nothing else has no good
// marks.
func TestAFormatThatNobodyAgreedOnIsSaidOnce(t *testing.T) {
	var said []uint8
	w := world{ptime: 20 * time.Millisecond, phase: 7 * time.Millisecond, length: 5 * time.Second, network: clean}
	w.payload = func(i int) uint8 { return uint8(17 + i%2) }
	w.config = func(c *Config) { c.OnForeign = func(pt uint8) { said = append(said, pt) } }
	st := w.play(t).stats
	if len(said) != 2 || said[0] != 17 || said[1] != 18 {
		t.Errorf("said %v", said)
	}
	if st.MOS == 0 || st.MOS > 1.5 || st.Refused != 250 {
		t.Errorf("%+v", st)
	}
}

// TestEveryFormatThatWasKeptIsHeard: an answer that names two, and a peer that
// uses the second, or both by turns.
func TestEveryFormatThatWasKeptIsHeard(t *testing.T) {
	for name, use := range map[string]func(i int) uint8{
		"the second": func(int) uint8 { return 8 },
		"by turns":   func(i int) uint8 { return uint8(i % 2 * 8) },
	} {
		t.Run(name, func(t *testing.T) {
			w := world{ptime: 20 * time.Millisecond, phase: 7 * time.Millisecond, length: 5 * time.Second, network: clean}
			w.payload = use
			w.config = func(c *Config) { c.Hears = []Payload{{0, pcmu}, {8, pcma}} }
			v := w.play(t)
			if v.alike < 0.99 || v.stats.Refused+v.stats.Unknown+v.stats.Lost != 0 || v.stats.MOS < 4.3 {
				t.Errorf("correlation %.3f, %+v", v.alike, v.stats)
			}
		})
	}
}

// TestAHeldCallKeepsItsMarks: the other side holds and says nothing, for as long
// as it likes.
func TestAHeldCallKeepsItsMarks(t *testing.T) {
	r := newRig(t, nil)
	r.run(5 * time.Second)
	before := r.a.Stats()
	n := r.a.media
	n.Send = false // we may listen, to music
	r.a.Update(n)
	for range 1000 { // there is none
		r.a.speak()
		r.a.play()
		r.pass(tickLength)
	}
	st := r.a.Stats()
	if st.MOS < before.MOS-0.05 || st.Call.MOS < before.Call.MOS-0.05 || st.Loss != 0 || st.Call.Loss != 0 {
		t.Errorf("MOS %.2f and %.2f, loss %.3f and %.3f; before %.2f", st.MOS, st.Call.MOS, st.Loss, st.Call.Loss, before.MOS)
	}
}

// TestMarksOfTheLastSecondsRecover and those of the call remember.
func TestMarksOfTheLastSecondsRecover(t *testing.T) {
	w := world{ptime: 20 * time.Millisecond, phase: 7 * time.Millisecond, length: 60 * time.Second}
	w.network = func(_ int, sent time.Duration, rng *rng) (time.Duration, bool) {
		return 0, sent > time.Second && sent < 20*time.Second && rng.Float64() < 0.2
	}
	st := w.play(t).stats
	if st.MOS < 4.2 || st.Loss > 0.02 || st.Call.MOS > 4 || st.Call.Loss < 0.04 {
		t.Errorf("now %+v, over the call %+v", st.Quality, st.Call)
	}
}

// TestWhatIsMadeUpHasNoLevel, and what does not leave is not called sending.
func TestWhatIsMadeUpHasNoLevel(t *testing.T) {
	r := newRig(t, nil)
	r.run(2 * time.Second)
	if st := r.a.Stats(); st.LevelIn < -30 || !st.Sending {
		t.Fatalf("level %.1f, sending %v", st.LevelIn, st.Sending)
	}
	r.a.follow(addr("::1", 9)) // no network: every send fails
	for range 200 {
		r.a.speak()
		r.a.play()
		r.pass(tickLength)
	}
	st := r.a.Stats()
	if silent(r.a.heard[len(r.a.heard)-8000:]) > 10*time.Millisecond {
		t.Error("no comfort noise")
	}
	if st.LevelIn > -90 && st.LevelIn != audio.Silence {
		t.Errorf("comfort noise shows a level of %.1f", st.LevelIn)
	}
	if st.Sending {
		t.Error("sending into nothing")
	}
}

// TestReportsSayWhatTheScreenSays: what never came, what came late and what could not
// be played are counted once, and the other side is told the same figures as the user.
func TestReportsSayWhatTheScreenSays(t *testing.T) {
	w := world{ptime: 20 * time.Millisecond, phase: 7 * time.Millisecond, length: 20 * time.Second, seed: 5}
	w.config = func(c *Config) { c.JitterMax = 40 * time.Millisecond }
	w.network = func(i int, _ time.Duration, _ *rng) (time.Duration, bool) {
		if i%20 == 3 {
			return 150 * time.Millisecond, false
		}
		return 0, i%10 == 7
	}
	w.payload = func(i int) uint8 { return map[bool]uint8{i%50 == 11: 18}[true] }
	v := w.play(t)
	p := v.stats.Packets
	if p.Lost < 95 || p.Late < 45 || p.Refused < 18 {
		t.Fatalf("the world is too good: %+v", p)
	}
	var rr *rtcp.ReceptionReport
	var xr *rtcp.VoIPMetricsReportBlock
	for _, packet := range v.stream.compose(v.end, false) {
		switch packet := packet.(type) {
		case *rtcp.ReceiverReport:
			rr = &packet.Reports[0]
		case *rtcp.SenderReport:
			rr = &packet.Reports[0]
		case *rtcp.ExtendedReport:
			xr = packet.Reports[0].(*rtcp.VoIPMetricsReportBlock)
		}
	}
	if rr == nil || xr == nil {
		t.Fatal("no report")
	}
	all := p.RxPackets + p.Lost
	if uint64(rr.TotalLost) != p.Lost || uint64(rr.FractionLost) != p.Lost*256/all && uint64(rr.FractionLost) != p.Lost*256/(all+1) {
		t.Errorf("the report says %d lost, %d/256; the screen %d of %d", rr.TotalLost, rr.FractionLost, p.Lost, all)
	}
	if uint64(xr.LossRate) != p.Lost*256/all || uint64(xr.DiscardRate) != (p.Late+p.Refused)*256/all {
		t.Errorf("the report says %d and %d of 256; the screen lost %d, late %d, refused %d of %d", xr.LossRate, xr.DiscardRate, p.Lost, p.Late, p.Refused, all)
	}
	if d := float64(xr.MOSCQ) - 10*v.stats.Call.MOS; d > 0.6 || d < -0.6 {
		t.Errorf("MOS %d/10, the screen %.2f", xr.MOSCQ, v.stats.Call.MOS)
	}
	if heard := v.stats.Call.Loss; heard < 0.14 || heard > 0.22 {
		t.Errorf("%.3f of the sound was made up", heard)
	}
}

// TestTheWayOfASoundIsEstimated: half of the round trip, the wait and the packet.
func TestTheWayOfASoundIsEstimated(t *testing.T) {
	r := newRig(t, nil)
	r.run(2 * time.Second)
	if st := r.a.Stats(); st.Delay != 0 {
		t.Errorf("%v, and no round trip is known", st.Delay)
	}
	r.a.report(r.Now())
	r.b.readControl(r.b.leg(0))
	r.b.report(r.Now())
	r.pass(80 * time.Millisecond)
	r.a.readControl(r.a.leg(0))
	st := r.a.Stats()
	if d := st.Delay - st.RTT/2 - st.Buffer - 20*time.Millisecond; d != 0 || st.RTT < 79*time.Millisecond {
		t.Errorf("%v, round trip %v, wait %v", st.Delay, st.RTT, st.Buffer)
	}
}
