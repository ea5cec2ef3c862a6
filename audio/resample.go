package audio

import "math"

const (
	// halfWidth is how many samples of the slower rate a tap set reaches to
	// each side: 2 ms at 8 kHz, which is the delay a resampler adds there.
	halfWidth = 16
	// maxPhases bounds the table. All usual pairs of rates need fewer (441
	// for 11025 Hz) and are exact; others round to the nearest of these,
	// which costs less than the 38 dB that G.711 has to lose.
	maxPhases = 1024
	// kaiserBeta trades the width of the transition for 70 dB of stop band.
	kaiserBeta = 7
	// cutoff is the -6 dB point in parts of the slower rate: it keeps 3400 Hz
	// at 8 kHz, and what it lets pass above 4000 folds back above 3400.
	cutoff = 0.475
)

// Resampler changes the sampling rate of a stream by a windowed sinc, frame
// after frame. It delays by 16 samples of the slower rate.
//
// Where frames are a whole number of samples on both sides, a frame in gives
// a frame out, from the first one on.
type Resampler struct {
	from, to int // reduced by their greatest common divisor
	phases   int
	taps     int
	table    []float32 // phases rows of taps
	past     []float32 // input from the first sample that the next output needs
	time     int       // of the next output after the start of past, in samples/to; less than to
}

// NewResampler returns one from a rate to another, both positive. Equal rates
// are fine and copy.
func NewResampler(from, to int) *Resampler {
	r := &Resampler{}
	d := gcd(from, to)
	r.from, r.to = from/d, to/d
	if r.from == r.to {
		return r
	}
	r.phases = min(r.to, maxPhases)
	// Going down, the filter is stretched so that its cutoff follows.
	stretch := max(1, float64(r.from)/float64(r.to))
	r.taps = 2 * int(math.Ceil(halfWidth*stretch))
	r.table = make([]float32, r.phases*r.taps)
	for p := range r.phases {
		kernel(r.table[p*r.taps:(p+1)*r.taps], float64(p)/float64(r.phases), stretch)
	}
	r.past = make([]float32, r.taps-1, r.taps-1+1024)
	return r
}

// kernel fills the taps for an output that lies at the fraction between the
// two samples in the middle. They sum to one, so that there is no ripple
// between phases.
func kernel(taps []float32, fraction, stretch float64) {
	half := float64(len(taps)) / 2
	sum := 0.0
	values := make([]float64, len(taps))
	for i := range taps {
		x := float64(i) - (half - 1) - fraction // distance in samples of the input
		fc := 2 * cutoff / stretch
		values[i] = fc * sinc(fc*x) * kaiser(x/half)
		sum += values[i]
	}
	for i, v := range values {
		taps[i] = float32(v / sum)
	}
}

// Process takes src as the next input and writes what can be computed from it
// to dst, whose length it returns. What dst has no room for comes first the
// next time.
func (r *Resampler) Process(dst, src []int16) (n int) {
	if r.from == r.to {
		return copy(dst, src)
	}
	for _, s := range src {
		r.past = append(r.past, float32(s))
	}
	n = min(len(dst), r.Len(0))
	for i := range dst[:n] {
		at, fraction := r.time/r.to, r.time%r.to
		if r.phases != r.to {
			fraction = int(int64(fraction) * int64(r.phases) / int64(r.to))
		}
		row := r.table[fraction*r.taps:][:r.taps]
		window := r.past[at:][:len(row)]
		var a, b float32 // two sums halve the wait for each other
		for j := 0; j+1 < len(row); j += 2 {
			a += row[j] * window[j]
			b += row[j+1] * window[j+1]
		}
		dst[i] = clampFloat(a + b)
		r.time += r.from
	}
	over := min(r.time/r.to, len(r.past))
	r.time -= over * r.to
	r.past = r.past[:copy(r.past, r.past[over:])]
	return n
}

// Len is how many samples Process can write after n more of input.
func (r *Resampler) Len(n int) int {
	if r.from == r.to {
		return n
	}
	end := (len(r.past) + n - r.taps + 1) * r.to
	return max(0, (end-r.time+r.from-1)/r.from)
}

// Need is how many samples of input Process needs to write n.
func (r *Resampler) Need(n int) int {
	if r.from == r.to || n == 0 {
		return n
	}
	return max(0, (r.time+(n-1)*r.from)/r.to+r.taps-len(r.past))
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x from -1 to 1.
func kaiser(x float64) float64 {
	return bessel0(kaiserBeta*math.Sqrt(max(0, 1-x*x))) / bessel0(kaiserBeta)
}

// bessel0 is the modified Bessel function of the first kind, order zero.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
