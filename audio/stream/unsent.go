package stream

import (
	"net/netip"
	"time"
)

const (
	// unsentLength is how many frames are kept that did not leave. What is
	// older than they are comes too late to be played anywhere.
	unsentLength = 3
	// unsentAge is how old a kept frame may be when it goes out after all: the
	// peer's buffer has at most about this much patience.
	unsentAge = 60 * time.Millisecond
)

// unsent keeps the last frames, encoded but not yet any path's packets: all
// that did not leave because the path was dead, and the last one that did, which
// may have died with it.
type unsent struct {
	ring [unsentLength]kept
	n    int // kept since the last that left; the newest is ring[(n-1)%unsentLength]
}

type kept struct {
	at   time.Time
	left bool
	out  *source // under which it had its number
	seq  uint16
	frame
}

// add notes a frame that left, or did not. What did not leave before one that
// did is of no more use: the path worked again by itself.
func (u *unsent) add(now time.Time, f *frame, out *source, seq uint16, left bool) {
	if left || u.n > 0 && u.ring[(u.n-1)%unsentLength].left {
		u.n = 0
	}
	k := &u.ring[u.n%unsentLength]
	u.n++
	k.at, k.left, k.out, k.seq = now, left, out, seq
	k.ts, k.pt, k.marker, k.size = f.ts, f.pt, f.marker, f.size
	copy(k.payload[:], f.payload[:f.size])
}

// take returns what is to be sent on a new path, oldest first, and forgets it.
// again: the old path is dead, so the newest is sent even if it left there.
func (u *unsent) take(now time.Time, again bool) (out []kept) {
	for i := max(0, u.n-unsentLength); i < u.n; i++ {
		k := u.ring[i%unsentLength]
		if now.Sub(k.at) <= unsentAge && (again || !k.left) {
			out = append(out, k)
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
// died on its way. Under the same SSRC it keeps its sequence number, by which a
// peer that had it knows it (RFC 3550 A.1), and a peer that latches knows where
// we are.
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
	var late []kept
	if s.sends() && !p.closed {
		late = s.tx.unsent.take(now, dead)
	}
	l, to := p.sending, s.gate.target()
	for i := range late {
		if k := &late[i]; k.out != l.out {
			k.seq = l.out.next()
		}
	}
	s.mu.Unlock()
	for i := range late {
		s.sendLate(now, l, &late[i], to)
	}
	s.rouse()
}

// sendLate sends a kept frame.
func (s *Stream) sendLate(now time.Time, l *leg, k *kept, to netip.AddrPort) {
	var w wire
	size := w.write(&k.frame, l.out.ssrc, k.seq)
	err := l.sock.Send(w[:size], to)
	s.mu.Lock()
	h, ok := s.sent(now, l, size, err)
	s.mu.Unlock()
	s.tell(h, ok)
}
