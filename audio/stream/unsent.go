package stream

import (
	"net/netip"
	"time"
)

const (
	// unsentLength is how many packets are kept that did not leave. What is
	// older than they are comes too late to be played anywhere.
	unsentLength = 3
	// unsentAge is how old a kept packet may be when it goes out after all: the
	// peer's buffer has at most about this much patience.
	unsentAge = 60 * time.Millisecond
)

// unsent keeps the last packets, encoded, with their own sequence and
// timestamp: all that did not leave because the path was dead, and the last one
// that did, which may have died with it.
type unsent struct {
	ring [unsentLength]kept
	n    int // kept since the last that left; the newest is ring[(n-1)%unsentLength]
}

type kept struct {
	at   time.Time
	left bool
	size int
	wire [headerSize + maxPayload]byte
}

// add notes a packet that left, or did not. What did not leave before one that
// did is of no more use: the path worked again by itself.
func (u *unsent) add(now time.Time, packet []byte, left bool) {
	if left || u.n > 0 && u.ring[(u.n-1)%unsentLength].left {
		u.n = 0
	}
	k := &u.ring[u.n%unsentLength]
	u.n++
	k.at, k.left, k.size = now, left, copy(k.wire[:], packet)
}

// take returns what is to be sent on a new path, oldest first, and forgets it.
// again: the old path is dead, so the newest is sent even if it left there.
func (u *unsent) take(now time.Time, again bool) (out [][]byte) {
	for i := max(0, u.n-unsentLength); i < u.n; i++ {
		k := &u.ring[i%unsentLength]
		if now.Sub(k.at) <= unsentAge && (again || !k.left) {
			out = append(out, append([]byte(nil), k.wire[:k.size]...))
		}
	}
	u.n = 0
	return out
}

// Switch sends on the newest adopted path from the next packet on. What did
// not leave on the old one leaves now.
func (s *Stream) Switch() { s.turn(false) }

// TakeOver is Switch where the old path is dead: the new one does not wait for
// the next frame of the sound's clock. The frames of the last moments that did
// not leave go out at once, and else the last one goes out again: it may have
// died on its way. It keeps its sequence number, by which a peer that had it
// knows it (RFC 3550 A.1), and a peer that latches knows where we are.
func (s *Stream) TakeOver() { s.turn(true) }

func (s *Stream) turn(dead bool) {
	now := s.cfg.Now()
	s.mu.Lock()
	p := &s.paths
	if p.sending == p.newest() {
		s.mu.Unlock()
		return
	}
	p.sending, p.moved = p.newest(), now
	p.plan()
	s.tx.nextReport = now // where no audio is due, RTCP proves the path
	var late [][]byte
	if s.sends() && !p.closed {
		late = s.tx.unsent.take(now, dead)
	}
	l, to := p.sending, s.gate.target()
	s.mu.Unlock()
	for _, packet := range late {
		s.sendLate(now, l, packet, to)
	}
	s.rouse()
}

// sendLate sends a kept packet.
func (s *Stream) sendLate(now time.Time, l *leg, packet []byte, to netip.AddrPort) {
	err := l.sock.Send(packet, to)
	s.mu.Lock()
	h, ok := s.sent(now, l, len(packet), err)
	s.mu.Unlock()
	s.tell(h, ok)
}
