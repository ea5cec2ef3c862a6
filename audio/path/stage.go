package path

import (
	"errors"
	"net/netip"
)

// ErrTaken says that a datagram was one of a stage's own, such as a STUN
// server's answer, and no packet of the stream.
var ErrTaken = errors.New("taken by a stage below the stream")

// Stage is one layer between the packets of a stream and the sockets, such as
// SRTP. A Transport has any number of them, each of which knows nothing of the
// others. Outgoing and Incoming may run at the same time, each in one goroutine
// per half.
type Stage interface {
	// Outgoing turns a packet into what leaves, in place; the result may grow
	// within the capacity of b. With an error nothing leaves.
	Outgoing(kind Kind, b []byte) ([]byte, error)
	// Incoming undoes that, in place. ErrTaken: it was the stage's own. Any
	// other error: it is refused.
	Incoming(kind Kind, b []byte, from netip.AddrPort) ([]byte, error)
	// Anew reports whether a stream that moves here begins a new SSRC, because
	// this stage has keys of its own (RFC 3711 9.1: one key, one SSRC, one
	// packet index each).
	Anew() bool
}

// Stack puts stages above the sockets, the nearest to the stream first. It comes
// before anything is sent or read.
func (t *Transport) Stack(stages ...Stage) { t.stages = stages }

// Anew reports whether a stream that moves here begins a new SSRC.
func (t *Transport) Anew() bool {
	for _, s := range t.stages {
		if s.Anew() {
			return true
		}
	}
	return false
}

// Send sends a packet from the RTP port, be it RTP or, where both share the
// port, RTCP. The stages may write to b and behind it, within its capacity.
func (t *Transport) Send(b []byte, to netip.AddrPort) error { return t.send(t.rtp, b, to) }

// SendRTCP is Send from the RTCP port.
func (t *Transport) SendRTCP(b []byte, to netip.AddrPort) error { return t.send(t.rtcp, b, to) }

func (t *Transport) send(c *conn, b []byte, to netip.AddrPort) (err error) {
	if len(t.stages) > 0 {
		kind := Classify(b)
		for _, s := range t.stages {
			if b, err = s.Outgoing(kind, b); err != nil {
				return err
			}
		}
	}
	return c.send(b, to)
}

// Receive takes what was read from either half up through the stages, in place,
// and says what it is. ErrTaken: nothing for the stream. Any other error is a
// stage's refusal.
func (t *Transport) Receive(b []byte, from netip.AddrPort) (packet []byte, kind Kind, err error) {
	kind = Classify(b)
	if kind == STUN && t.asker.take(b, from) {
		return nil, kind, ErrTaken
	}
	for i := len(t.stages) - 1; i >= 0; i-- {
		if b, err = t.stages[i].Incoming(kind, b, from); err != nil {
			return nil, kind, err
		}
	}
	return b, kind, nil
}
