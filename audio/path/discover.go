package path

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"ramble/internal/stun"
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
	s.seenRTP, s.seenRTCP = halves[0].at, halves[1].at
	return nil
}

// Announced are the addresses for a description of ours: those that Discover
// found, or the local ones. The zero RTCP address is unknown.
func (s *Socket) Announced() (rtp, rtcp netip.AddrPort) {
	if s.seenRTP.IsValid() {
		return s.seenRTP, s.seenRTCP
	}
	return s.RTP(), s.RTCP()
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
