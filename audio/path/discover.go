package path

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
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
func (t *Transport) Discover(ctx context.Context, server netip.AddrPort) error {
	halves := []*half{{conn: t.rtp}, {conn: t.rtcp}}
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
	t.Announce(Seen{halves[0].at, halves[1].at})
	return nil
}

// Seen are the addresses at which a STUN server sees a pair. The zero RTCP
// address is unknown.
type Seen struct{ RTP, RTCP netip.AddrPort }

// Description is what a description of ours says about a Transport.
type Description struct {
	RTP, RTCP netip.AddrPort // the zero RTCP address is unknown
	Mux       bool           // both can share the port of RTP (RFC 5761)
}

// Announced describes the pair: by the addresses last announced, or the local
// ones.
func (t *Transport) Announced() Description {
	if t.seen.RTP.IsValid() {
		return Description{t.seen.RTP, t.seen.RTCP, true}
	}
	return Description{t.RTP(), t.RTCP(), true}
}

// Announce has Announced say what a STUN server sees. Where RTP stays and RTCP is
// unknown, that stays too: an answer got lost. The two belong to who describes
// the pair; no other goroutine calls them.
func (t *Transport) Announce(seen Seen) {
	if seen.RTP == t.seen.RTP && !seen.RTCP.IsValid() {
		return
	}
	t.seen = seen
}

// asker is the stage in which answers of a STUN server arrive.
type asker struct{ out atomic.Pointer[asking] }

// asking is a question to a STUN server that is out.
type asking struct{ rtp, rtcp *stun.Client }

// take is shown what is STUN by its first byte (RFC 7983), from either half. It
// reports whether that answers the question that is out; if not, it is a
// stranger's. It never waits.
func (a *asker) take(b []byte, from netip.AddrPort) bool {
	q := a.out.Load()
	return q != nil && (q.rtp.Receive(b, from) || q.rtcp.Receive(b, from))
}

// Ask asks a STUN server where a pair that is in use is seen now, until the
// answer is there or ctx ends. Whoever reads the pair hands Receive what comes.
// What is announced stays. It may wait; one Ask at a time.
//
// Errors are those of stun.Client.Mapped for the RTP half, and stun.ErrNoAddress
// for an address that is not believable. Without an answer to the RTCP half,
// which comes after, its address is unknown.
func (t *Transport) Ask(ctx context.Context, server netip.AddrPort) (Seen, error) {
	a := &asking{
		rtp:  stun.NewClient(server, func(b []byte) error { return t.rtp.send(b, server) }),
		rtcp: stun.NewClient(server, func(b []byte) error { return t.rtcp.send(b, server) }),
	}
	t.asker.out.Store(a)
	defer t.asker.out.CompareAndSwap(a, nil)
	at, err := a.rtp.Mapped(ctx)
	switch {
	case err != nil:
		return Seen{}, err
	case !stun.Believable(t.RTP().Addr(), at.Addr()):
		return Seen{}, stun.ErrNoAddress
	}
	seen := Seen{RTP: at}
	ctx, cancel := context.WithTimeout(ctx, laterAnswer)
	defer cancel()
	if at, err = a.rtcp.Mapped(ctx); err == nil && stun.Believable(t.RTCP().Addr(), at.Addr()) {
		seen.RTCP = at
	}
	return seen, nil
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
