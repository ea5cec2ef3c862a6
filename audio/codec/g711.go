package codec

import "math/bits"

// ITU-T G.711: 8000 samples per second, one byte each; payload types 0 and 8
// (RFC 3551 section 4.5.14). A negative sample is coded by its one's
// complement, as the ITU's Software Tool Library (G.191) does, so that -32768
// is no special case. The tables are computed once and never written again.
var (
	muTable = table(muExpand)
	aTable  = table(aExpand)
)

type (
	pcmu struct{ stateless }
	pcma struct{ stateless }
)

var (
	_ Coder = pcmu{}
	_ Coder = pcma{}
)

// stateless is what a coding of single samples answers to all that looks beyond
// one payload.
type stateless struct{}

func (stateless) Rate() int                   { return 8000 }
func (stateless) Conceal([]int16) int         { return 0 }
func (stateless) Recover([]int16, []byte) int { return 0 }
func (stateless) Loss(float64)                {}
func (stateless) Close()                      {}

func (pcmu) Encode(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	for i, s := range src[:n] {
		dst[i] = muCompress(s)
	}
	return n
}

func (pcmu) Decode(dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	for i, c := range src[:n] {
		dst[i] = muTable[c]
	}
	return n
}

func (pcma) Encode(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	for i, s := range src[:n] {
		dst[i] = aCompress(s)
	}
	return n
}

func (pcma) Decode(dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	for i, c := range src[:n] {
		dst[i] = aTable[c]
	}
	return n
}

const (
	muBias = 0x84   // makes the segments powers of two; 33 in the 14 bit scale of G.711
	muClip = 0x7f7b // the greatest magnitude whose biased value still fits in 15 bits
)

// muCompress is table 2a/2b of G.711 on the 16 bit scale. All bits are
// inverted on the line, which keeps zeros rare.
func muCompress(s int16) byte {
	sign := byte(s >> 15) // 0x00 or 0xff
	mag := uint16(s^s>>15) &^ 0x8000
	mag = min(mag, muClip) + muBias
	segment := bits.Len16(mag) - 8
	code := byte(segment)<<4 | byte(mag>>(segment+3))&0x0f
	return ^(code | sign&0x80)
}

func muExpand(c byte) int16 {
	c = ^c
	v := (int16(c&0x0f)<<3+muBias)<<(c>>4&7) - muBias
	if c&0x80 != 0 {
		return -v
	}
	return v
}

// aCompress is table 1a/1b of G.711 on the 16 bit scale. Every second bit is
// inverted on the line.
func aCompress(s int16) byte {
	sign := byte(^s>>15) & 0x80 // set for samples of zero and above
	mag := uint16(s^s>>15) &^ 0x8000
	segment := max(bits.Len16(mag)-8, 0)
	shift := max(segment-1, 0) + 4
	return (byte(segment)<<4 | byte(mag>>shift)&0x0f | sign) ^ 0x55
}

func aExpand(c byte) int16 {
	c ^= 0x55
	v := int16(c&0x0f)<<4 + 8
	if segment := c >> 4 & 7; segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if c&0x80 == 0 {
		return -v
	}
	return v
}

func table(expand func(byte) int16) (t [256]int16) {
	for c := range t {
		t[c] = expand(byte(c))
	}
	return t
}
