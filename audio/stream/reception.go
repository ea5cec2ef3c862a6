package stream

import "time"

const (
	// ssrcSilence is after how much silence a new SSRC is believed at once;
	// sooner it takes two packets, because two sources may speak together.
	ssrcSilence = 60 * time.Millisecond
	maxDropout  = 3000 // RFC 3550 A.1
	maxMisorder = 100
)

// reception follows what one SSRC sent, for the reports of RFC 3550 section 6.4.
// What was lost is counted where it is missed, by the playout.
type reception struct {
	known    bool
	ssrc     uint32
	next     uint32 // an SSRC that was seen once
	nextSeen bool
	bye      bool
	last     time.Time

	base, max    uint32 // extended by cycles
	received     uint32
	expectedThen uint32 // at the last report
	heardThen    unplayed
	before       unplayed // what earlier sources cost
	sr           uint32   // middle of the NTP time of the last SR
	srAt         time.Time
	totalPackets uint64 // over all SSRCs
}

// source tells whether a packet of ssrc is to be taken, and whether it begins
// a new stream.
// soFar is what the playout has counted until now.
func (r *reception) source(now time.Time, ssrc uint32, soFar unplayed) (take, fresh bool) {
	if r.known && ssrc == r.ssrc {
		r.nextSeen = false
		return true, false
	}
	if r.known && !r.bye && now.Sub(r.last) < ssrcSilence && !(r.nextSeen && r.next == ssrc) {
		r.next, r.nextSeen = ssrc, true
		return false, false
	}
	*r = reception{known: true, ssrc: ssrc, totalPackets: r.totalPackets, before: soFar, heardThen: soFar}
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
	r.received, r.expectedThen = 1, 0
}

// unplayed counts packets that were not played, by what became of them.
type unplayed struct {
	lost      uint64 // they never came
	discarded uint64 // they came too late, or could not be played
}

func (u unplayed) since(then unplayed) unplayed {
	return unplayed{sub(u.lost, then.lost), sub(u.discarded, then.discarded)}
}

// sub is a less b, and 0 where b is more.
func sub(a, b uint64) uint64 { return a - min(a, b) }

// block is what a report says of the source, with what changes the interval, by
// the playout's counts over the call. Shares are in 1/256 of what was expected.
type block struct {
	loss, discard uint8 // since the last report
	lost          uint32
	highest       uint32
}

func (r *reception) block(now unplayed) (b block) {
	expected := r.max - r.base + 1
	due := uint64(expected - min(expected, r.expectedThen))
	fresh := now.since(r.heardThen)
	r.expectedThen, r.heardThen = expected, now
	if due > 0 {
		b.loss = uint8(min(255, fresh.lost*256/due))
		b.discard = uint8(min(255, fresh.discarded*256/due))
	}
	b.lost = uint32(min(now.since(r.before).lost, 1<<23-1)) // 24 bits, signed
	b.highest = r.max
	return b
}
