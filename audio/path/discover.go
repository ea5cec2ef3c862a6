package path

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"ramble/internal/leaf/stun"
)

// Waits of Discover for an answer, before it asks again.
const (
	firstAnswer = 100 * time.Millisecond
	laterAnswer = 200 * time.Millisecond
)

// Discover asks a STUN server (RFC 8489) under which addresses the pair is seen,
// until both answers are there or ctx ends; Announced says them from then on.
// It reads the sockets, and drops what else arrives, so it comes before anybody
// else reads them. Without an answer, or with one that nobody can have or that
// would give up a public address for a private one, nothing changes.
func (s *Socket) Discover(ctx context.Context, server netip.AddrPort) error {
	halves := []*half{{conn: &s.rtp}, {conn: &s.rtcp}}
	for _, h := range halves {
		h.id = stun.NewID()
		defer func() { _ = h.conn.raw.SetReadDeadline(time.Time{}) }()
	}
	last := stun.ErrNoAnswer
	for wait := firstAnswer; ctx.Err() == nil; wait = laterAnswer {
		until := time.Now().Add(wait)
		if end, ok := ctx.Deadline(); ok && end.Before(until) {
			until = end
		}
		for _, h := range halves {
			if !h.over {
				if err := h.conn.send(stun.Request(h.id), server); err != nil {
					return err
				}
			}
		}
		over := true
		for _, h := range halves {
			if err := h.hear(server, until); err != nil {
				last = err
			}
			over = over && h.over
		}
		if over {
			break
		}
	}
	if !halves[0].at.IsValid() {
		return last
	}
	s.Announce(Seen{halves[0].at, halves[1].at})
	return nil
}

// Seen are the addresses at which a STUN server sees a pair. The zero RTCP
// address is unknown.
type Seen struct{ RTP, RTCP netip.AddrPort }

// Announced are the addresses for a description of ours: those last announced,
// or the local ones. The zero RTCP address is unknown.
func (s *Socket) Announced() (rtp, rtcp netip.AddrPort) {
	if s.seen.RTP.IsValid() {
		return s.seen.RTP, s.seen.RTCP
	}
	return s.RTP(), s.RTCP()
}

// Announce has Announced say what a STUN server sees. Where RTP stays and RTCP is
// unknown, that stays too: an answer got lost. The two belong to who describes
// the pair; no other goroutine calls them.
func (s *Socket) Announce(seen Seen) {
	if seen.RTP == s.seen.RTP && !seen.RTCP.IsValid() {
		return
	}
	s.seen = seen
}

// asking is a question to a STUN server that is out.
type asking struct{ rtp, rtcp *stun.Client }

// Ask asks a STUN server where a pair that is in use is seen now, until the
// answer is there or ctx ends. Whoever reads the pair shows TakeSTUN what
// comes. What is announced stays. It may wait; one Ask at a time.
//
// Errors are those of stun.Client.Mapped for the RTP half, and stun.ErrNoAddress
// for an address that is not believable. Without an answer to the RTCP half,
// which comes after, its address is unknown.
func (s *Socket) Ask(ctx context.Context, server netip.AddrPort) (Seen, error) {
	a := &asking{
		rtp:  stun.NewClient(server, func(b []byte) error { return s.Send(b, server) }),
		rtcp: stun.NewClient(server, func(b []byte) error { return s.SendRTCP(b, server) }),
	}
	s.asking.Store(a)
	defer s.asking.CompareAndSwap(a, nil)
	at, err := a.rtp.Mapped(ctx)
	switch {
	case err != nil:
		return Seen{}, err
	case !stun.Believable(s.RTP().Addr(), at.Addr()):
		return Seen{}, stun.ErrNoAddress
	}
	seen := Seen{RTP: at}
	ctx, cancel := context.WithTimeout(ctx, laterAnswer)
	defer cancel()
	if at, err = a.rtcp.Mapped(ctx); err == nil && stun.Believable(s.RTCP().Addr(), at.Addr()) {
		seen.RTCP = at
	}
	return seen, nil
}

// TakeSTUN is shown a datagram that is STUN by its first byte (RFC 7983), from
// either half. It reports whether that answers the Ask that is out; if not, it
// is a stranger's. It never waits.
func (s *Socket) TakeSTUN(b []byte, from netip.AddrPort) bool {
	a := s.asking.Load()
	return a != nil && (a.rtp.Receive(b, from) || a.rtcp.Receive(b, from))
}

// half is one socket of a pair and what is known of it.
type half struct {
	conn *conn
	id   stun.ID
	at   netip.AddrPort
	over bool // answered, or broken
}

// hear waits for the answer until then.
func (h *half) hear(server netip.AddrPort, until time.Time) error {
	if h.over {
		return nil
	}
	if err := h.conn.raw.SetReadDeadline(until); err != nil {
		return err
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := h.conn.read(buf)
		var timeout interface{ Timeout() bool }
		switch {
		case err != nil && errors.As(err, &timeout) && timeout.Timeout():
			return stun.ErrNoAnswer
		case err != nil:
			h.over = true
			return err
		case from != server:
			continue
		}
		at, err := stun.Parse(buf[:n], h.id)
		if errors.Is(err, stun.ErrNotOurs) {
			continue
		}
		h.over = true
		if err == nil && stun.Believable(h.conn.local.Addr(), at.Addr()) {
			h.at = at
		}
		return err
	}
}
