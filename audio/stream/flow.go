package stream

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// pauseMin and pauseMax are the leaps of the timestamp, without a packet
	// missing, by which a sender shows that it pauses on purpose. A longer one
	// is a machine that slept.
	pauseMin = 250 * time.Millisecond
	pauseMax = time.Minute
	// comfortNoise is the static payload type of RFC 3389, which senders use
	// only between stretches of sound.
	comfortNoise = 13
)

// flow follows whether the sender sends all the time, as most do, or pauses
// while nobody speaks: then silence says nothing about the path.
type flow struct {
	since  time.Time // both directions were agreed on
	last   time.Time // last packet
	seq    uint16
	ts     uint32
	known  bool // seq and ts are those of a packet of voice
	pauses bool
}

// packet takes an accepted packet; voice: of the codec in use.
func (f *flow) packet(now time.Time, p *rtp.Packet, voice bool, clockRate int) {
	if p.PayloadType == comfortNoise && !voice {
		f.pauses = true
	}
	if voice && f.known && p.SequenceNumber == f.seq+1 {
		leap := time.Duration(int32(p.Timestamp-f.ts)) * time.Second / time.Duration(clockRate)
		f.pauses = f.pauses || leap >= pauseMin && leap <= pauseMax
	}
	f.last, f.known, f.seq, f.ts = now, voice, p.SequenceNumber, p.Timestamp
}

// agreed notes a new offer/answer.
func (f *flow) agreed(now time.Time, was, is Negotiated) {
	if is.Send && is.Receive && !(was.Send && was.Receive) {
		f.since = now
	}
}

// Stopped is for how long no audio has come although it should flow: 0 while
// it does, and where its absence means nothing. That is a stream that is held
// or goes one way, whose sender pauses while nobody speaks or has said
// goodbye, or of which nothing was ever heard.
func (s *Stream) Stopped() time.Duration {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &s.rx.flow
	if !s.media.Send || !s.media.Receive || f.pauses || f.last.IsZero() || s.rx.from.bye {
		return 0
	}
	last := f.last
	if f.since.After(last) {
		last = f.since
	}
	return max(0, now.Sub(last))
}
