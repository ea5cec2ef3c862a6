package audio

import (
	"fmt"
	"time"
)

// Format says how sound is cut into frames.
type Format struct {
	Rate  int           // samples per second
	Frame time.Duration // length of a frame
}

// Rates between which Format.Valid holds. Below is no speech, above only bats.
const (
	MinRate = 4000
	MaxRate = 192000
)

// Samples is the number of samples in a frame.
func (f Format) Samples() int {
	return int(int64(f.Rate) * int64(f.Frame) / int64(time.Second))
}

// Valid reports whether the rate is sensible and a frame is a whole number of
// samples, at most a second of them.
func (f Format) Valid() bool {
	return f.Rate >= MinRate && f.Rate <= MaxRate && f.Frame > 0 && f.Frame <= time.Second &&
		int64(f.Rate)*int64(f.Frame)%int64(time.Second) == 0
}

func (f Format) String() string { return fmt.Sprintf("%d Hz in %v", f.Rate, f.Frame) }
