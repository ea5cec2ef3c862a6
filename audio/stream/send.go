package stream

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"

	"ramble/audio/codec"
)

const (
	maxPTime   = 120 * time.Millisecond
	headerSize = 12
	// maxPayload is what fits beside the headers in the smallest MTU of IPv6.
	maxPayload = 1200
	// stall is a pause of the sound clock after which the timestamp jumps to
	// where the time is, as after a suspend.
	stall = 500 * time.Millisecond
)

// sender is what leaves. Sequence and timestamp go on over errors, holds and
// paths: the clock does not stop where the network does.
type sender struct {
	header  rtp.Header
	ticks   uint32        // timestamp units per packet
	length  time.Duration // of a packet
	frame   []int16       // the packet that is being filled
	filled  int
	last    time.Time // of the last whole frame
	talking bool      // the last packet was audio: no marker
	keypad  keypad
	unsent  unsent

	wire       [headerSize + maxPayload]byte // Capture's own, between lock and send
	packets    uint64
	octets     uint64
	failed     string // the last error, so that each is logged once
	nextReport time.Time
	cname      string
}

func (t *sender) init() {
	t.header = rtp.Header{
		Version:        2,
		SequenceNumber: uint16(rand.IntN(1 << 15)), // room before the first wrap (RFC 3711 3.3.1)
		Timestamp:      rand.Uint32(),
		SSRC:           rand.Uint32(),
	}
	t.cname = cname()
}

// shape sets codec and packet length.
func (t *sender) shape(c codec.Codec, ptime time.Duration) {
	t.length = ptime
	t.ticks = uint32(samples(c.ClockRate(), ptime))
	t.frame = make([]int16, samples(c.Rate(), ptime))
	t.filled = 0
}

// Capture takes the next samples of the microphone, any number of them, and
// sends what packets they fill. It belongs to one goroutine, the sound clock,
// and never fails: errors of the network are counted.
func (s *Stream) Capture(src []int16) {
	now := s.cfg.Now()
	s.mu.Lock()
	s.count.out.Add(src)
	for len(src) > 0 {
		n := copy(s.tx.frame[s.tx.filled:], src)
		src, s.tx.filled = src[n:], s.tx.filled+n
		if s.tx.filled < len(s.tx.frame) {
			break
		}
		s.tx.filled = 0
		size := s.pack(now)
		if size == 0 || s.paths.closed {
			continue
		}
		l, to := s.paths.sending, s.gate.target()
		s.mu.Unlock()
		err := l.sock.Send(s.tx.wire[:size], to)
		s.mu.Lock()
		s.tx.unsent.add(now, s.tx.wire[:size], err == nil)
		h, ok := s.sent(now, l, size, err)
		if ok {
			s.mu.Unlock()
			s.tell(h, ok)
			s.mu.Lock()
		}
	}
	s.mu.Unlock()
}

// pack writes the packet of a full frame to the wire buffer and returns its
// length, 0 where none is due. The clock advances in any case.
func (s *Stream) pack(now time.Time) int {
	t := &s.tx
	if late := now.Sub(t.last); !t.last.IsZero() && late > stall {
		t.header.Timestamp += uint32(samples(s.media.Codec.ClockRate(), min(late-t.length, time.Hour)))
	}
	t.last = now
	ts := t.header.Timestamp
	t.header.Timestamp += t.ticks
	// The codec goes on where nothing is sent, so that its state stays whole.
	n := s.media.Codec.Encode(t.wire[headerSize:], t.frame)
	if !s.sends() {
		t.talking = false
		return 0
	}
	h := t.header
	h.Timestamp, h.PayloadType, h.Marker = ts, s.media.SendPT, !t.talking
	t.talking = true
	if s.media.EventSendPT != 0 {
		var event [4]byte
		if start, marker, ok := t.keypad.tick(ts, s.media.Codec.ClockRate(), t.length, &event); ok {
			h.Timestamp, h.PayloadType, h.Marker = start, s.media.EventSendPT, marker
			n = copy(t.wire[headerSize:], event[:])
			t.talking = false
		}
	}
	if n == 0 {
		return 0 // the codec does not transmit (silence)
	}
	if _, err := h.MarshalTo(t.wire[:]); err != nil {
		return 0 // cannot be: the header has a fixed size
	}
	t.header.SequenceNumber++
	return headerSize + n
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
	s.tx.octets += uint64(size - headerSize)
	return s.paths.departed(now, l)
}
