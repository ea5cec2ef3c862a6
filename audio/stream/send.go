package stream

import (
	"math/rand/v2"
	"time"

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

// sender is what leaves. The timestamp goes on over errors, holds and paths:
// the clock does not stop where the network does.
type sender struct {
	filling
	timestamp uint32    // of the next frame
	last      time.Time // of the last whole frame
	talking   bool      // the last packet was audio: no marker
	keypad    keypad
	unsent    unsent

	frame      frame // Capture's own, between lock and send, as is wire
	wire       wire
	packets    uint64
	failed     string // the last error, so that each is logged once
	nextReport time.Time
	cname      string
}

// filling is the packet that is being made.
type filling struct {
	coder  codec.Coder
	ticks  uint32        // timestamp units per packet
	length time.Duration // of a packet
	pcm    []int16
	filled int
}

func (t *sender) init() {
	t.timestamp = rand.Uint32()
	t.cname = cname()
}

// shape sets codec and packet length.
func (t *sender) shape(f codec.Format, c codec.Coder, ptime time.Duration) {
	t.coder = c
	t.length = ptime
	t.ticks = uint32(samples(f.ClockRate, ptime))
	t.pcm = make([]int16, samples(c.Rate(), ptime))
	t.filled = 0
}

// Capture takes the next samples of the microphone, any number of them, and
// sends what packets they fill. It belongs to one goroutine, the sound clock,
// and never fails: errors of the network are counted.
func (s *Stream) Capture(src []int16) {
	now := s.cfg.Now()
	s.mu.Lock()
	if s.paths.closed {
		s.mu.Unlock()
		return
	}
	s.count.out.Add(src)
	for len(src) > 0 {
		n := copy(s.tx.pcm[s.tx.filled:], src)
		src, s.tx.filled = src[n:], s.tx.filled+n
		if s.tx.filled < len(s.tx.pcm) {
			break
		}
		s.tx.filled = 0
		if !s.pack(now) {
			continue
		}
		l, to := s.paths.sending, s.gate.target()
		out, seq := l.out, l.out.next()
		size := s.tx.wire.write(&s.tx.frame, out.ssrc, seq)
		s.mu.Unlock()
		err := l.sock.Send(s.tx.wire[:size], to)
		s.mu.Lock()
		s.tx.unsent.add(now, &s.tx.frame, out, seq, err == nil)
		h, ok := s.sent(now, l, size, err)
		if ok {
			s.mu.Unlock()
			s.tell(h, ok)
			s.mu.Lock()
		}
		if s.paths.closed { // meanwhile
			break
		}
	}
	s.mu.Unlock()
}

// pack makes the frame of what was captured and reports whether one is due. The
// clock advances in any case.
func (s *Stream) pack(now time.Time) bool {
	t, clock := &s.tx, s.media.Format.ClockRate
	if late := now.Sub(t.last); !t.last.IsZero() && late > stall {
		t.timestamp += uint32(samples(clock, min(late-t.length, time.Hour)))
	}
	t.last = now
	f := &t.frame
	f.ts = t.timestamp
	t.timestamp += t.ticks
	// The codec goes on where nothing is sent, so that its state stays whole.
	f.size = t.coder.Encode(f.payload[:], t.pcm)
	if !s.sends() {
		t.talking = false
		return false
	}
	f.pt, f.marker = s.media.SendPT, !t.talking
	t.talking = true
	if s.media.EventSendPT != 0 {
		var event [4]byte
		if start, marker, ok := t.keypad.tick(f.ts, clock, t.length, &event); ok {
			f.ts, f.pt, f.marker = start, s.media.EventSendPT, marker
			f.size = copy(f.payload[:], event[:])
			t.talking = false
		}
	}
	return f.size > 0 // else the codec does not transmit (silence)
}
