package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func ptimes() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{10 * ms, 20 * ms, 30 * ms, 40 * ms, 50 * ms, 60 * ms}
}

const phases = 23

func phaseOf(k int) time.Duration {
	return time.Duration(k)*20*time.Millisecond/phases + 300*time.Microsecond
}

// TestEveryPacketTimeAndPhaseIsClean: nothing is late and nothing is made up
// where nothing is wrong.
func TestEveryPacketTimeAndPhaseIsClean(t *testing.T) {
	for _, tick := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond} {
		for _, ptime := range ptimes() {
			var lags []time.Duration
			bad := ""
			for k := range phases {
				v := world{ptime: ptime, tick: tick, phase: phaseOf(k), length: 4 * time.Second, network: clean}.play(t)
				if v.stats.Late+v.stats.Lost != 0 || v.concealed != 0 || v.worst < 0.999 {
					bad += fmt.Sprintf(" %d(late %d, made up %v, correlation %.3f)", k, v.stats.Late, v.concealed, v.worst)
				}
				lags = append(lags, v.lag)
			}
			slices.Sort(lags)
			t.Logf("ptime %v, tick %v: lag %v in the median, %v at worst", ptime, tick, lags[phases/2], lags[phases-1])
			if bad != "" {
				t.Errorf("ptime %v, tick %v: phases%s", ptime, tick, bad)
			}
			if ptime == 20*time.Millisecond && (lags[phases/2] > 20*time.Millisecond || lags[phases-1] > 26*time.Millisecond) {
				t.Errorf("ptime %v, tick %v: lag %v in the median, %v at worst", ptime, tick, lags[phases/2], lags[phases-1])
			}
		}
	}
}

// bound is what a network may cost.
type bound struct {
	name      string
	network   func(int, time.Duration, *rand.Rand) (time.Duration, bool)
	drift     float64
	late      float64       // packets after the first second, as a share
	concealed float64       // share of the time
	alike     float64       // mean correlation
	lag       time.Duration // in the last window
}

// TestEveryPacketTimeUnderImpairments: all packet times at all phases.
func TestEveryPacketTimeUnderImpairments(t *testing.T) {
	const ms = time.Millisecond
	for _, b := range []bound{
		// These are four sigma behind the sender to begin with.
		{"sigma 15 ms", gaussian(15 * ms), 0, 0.02, 0.02, 0.92, (60 + 80) * ms},
		{"sigma 30 ms", gaussian(30 * ms), 0, 0.04, 0.04, 0.88, (120 + 115) * ms},
		{"3 % loss", random(0.03), 0, 0, 0.07, 0.91, 60 * ms},
		{"10 % loss", random(0.10), 0, 0, 0.16, 0.85, 60 * ms},
		{"bursts", bursts, 0, 0, 0.22, 0.85, 60 * ms},
		{"held-back bursts", heldBack, 0, 0.02, 0.10, 0.60, 330 * ms}, // a window spans a change of speed
		{"drift", clean, 200e-6, 0, 0, 0.99, 60 * ms},
		{"a slower path", slower(20 * ms), 0, 0.02, 0.02, 0.95, 80 * ms},
	} {
		t.Run(b.name, func(t *testing.T) {
			for _, ptime := range ptimes() {
				worst := verdict{alike: 1}
				var late, concealed float64
				var lag time.Duration
				for k := range phases {
					w := world{ptime: ptime, phase: phaseOf(k), length: 8 * time.Second, network: b.network, drift: b.drift, seed: uint64(k)}
					v := w.play(t)
					late = max(late, float64(v.late)/float64((w.length-time.Second)/ptime))
					concealed = max(concealed, float64(v.concealed)/float64(w.length))
					worst.alike = min(worst.alike, v.alike)
					if len(v.lags) > 0 {
						lag = max(lag, v.lags[len(v.lags)-1])
					}
				}
				t.Logf("ptime %v, %d phases: late %.3f, made up %.3f, correlation %.3f, lag %v", ptime, phases, late, concealed, worst.alike, lag)
				if late > b.late || concealed > b.concealed || worst.alike < b.alike || lag > b.lag {
					t.Errorf("ptime %v: late %.3f (%.3f), made up %.3f (%.3f), correlation %.3f (%.3f), lag %v (%v)",
						ptime, late, b.late, concealed, b.concealed, worst.alike, b.alike, lag, b.lag)
				}
			}
		})
	}
}

// TestASlowerPathIsFollowedWithinASecond: whatever the step and the phase.
func TestASlowerPathIsFollowedWithinASecond(t *testing.T) {
	for shift := 14 * time.Millisecond; shift <= 26*time.Millisecond; shift += 2 * time.Millisecond {
		for k := range phases {
			w := world{ptime: 20 * time.Millisecond, phase: phaseOf(k), length: 8 * time.Second, network: slower(shift), seed: 1}
			v := w.play(t)
			// What was late within a second of the step, one or two packets, is
			// counted too: the bound is on all.
			if v.late > 6 {
				t.Errorf("slower by %v, phase %d: %d packets late", shift, k, v.late)
			}
		}
	}
}

// TestDriftIsFollowedWithoutACut: two clocks run apart for two minutes. The
// delay stays where it is, and after the first seconds nothing is cut.
func TestDriftIsFollowedWithoutACut(t *testing.T) {
	for _, drift := range []float64{200e-6, -200e-6, 400e-6} {
		w := world{ptime: 20 * time.Millisecond, phase: 7 * time.Millisecond, length: 2 * time.Minute, network: clean, drift: drift}
		v := w.play(t)
		least, most := time.Hour, time.Duration(0)
		for i, lag := range v.lags { // as the sender's own clock has it
			if at := v.at[i]; at > 30*time.Second {
				lag -= time.Duration(drift * float64(at))
				least, most = min(least, lag), max(most, lag)
			}
		}
		t.Logf("%+.0f ppm: correlation %.4f, delay %v to %v", drift*1e6, v.alike, least, most)
		// A window of 500 ms holds up to a sample and a half of drift itself.
		if v.stats.Late > 1 || v.concealed > 20*time.Millisecond || v.alike < 0.94 || most-least > 10*time.Millisecond {
			t.Errorf("%+.0f ppm: late %d, made up %v, correlation %.4f, delay %v to %v",
				drift*1e6, v.stats.Late, v.concealed, v.alike, least, most)
		}
	}
}
