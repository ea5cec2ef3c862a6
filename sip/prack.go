package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// Reliable provisional responses (RFC 3262) and what they allow: an UPDATE in a
// dialog that is not answered yet (RFC 3311).

// maxEarly bounds the early dialogs of one INVITE; a proxy forks to a few phones.
const maxEarly = 8

// early is an early dialog that our INVITE made (RFC 3261 12.1.2), one per fork.
type early struct {
	d        dialog // target and routes as the response had them; its seq is not used
	rseq     uint32 // of the last reliable response taken in (RFC 3262 4); 0: none
	answered bool   // our offer was answered reliably: an UPDATE may make another
}

// earlyOf finds or makes the early dialog of a response; nil when there are too
// many. The caller holds mu.
func (c *Call) earlyOf(st *Stack, res *sipgo.Response) *early {
	tag := wire.TagOf(res.To().Params)
	for _, e := range c.earlies {
		if e.d.remoteTag == tag {
			if contact := wire.ContactOf(res); contact != "" {
				e.d.target = contact
			}
			return e
		}
	}
	if len(c.earlies) >= maxEarly {
		return nil
	}
	e := &early{d: c.d.confirmed(st, res)}
	c.earlies = append(c.earlies, e)
	return e
}

// changeable is the early dialog in which the session may be changed; nil when
// there is none, or the call is answered. The caller holds mu.
func (c *Call) changeable() *early {
	if c.state != calling || len(c.earlies) == 0 {
		return nil
	}
	for _, e := range c.earlies {
		if e.answered && e.d.remoteTag == c.d.remoteTag {
			return e
		}
	}
	return nil
}

// EarlyUpdate says whether Modify may send an UPDATE although the call is not
// answered: our offer was answered by a reliable provisional response, and the
// peer allows UPDATE (RFC 3311 5.1).
func (c *Call) EarlyUpdate() bool {
	c.mu.Lock()
	e := c.changeable()
	c.mu.Unlock()
	return e != nil && c.PeerAllows("UPDATE")
}

// reliable reads the number of a provisional response that wants to be
// acknowledged; 0: it does not.
func reliable(res *sipgo.Response) uint32 {
	if !wire.Lists(wire.Values(res, "Require"), "100rel") {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(wire.Value(res, "RSeq")), 10, 32)
	if err != nil || n > wire.MaxCSeq {
		return 0
	}
	return uint32(n)
}

// takeReliable acknowledges a reliable provisional response. It reports false
// for one that came before, or out of order: its content is not to be used
// (RFC 3262 4). The caller holds mu.
func (c *Call) takeReliable(st *Stack, e *early, res *sipgo.Response) bool {
	rseq := reliable(res)
	switch {
	case rseq == 0:
		return true
	case e == nil, e.rseq != 0 && rseq != e.rseq+1:
		return false
	}
	e.rseq = rseq
	e.answered = e.answered || len(res.Body()) > 0
	d, cseq := e.d, res.CSeq().SeqNo
	st.spawn("sip prack", func() { c.prack(st, d, rseq, cseq) })
	return true
}

// prack sends the PRACK, on the stack that the INVITE is on.
func (c *Call) prack(st *Stack, d dialog, rseq, cseq uint32) {
	ctx, cancel := context.WithTimeout(st.ctx, 64*t1)
	defer cancel()
	f, sc, err := c.wayOf(ctx, st, d)
	if err != nil {
		st.log.Info("acknowledging a provisional response", "err", err)
		return
	}
	s := sender{st: st, auth: c.auth, flow: f, scope: sc,
		build: func() (*sipgo.Request, error) {
			c.mu.Lock()
			c.d.seq++
			dr := d.draft("PRACK", c.d.seq)
			c.mu.Unlock()
			dr.Headers = []wire.Header{{Name: "RAck", Value: fmt.Sprintf("%d %d INVITE", rseq, cseq)}}
			return st.build(dr)
		}}
	if _, _, err := s.run(ctx); err != nil {
		st.log.Info("acknowledging a provisional response", "err", err)
	}
}

