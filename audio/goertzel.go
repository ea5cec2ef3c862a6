package audio

import "math"

// ToneLevel is how strong the frequency f (in Hz) is in the samples, in dBFS:
// a lone sine of that frequency reads as its Level. It is Goertzel's
// algorithm, one bin of a Fourier transform whose width is rate/len(samples).
func ToneLevel(samples []int16, rate int, f float64) float64 {
	if len(samples) == 0 || rate <= 0 {
		return Silence
	}
	w := 2 * math.Pi * f / float64(rate)
	k := 2 * math.Cos(w)
	var s1, s2 float64
	for _, x := range samples {
		s1, s2 = float64(x)+k*s1-s2, s1
	}
	energy := s1*s1 + s2*s2 - k*s1*s2
	n := float64(len(samples))
	return decibels(2 * energy / (n * n))
}
