package stream

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
)

// source is one SSRC of ours: where its sequence numbers stand, and what was
// sent by it. Paths without keys of their own share one, so that the numbers go
// on; one with keys has its own.
type source struct {
	ssrc            uint32
	seq             uint16 // of the next packet
	packets, octets uint64
}

// newSource begins below 2^15: before the first wrap a peer that resets its
// rollover counter and one that keeps it agree on zero (RFC 3711 3.3.1).
func newSource() *source {
	return &source{ssrc: rand.Uint32(), seq: uint16(rand.IntN(1 << 15))}
}

// next takes the next sequence number.
func (o *source) next() uint16 {
	o.seq++
	return o.seq - 1
}

// frame is one packet before a path made it its own: what is said, and when.
type frame struct {
	ts      uint32
	pt      uint8
	marker  bool
	size    int
	payload [maxPayload]byte
}

// wire is room for a packet and for what the stages of a path add to it.
type wire [headerSize + maxPayload + stageRoom]byte

// stageRoom is what the stages may add: a tag and an index of SRTCP, and a TURN
// header.
const stageRoom = 64

// write puts a frame on the wire under a source and a number of it, and returns
// the length.
func (w *wire) write(f *frame, ssrc uint32, seq uint16) int {
	h := rtp.Header{
		Version: 2, Marker: f.marker, PayloadType: f.pt, SequenceNumber: seq, Timestamp: f.ts, SSRC: ssrc,
	}
	if _, err := h.MarshalTo(w[:]); err != nil {
		return 0 // cannot be: the header has a fixed size
	}
	return headerSize + copy(w[headerSize:], f.payload[:f.size])
}

// ours reports whether an SSRC is of one of the paths.
func (p *paths) ours(ssrc uint32) bool {
	for _, l := range p.legs {
		if l.out.ssrc == ssrc {
			return true
		}
	}
	return false
}

// sent accounts for a packet.
func (s *Stream) sent(now time.Time, l *leg, size int, err error) (Heard, bool) {
	if err != nil {
		s.count.sendErrors++
		if text := err.Error(); text != s.tx.failed {
			s.tx.failed = text
			s.log.Warn("audio cannot be sent, going on", "error", err)
		}
		return Heard{}, false
	}
	s.tx.failed = ""
	s.tx.packets++
	l.out.packets++
	l.out.octets += uint64(size - headerSize)
	return s.paths.departed(now, l)
}