// reliably is what an INVITE of the peer needs that asks for reliable
// provisional responses. It is guarded by theirInvite.mu.
type reliably struct {
	rseq    uint32        // of the last one sent; 0: none
	pracked chan struct{} // closed when it was acknowledged
}

// ringReliably sends a provisional response until its PRACK comes (RFC 3262 3).
func (c *Call) ringReliably(t *theirInvite, code int, reason string) error {
	if t.offer == nil {
		return nil // it would have to carry an offer of ours; the 100 must do
	}
	t.mu.Lock()
	if t.rel.rseq != 0 {
		select {
		case <-t.rel.pracked:
		default:
			t.mu.Unlock()
			return nil // no second one before the PRACK of the first
		}
	}
	if t.rel.rseq == 0 {
		t.rel.rseq = uint32(rand.Int32N(1<<30)) + 1
	} else {
		t.rel.rseq++
	}
	pracked := make(chan struct{})
	t.rel.pracked = pracked
	numbered := []wire.Header{{Name: "Require", Value: "100rel"}, {Name: "RSeq", Value: strconv.Itoa(int(t.rel.rseq))}}
	t.mu.Unlock()
	send := func() error { return c.respond(t, code, reason, nil, numbered...) }
	st := t.in.st
	st.spawn("sip reliable ringing", func() { c.untilPRACK(t, pracked, send) })
	return send()
}

// untilPRACK repeats a provisional response. Without a PRACK for 64*T1 the
// INVITE is refused (RFC 3262 3).
func (c *Call) untilPRACK(t *theirInvite, pracked chan struct{}, send func() error) {
	limit := time.NewTimer(64 * t1)
	defer limit.Stop()
	wait := t1
	again := time.NewTimer(wait)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			if t.isSettled() {
				return
			}
			if err := send(); err != nil {
				t.in.st.log.Debug("repeating a provisional response", "err", err)
			}
			wait *= 2
			again.Reset(wait)
		case <-limit.C:
			if t.settle() {
				_ = c.respond(t, 504, "Server Time-out", nil)
				if c.end() {
					t.in.st.emit(Ended{Call: c, Code: 504, Reason: "the caller did not confirm that it heard the ringing", Cancelled: true})
				}
			}
			return
		case <-pracked:
			return
		case <-c.Over():
			return
		case <-t.in.st.ctx.Done():
			return
		}
	}
}

// onPrack takes a PRACK (RFC 3262 3).
func (c *Call) onPrack(in *inbound) {
	if !c.newer(in) {
		return
	}
	c.mu.Lock()
	t := c.theirs
	c.mu.Unlock()
	if t == nil || !t.acknowledgedBy(valueOf(in, "RAck")) {
		in.st.refuse(in, 481, "Call/Transaction Does Not Exist")
		return
	}
	if len(in.raw.Body) > 0 { // their offer is still unanswered: there is none to make
		in.st.refuse(in, 488, "Not Acceptable Here")
		return
	}
	in.st.refuse(in, 200, "OK")
}

// acknowledgedBy compares a RAck with the provisional response that waits.
func (t *theirInvite) acknowledgedBy(rack string) bool {
	part := strings.Fields(rack)
	if len(part) != 3 || !strings.EqualFold(part[2], "INVITE") {
		return false
	}
	rseq, err1 := strconv.ParseUint(part[0], 10, 32)
	cseq, err2 := strconv.ParseUint(part[1], 10, 32)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err1 != nil || err2 != nil || t.rel.rseq == 0 || uint32(rseq) != t.rel.rseq || uint32(cseq) != t.in.req.CSeq().SeqNo {
		return false
	}
	select {
	case <-t.rel.pracked:
		return false // answered already
	default:
		close(t.rel.pracked)
		return true
	}
}
