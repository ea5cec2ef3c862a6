package audio

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// resample runs src through in frames and drops the first and last tenth.
func resample(from, to, frame int, src []int16) []int16 {
	r := NewResampler(from, to)
	out := make([]int16, 0, len(src)*to/from+frame*to/from+16)
	for len(src) > 0 {
		n := min(frame, len(src))
		want := r.Len(n)
		if need := r.Need(want); want > 0 && need > n {
			panic("Need disagrees with Len")
		}
		got := r.Process(out[len(out):cap(out)], src[:n])
		if got != want {
			panic(fmt.Sprintf("Process wrote %d, Len said %d", got, want))
		}
		out, src = out[:len(out)+got], src[n:]
	}
	return out[len(out)/10 : len(out)*9/10]
}

func TestResamplerKeepsWhatFitsAndNothingElse(t *testing.T) {
	for _, tc := range []struct {
		from, to int
		f        float64
		noise    float64 // most of all else, in dB below the tone
	}{
		{8000, 16000, 1000, 70}, {8000, 48000, 1000, 70}, {8000, 48000, 3400, 60},
		{48000, 8000, 1000, 70}, {16000, 8000, 3000, 70}, {48000, 16000, 6500, 70},
		{16000, 48000, 6500, 60}, {44100, 8000, 1000, 70}, {11025, 8000, 1000, 70},
		{8000, 44100, 3000, 65}, {22050, 48000, 5000, 65}, {12345, 8000, 1000, 55}, {8000, 8000, 1000, 80},
	} {
		t.Run(fmt.Sprintf("%.0f Hz from %d to %d", tc.f, tc.from, tc.to), func(t *testing.T) {
			out := resample(tc.from, tc.to, tc.from/50, sine(tc.from, tc.from, tc.f, -6))
			near(t, "level", ToneLevel(out, tc.to, tc.f), -6, 0.2)
			if got := residue(out, tc.to, tc.f); got > -tc.noise {
				t.Errorf("the rest is only %.1f dB below", -got)
			}
		})
	}
}

// residue is what is left in dB when the tone of frequency f has been taken
// away: its sine and cosine parts by least squares.
func residue(s []int16, rate int, f float64) float64 {
	var ss, sc, cc, xs, xc, total float64
	for i, v := range s {
		sin, cos := math.Sincos(2 * math.Pi * f * float64(i) / float64(rate))
		ss, sc, cc = ss+sin*sin, sc+sin*cos, cc+cos*cos
		xs, xc, total = xs+float64(v)*sin, xc+float64(v)*cos, total+float64(v)*float64(v)
	}
	det := ss*cc - sc*sc
	a, b := (xs*cc-xc*sc)/det, (xc*ss-xs*sc)/det
	fit := a*xs + b*xc
	return 10 * math.Log10(max(total-fit, 1e-9)/fit)
}

func TestResamplerStopsWhatDoesNotFit(t *testing.T) {
	for _, tc := range []struct {
		from, to int
		f        float64
	}{{48000, 8000, 5000}, {48000, 8000, 12000}, {16000, 8000, 6000}, {48000, 16000, 10000}, {44100, 8000, 7000}} {
		out := resample(tc.from, tc.to, tc.from/50, sine(tc.from, tc.from, tc.f, -6))
		if got := Level(out); got > -66 {
			t.Errorf("%.0f Hz from %d to %d leaves %.1f dBFS", tc.f, tc.from, tc.to, got)
		}
	}
}

func TestResamplerGivesAFrameForAFrame(t *testing.T) {
	for _, pair := range [][2]int{{8000, 16000}, {8000, 48000}, {48000, 8000}, {16000, 48000}, {48000, 16000}, {8000, 44100}, {44100, 8000}} {
		r := NewResampler(pair[0], pair[1])
		in, out := make([]int16, pair[0]/50), make([]int16, pair[1]/50+1)
		for i := range 100 {
			if got := r.Process(out, in); got != pair[1]/50 {
				t.Fatalf("%v, frame %d: %d samples", pair, i, got)
			}
		}
	}
}

func TestResamplerDoesNotDependOnTheFrame(t *testing.T) {
	src := sine(8000, 8000, 777, -6)
	for _, to := range []int{16000, 48000, 11025, 6000} {
		whole := resample(8000, to, 8000, src)
		if !slices.Equal(whole, resample(8000, to, 160, src)) || !slices.Equal(whole, resample(8000, to, 7, src)) {
			t.Errorf("to %d: the samples differ", to)
		}
	}
}

func TestResamplerNeed(t *testing.T) {
	for _, from := range []int{11025, 22050, 12345, 48000, 8000, 4000} {
		r, in, out := NewResampler(from, 8000), make([]int16, 4096), make([]int16, 160)
		total := 0
		for range 1000 {
			n := r.Need(160)
			if got := r.Process(out, in[:n]); got != 160 {
				t.Fatalf("from %d: %d samples", from, got)
			}
			total += n
		}
		if want := from * 20; total < want-from/8000-2 || total > want+2 {
			t.Errorf("from %d: took %d samples for 20 s, want %d", from, total, want)
		}
	}
}

func TestResamplerKeepsWhatThereWasNoRoomFor(t *testing.T) {
	for _, pair := range [][2]int{{11025, 48000}, {8000, 48000}, {48000, 8000}, {12345, 48000}} {
		src := sine(pair[0], pair[0], 500, -6)
		whole := make([]int16, pair[1]+1)
		whole = whole[:NewResampler(pair[0], pair[1]).Process(whole, src)]
		var pulled []int16
		r, dst := NewResampler(pair[0], pair[1]), make([]int16, 160)
		for len(src) >= r.Need(160) {
			need := r.Need(160)
			pulled = append(pulled, dst[:r.Process(dst, src[:need])]...)
			src = src[need:]
		}
		if len(pulled) < len(whole)-170 || !slices.Equal(pulled, whole[:len(pulled)]) {
			t.Errorf("%v: %d samples pulled of %d, or others", pair, len(pulled), len(whole))
		}
	}
}

func TestResamplerDelay(t *testing.T) {
	for _, pair := range [][2]int{{8000, 48000}, {48000, 8000}, {8000, 16000}} {
		in := make([]int16, pair[0]/10)
		in[0] = 32000
		out := make([]int16, pair[1]/10)
		NewResampler(pair[0], pair[1]).Process(out, in)
		peak := slices.Index(out, slices.Max(out))
		if got, want := float64(peak)/float64(pair[1]), 16.0/8000; math.Abs(got-want) > 0.0002 {
			t.Errorf("%v: %.2f ms", pair, got*1000)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	for _, pair := range [][2]int{{8000, 48000}, {48000, 8000}, {8000, 16000}} {
		b.Run(fmt.Sprint(pair[0], "to", pair[1]), func(b *testing.B) {
			r, in, out := NewResampler(pair[0], pair[1]), make([]int16, pair[0]/50), make([]int16, pair[1]/50)
			b.ReportAllocs()
			for b.Loop() {
				r.Process(out, in)
			}
		})
	}
}
