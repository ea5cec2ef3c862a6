package audio

import (
	"math"
	"time"
)

// Silence is the level of no sound at all, in dBFS; it is the floor of
// RFC 6464, below the -90 of a single bit.
const Silence = -127.0

// meterWindow is what a Meter remembers: short enough to follow syllables,
// long enough not to flicker.
const meterWindow = 100 * time.Millisecond

// Level is the root mean square of the samples, in dBFS.
func Level(samples []int16) float64 {
	if len(samples) == 0 {
		return Silence
	}
	return decibels(power(samples) / float64(len(samples)))
}

// Peak is the greatest magnitude among the samples, in dBFS.
func Peak(samples []int16) float64 {
	var peak int32
	for _, s := range samples {
		peak = max(peak, int32(s), -int32(s))
	}
	return decibels(float64(peak) * float64(peak))
}

// Meter follows the level of a sound, weighing the past exponentially over
// 100 ms.
type Meter struct {
	rate   int
	square float64 // weighted mean of the squared samples
	last   int     // frame length that decay was computed for
	decay  float64
}

// NewMeter returns a meter that reads silence.
func NewMeter(rate int) *Meter { return &Meter{rate: rate} }

// Add accounts for the next samples.
func (m *Meter) Add(samples []int16) {
	n := len(samples)
	if n == 0 {
		return
	}
	if n != m.last {
		m.last = n
		m.decay = math.Exp(-float64(n) / (float64(m.rate) * meterWindow.Seconds()))
	}
	m.square = m.decay*m.square + (1-m.decay)*power(samples)/float64(n)
}

// Skip lets the time of n samples pass in which there is nothing to measure.
func (m *Meter) Skip(n int) {
	m.square *= math.Exp(-float64(n) / (float64(m.rate) * meterWindow.Seconds()))
}

// Level is the reading in dBFS.
func (m *Meter) Level() float64 { return decibels(m.square) }

func power(samples []int16) float64 {
	var sum int64 // 2^30 a sample: room for 2^33 of them
	for _, s := range samples {
		sum += int64(s) * int64(s)
	}
	return float64(sum)
}

// decibels of a mean square.
func decibels(square float64) float64 {
	if square <= 0 {
		return Silence
	}
	return max(Silence, 10*math.Log10(square/(math.MaxInt16*math.MaxInt16)))
}
