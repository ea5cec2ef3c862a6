package impair

import (
	"math"
	"math/cmplx"
	"slices"
	"time"
)

// Figures say how a round sounded.
type Figures struct {
	Lag      time.Duration // median delay of the sound that came back
	Silent   time.Duration // active speech that was heard below -60 dBFS
	Distance float64       // log-spectral distance, in dB, over active speech; 0 is no difference
}

// The scales of a score.
const (
	piece   = rate / 2     // delay is looked for in pieces of half a second
	maxLag  = rate * 3 / 5 // and no longer than this
	window  = 256          // of the spectra, 32 ms
	hop     = 128
	block   = rate / 100
	active  = 300.0 // root mean square of speech that counts, about -41 dBFS
	silence = 32.8  // -60 dBFS
)

// Score compares what came back with the speech that was said.
func Score(speech []int16, n Network, r Round) (f Figures, ok bool) {
	back := r.timeline(len(speech))
	if back == nil {
		return f, false
	}
	at := int(n.packetTime() * rate / time.Second) // when the first sample is sent
	var lags []float64
	var sum float64
	frames, silent := 0, 0
	last := -1
	for begin := 0; begin+piece <= len(speech); begin += piece {
		ref := speech[begin : begin+piece]
		if rms(ref) < active {
			continue
		}
		lag := align(ref, back, begin+at, last)
		if lag < 0 {
			continue
		}
		last = lag
		lags = append(lags, float64(lag)/rate)
		heard := back[begin+at+lag:]
		for i := 0; i+window <= piece && i+window <= len(heard); i += hop {
			if rms(ref[i:i+window]) >= active {
				sum += distance(ref[i:i+window], heard[i:i+window])
				frames++
			}
		}
		for i := 0; i+block <= piece && i+block <= len(heard); i += block {
			if rms(ref[i:i+block]) >= active && rms(heard[i:i+block]) < silence {
				silent++
			}
		}
	}
	if frames == 0 {
		return f, false
	}
	slices.Sort(lags)
	return Figures{
		Lag:      time.Duration(lags[len(lags)/2] * float64(time.Second)),
		Silent:   time.Duration(silent) * 10 * time.Millisecond,
		Distance: sum / float64(frames),
	}, true
}

// timeline is what came back as it would be played without a buffer: by its
// timestamps, from the arrival of the first packet, or the least of all delays where
// that one was slow; nil: nothing came.
func (r Round) timeline(length int) []int16 {
	if len(r.Back) == 0 {
		return nil
	}
	base := r.Back[0].Timestamp
	least := math.MaxInt
	for _, p := range r.Back {
		least = min(least, int(p.At*rate/time.Second)-int(int32(p.Timestamp-base)))
	}
	out := make([]int16, length+3*rate)
	for _, p := range r.Back {
		at := least + int(int32(p.Timestamp-base))
		if at >= 0 && at+len(p.Samples) <= len(out) {
			copy(out[at:], p.Samples)
		}
	}
	return out
}

// align finds the delay with the best normalised correlation, -1: there is none. near is
// where it was before; that wins where others are hardly better.
func align(ref, back []int16, at, near int) int {
	best, where := 0.25, -1
	for lag := 0; lag < maxLag && at+lag+len(ref) <= len(back); lag++ {
		c := correlation(ref, back[at+lag:at+lag+len(ref)])
		if lag == near {
			c += 0.05
		}
		if c > best {
			best, where = c, lag
		}
	}
	return where
}

// correlation looks at every second sample: speech of a telephone allows it.
func correlation(a, b []int16) float64 {
	var ab, aa, bb float64
	for i := 0; i < len(a); i += 2 {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// distance is that of two windows' spectra between 200 and 3500 Hz, in dB, each
// no lower than -60 dBFS.
func distance(a, b []int16) float64 {
	const low, high = 200 * window / rate, 3500 * window / rate
	x, y := spectrum(a), spectrum(b)
	var sum float64
	for k := low; k <= high; k++ {
		d := x[k] - y[k]
		sum += d * d
	}
	return math.Sqrt(sum / (high - low + 1))
}

func spectrum(s []int16) (dB [window / 2]float64) {
	var z [window]complex128
	for i, v := range s {
		z[i] = complex(float64(v)/32768*(0.5-0.5*math.Cos(2*math.Pi*float64(i)/window)), 0)
	}
	fft(z[:])
	for k := range dB {
		dB[k] = 20 * math.Log10(cmplx.Abs(z[k])/window*4+1e-3)
	}
	return dB
}

// fft is the transform in place; the length is a power of two.
func fft(z []complex128) {
	n := len(z)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			z[i], z[j] = z[j], z[i]
		}
	}
	for size := 2; size <= n; size <<= 1 {
		step := cmplx.Rect(1, -2*math.Pi/float64(size))
		for i := 0; i < n; i += size {
			w := complex(1, 0)
			for k := i; k < i+size/2; k++ {
				u, v := z[k], z[k+size/2]*w
				z[k], z[k+size/2] = u+v, u-v
				w *= step
			}
		}
	}
}

func rms(s []int16) float64 {
	var sum float64
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(1, len(s))))
}
