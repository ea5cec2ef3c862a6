package audio

import "math"

// Linear is the factor of a gain in dB.
func Linear(dB float64) float64 { return math.Pow(10, dB/20) }

// Gain multiplies samples. A change glides over the next frame, so that
// muting does not click. The zero value is a gain of 1.
type Gain struct {
	now, want float32 // minus 1, which makes the zero value useful
}

// Set makes factor the gain from the next Apply on; 0 mutes.
func (g *Gain) Set(factor float64) { g.want = float32(factor) - 1 }

// Jump makes factor the gain at once, without a glide.
func (g *Gain) Jump(factor float64) { g.Set(factor); g.now = g.want }

// Silent reports whether Apply would leave nothing but zeros.
func (g *Gain) Silent() bool { return g.now == -1 && g.want == -1 }

// Apply multiplies the frame in place.
func (g *Gain) Apply(frame []int16) {
	switch {
	case g.now != g.want:
		step := (g.want - g.now) / float32(max(len(frame), 1))
		factor := 1 + g.now
		for i, s := range frame {
			factor += step
			frame[i] = clampFloat(float32(s) * factor)
		}
		g.now = g.want
	case g.now == 0:
	case g.Silent():
		clear(frame)
	default:
		for i, s := range frame {
			frame[i] = clampFloat(float32(s) * (1 + g.now))
		}
	}
}
