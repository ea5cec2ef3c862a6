package jitter

import (
	"math"
	"testing"
	"time"
)

// TestOddPacketTimes: packets of 5 and 120 ms, and by turns, are heard whole.
func TestOddPacketTimes(t *testing.T) {
	for name, sizes := range map[string][]int{ // samples
		"5 ms":                {40},
		"15 ms":               {120},
		"120 ms":              {960},
		"20 and 30 ms":        {160, 240},
		"10, 20, 30 and back": {80, 160, 240, 160},
		"an odd number":       {147},
	} {
		for _, tick := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond} {
			t.Run(name+" for a tick of "+tick.String(), func(t *testing.T) {
				s := newSim(t, Options{})
				s.tick = tick
				ts := uint32(0)
				for i := 0; ts < 8*8000; i++ {
					n := sizes[i%len(sizes)]
					// A packet leaves when its last sample was taken.
					s.send(time.Duration(ts+uint32(n))*time.Second/8000+3*time.Millisecond, uint16(i), ts, n)
					ts += uint32(n)
				}
				s.run(7 * time.Second)
				st := s.Stats()
				if st.Lost+st.Late+st.Skipped+st.Jumps > 1 || st.MadeUp > 40*time.Millisecond {
					t.Errorf("%+v", st)
				}
				if c := s.clicks(2 * time.Second); c > 2*s.natural() {
					t.Errorf("second difference %.0f, of the tone %.0f", c, s.natural())
				}
			})
		}
	}
}

// TestNothingBecomesABurstOfNoise: whatever is garbled on the way, nothing that
// is made up or joined is louder than what was sent.
func TestNothingBecomesABurstOfNoise(t *testing.T) {
	for _, tone := range []float64{200, 440, 1000, 3000} {
		s := newSim(t, Options{})
		s.tone = tone
		s.stream(3*time.Millisecond, 0, 0, 1000, func(i int) time.Duration {
			switch k := i * 2654435761 >> 7 % 11; {
			case k < 3:
				return -1
			case k < 6:
				return time.Duration(k*37) * time.Millisecond
			}
			return 0
		})
		s.run(22 * time.Second)
		loudest := 0.0
		for _, v := range s.heard {
			loudest = max(loudest, math.Abs(float64(v)))
		}
		if loudest > 6000*1.5 {
			t.Errorf("%.0f Hz: %.0f, what was sent reaches 6000", tone, loudest)
		}
	}
}
