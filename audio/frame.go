package audio

import (
	"encoding/binary"
	"math"
)

// Clamp limits v to what a sample can hold.
func Clamp(v int32) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, v)))
}

// clampFloat rounds v and limits it to what a sample can hold.
func clampFloat(v float32) int16 {
	if v >= 0 {
		return int16(min(v+0.5, math.MaxInt16))
	}
	return int16(max(v-0.5, math.MinInt16))
}

// putPCM16 writes samples to dst in the byte order of WAV. dst holds two
// bytes for each.
func putPCM16(dst []byte, samples []int16) {
	for i, s := range samples {
		binary.LittleEndian.PutUint16(dst[2*i:], uint16(s))
	}
}
