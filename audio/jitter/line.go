package jitter

import "math"

const (
	taps       = 16
	linePhases = 256
	lineDelay  = taps / 2 // samples by which the line delays
)

// kernels are windowed sincs by the fraction of a sample, immutable. The first is one sample as it is.
var kernels = makeKernels()

func makeKernels() (table [linePhases][taps]float32) {
	for p := range table {
		sum := 0.0
		var row [taps]float64
		for k := range row {
			x := float64(k) - (taps/2 - 1) - float64(p)/linePhases
			row[k] = window16(x)
			if x != 0 {
				row[k] *= math.Sin(math.Pi*x) / (math.Pi * x)
			}
			sum += row[k]
		}
		for k := range row {
			table[p][k] = float32(row[k] / sum)
		}
	}
	return table
}

// window16 is Blackman's window, a little wider than the taps.
func window16(x float64) float64 {
	t := math.Pi * x / (taps/2 + 0.5)
	return 0.42 + 0.5*math.Cos(t) + 0.08*math.Cos(2*t)
}

// line is a delay line read at a pace of its own: it plays a sender's clock on
// ours without a cut. At the pace of one it changes nothing.
type line struct {
	buf  []int16 // the last taps-1 samples, then room for the next ones
	frac uint64  // of a sample, in parts of 1<<32
	pace uint64  // samples in for one out, likewise
}

func (l *line) init(most int) {
	l.buf = make([]int16, taps-1+most+most/1000+2)
	l.pace = 1 << 32
}

// set changes the pace: so many samples in for one out.
func (l *line) set(pace float64) { l.pace = uint64(pace * (1 << 32)) }

// need is how many samples go in for n out.
func (l *line) need(n int) int { return int((l.frac + uint64(n)*l.pace) >> 32) }

// room is where the next n samples go in.
func (l *line) room(n int) []int16 { return l.buf[taps-1:][:n] }

// take writes to dst what n samples, written to room, bring; n is what need said
// for the length of dst.
func (l *line) take(dst []int16, n int) {
	if l.frac == 0 && l.pace == 1<<32 {
		copy(dst, l.buf[taps/2-1:])
	} else {
		at := l.frac
		for i := range dst {
			row := &kernels[at>>24&(linePhases-1)]
			x := l.buf[at>>32:][:taps]
			var sum float32
			for k, v := range x {
				sum += row[k] * float32(v)
			}
			dst[i] = clamp(float64(sum))
			at += l.pace
		}
		l.frac = at & (1<<32 - 1)
	}
	copy(l.buf, l.buf[n:n+taps-1])
}
