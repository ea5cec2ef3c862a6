package stream

import "time"

const (
	// ssrcSilence is after how much silence a new SSRC is believed at once;
	// sooner it takes two packets, because two sources may speak together.
	ssrcSilence = 60 * time.Millisecond
	maxDropout  = 3000 // RFC 3550 A.1
	maxMisorder = 100
)

// reception counts what one SSRC sent, for the reports of RFC 3550 section 6.4.
type reception struct {
	known    bool
	ssrc     uint32
	next     uint32 // an SSRC that was seen once
	nextSeen bool
	bye      bool
	last     time.Time

	base, max             uint32 // extended by cycles
	received              uint32
	expectedThen, gotThen uint32 // at the last report
	sr                    uint32 // middle of the NTP time of the last SR
	srAt                  time.Time
	totalPackets          uint64 // over all SSRCs
}

// source tells whether a packet of ssrc is to be taken, and whether it begins
// a new stream.
func (r *reception) source(now time.Time, ssrc uint32) (take, fresh bool) {
	if r.known && ssrc == r.ssrc {
		r.nextSeen = false
		return true, false
	}
	if r.known && !r.bye && now.Sub(r.last) < ssrcSilence && !(r.nextSeen && r.next == ssrc) {
		r.next, r.nextSeen = ssrc, true
		return false, false
	}
	*r = reception{known: true, ssrc: ssrc, totalPackets: r.totalPackets}
	return true, true
}

// packet counts a packet and returns how many are missing between it and the
// newest before it.
func (r *reception) packet(now time.Time, seq uint16) (missing uint64) {
	r.last = now
	r.totalPackets++
	if r.received == 0 {
		r.restart(seq)
		return 0
	}
	r.received++
	step := seq - uint16(r.max)
	switch {
	case step == 0:
	case step < maxDropout:
		r.max += uint32(step)
		return uint64(step) - 1
	case step <= 1<<16-maxMisorder-1:
		r.restart(seq)
	}
	return 0
}

func (r *reception) restart(seq uint16) {
	r.base, r.max = uint32(seq), uint32(seq)
	r.received, r.expectedThen, r.gotThen = 1, 0, 0
}

// block is the content of a reception report block, with what changes the
// interval (RFC 3550 A.3).
func (r *reception) block() (fraction uint8, lost uint32, highest uint32) {
	expected := r.max - r.base + 1
	gone := int64(expected) - int64(r.received)
	expectedNow, gotNow := expected-r.expectedThen, r.received-r.gotThen
	r.expectedThen, r.gotThen = expected, r.received
	if expectedNow > 0 && gotNow < expectedNow {
		fraction = uint8(min(255, uint64(expectedNow-gotNow)*256/uint64(expectedNow)))
	}
	// 24 bits, signed: duplicates can make it negative, which we call none.
	return fraction, uint32(min(max(gone, 0), 1<<23-1)), r.max
}
