package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// Method is how Modify asks.
type Method int

// The ways to change a session.
const (
	Reinvite Method = iota // RFC 3261 14
	Update                 // RFC 3311; ask PeerAllows first
)

func (m Method) String() string { return [...]string{"INVITE", "UPDATE"}[m] }

// offerPatience is how long the engine may think about an offer of the peer.
const offerPatience = 30 * time.Second

// Modify offers a changed session: a hold, a new media address, or just the
// Contact of the stack that the call moved to. It blocks until the final
// answer and acknowledges a 2xx. One at a time: a second Modify waits. While an
// offer of the peer is unanswered it fails with a 491 of our own, the same as
// the peer would give. In a call that is not answered yet, an UPDATE may go out
// where EarlyUpdate says so. Errors are those of Invite; whatever they are, the call
// lives on (a 481 or 408 does not end it, unlike RFC 3261 12.2.1.2: what
// becomes of the call is for the caller to decide).
func (c *Call) Modify(ctx context.Context, method Method, offer []byte) (Answer, error) {
	if len(offer) == 0 {
		return Answer{}, fmt.Errorf("%w: a re-INVITE or UPDATE of ours carries an offer", ErrWrongState)
	}
	select {
	case c.sem <- struct{}{}:
	case <-c.Over():
		return Answer{}, ErrEnded
	case <-ctx.Done():
		return Answer{}, contextError(ctx)
	}
	defer func() { <-c.sem }()
	if err := c.mayOffer(method); err != nil {
		return Answer{}, err
	}
	defer c.offerDone()
	// The peer hanging up ends the wait.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.life, func() { cancel(ErrEnded) })()
	st := c.Stack()
	f, sc, err := c.way(ctx, st)
	if err != nil {
		return Answer{}, err
	}
	c.ackAgain(st)
	s := sender{st: st, auth: c.auth, flow: f, scope: sc,
		build: func() (*sipgo.Request, error) { return c.build(st, method.String(), offer) }}
	if method == Reinvite {
		s.start = func(ctx context.Context, req *sipgo.Request) (*sipgo.Response, error) {
			return c.runInvite(ctx, st, f, req, nil)
		}
	}
	res, req, err := s.run(ctx)
	c.noteChallenge(s.rounds)
	if err != nil {
		return Answer{}, err
	}
	if !res.IsSuccess() {
		return Answer{}, failure(method.String(), res)
	}
	c.mu.Lock()
	c.note(res, res.Source())
	t := c.theirs
	c.mu.Unlock()
	if t != nil && t.isSettled() {
		t.ack.Do(func() { close(t.acked) }) // a lost ACK: it would not take ours before its own was over
	}
	c.retarget(st, wire.ContactOf(res))
	c.offerDone() // before the peer can have the ACK and offer in its turn
	if method == Reinvite {
		c.mu.Lock()
		d := c.d
		c.mu.Unlock()
		if err := c.ack(st, d, req.CSeq().SeqNo); err != nil {
			st.log.Info("sending the ACK", "err", err)
		}
	}
	return Answer{Code: res.StatusCode, SDP: bodyOf(res), RoundTrips: s.rounds}, nil
}

// ackAgain repeats, on the first request by another stack, the ACK that may
// have died with the one before: without it the peer hangs up (RFC 3261 14.2).
func (c *Call) ackAgain(st *Stack) {
	c.mu.Lock()
	on, seq, d := c.acked.on, c.acked.seq, c.d
	c.mu.Unlock()
	if on == nil || on == st || !on.isClosed() {
		return
	}
	if err := c.ack(st, d, seq); err != nil {
		st.log.Debug("repeating an ACK", "err", err)
	}
}

// mayOffer claims the right to offer (RFC 3261 14.1, RFC 3311 5.1).
func (c *Call) mayOffer(method Method) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ended {
		return ErrEnded
	}
	if c.state != up && (method != Update || c.changeable() == nil) {
		return fmt.Errorf("%w: it is not up", ErrWrongState)
	}
	if c.offers.theirs || (c.theirs != nil && !c.theirs.isSettled()) {
		return &ResponseError{Method: "INVITE", Code: 491, Reason: "an offer of the peer waits for our answer"}
	}
	c.offers.ours = true
	return nil
}

func (c *Call) offerDone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offers.ours = false
}

// glare says how to refuse an offer that crosses another, 0 when none does.
// The caller holds mu.
func (c *Call) glare() int {
	switch {
	case c.offers.ours:
		return 491 // RFC 3261 14.2
	case c.state == ringing, c.state == calling && c.changeable() == nil, c.offers.theirs,
		c.theirs != nil && !c.theirs.isSettled():
		return 500 // with Retry-After
	}
	return 0
}

func (c *Call) refuseGlare(in *inbound, code int) {
	if code == 491 {
		in.st.refuse(in, 491, "Request Pending")
		return
	}
	in.st.refuse(in, 500, "Server Internal Error", wire.Header{Name: "Retry-After", Value: strconv.Itoa(rand.IntN(11))})
}

// onInvite takes a re-INVITE.
func (c *Call) onInvite(in *inbound) {
	if !c.newer(in) {
		return
	}
	t := newTheirInvite(in, false)
	c.mu.Lock()
	code := c.glare()
	old := c.theirs
	if code == 0 {
		c.theirs = t
		c.note(in.req, in.req.Source())
	}
	c.mu.Unlock()
	if code != 0 {
		c.refuseGlare(in, code)
		return
	}
	if old != nil {
		old.ack.Do(func() { close(old.acked) }) // a lost ACK: this proves that the 2xx came
	}
	in.onCancel(func(*inbound) {
		if t.settle() {
			if err := c.respond(t, 487, "Request Terminated", nil); err != nil {
				in.st.log.Debug("ending a cancelled re-INVITE", "err", err)
			}
		}
	})
	in.st.emit(Offered{Call: c, Offer: t.offer, offered: newOffered(c, t, false)})
}

// onUpdate takes an UPDATE; without an offer it only moves the target.
func (c *Call) onUpdate(in *inbound) {
	if !c.newer(in) {
		return
	}
	t := newTheirInvite(in, false)
	if t.offer == nil {
		c.mu.Lock()
		c.note(in.req, in.req.Source())
		c.mu.Unlock()
		if err := c.respond(t, 200, "OK", nil); err == nil {
			c.retarget(in.st, t.contact)
		}
		return
	}
	c.mu.Lock()
	code := c.glare()
	if code == 0 {
		c.offers.theirs = true
		c.note(in.req, in.req.Source())
	}
	c.mu.Unlock()
	if code != 0 {
		c.refuseGlare(in, code)
		return
	}
	in.st.emit(Offered{Call: c, Offer: t.offer, Update: true, offered: newOffered(c, t, true)})
}

// offered settles an offer of the peer. It is embedded in Offered.
type offered struct {
	c      *Call
	t      *theirInvite
	update bool
	timer  *time.Timer
	once   sync.Once
}

func newOffered(c *Call, t *theirInvite, update bool) *offered {
	o := &offered{c: c, t: t, update: update}
	o.timer = time.AfterFunc(offerPatience, func() { _ = o.Refuse(500) })
	return o
}

// done ends the time in which the offer counts as unanswered.
func (o *offered) done() {
	o.once.Do(func() {
		o.timer.Stop()
		if o.update {
			o.c.mu.Lock()
			o.c.offers.theirs = false
			o.c.mu.Unlock()
		}
	})
}

// Answer accepts the offer with SDP. For a re-INVITE it returns when the peer
// acknowledged (at most 32 s); the session changes when it is called, not when
// it returns. ErrCancelled: the peer took the offer back.
func (o *offered) Answer(ctx context.Context, answer []byte) error {
	if len(answer) == 0 {
		return fmt.Errorf("%w: an answer carries SDP", ErrWrongState)
	}
	if !o.t.settle() {
		return ErrCancelled
	}
	o.done() // before the peer can have the answer and offer again
	o.t.say(answer)
	send := func() error { return o.c.respond(o.t, 200, "OK", o.t.said()) }
	o.c.retarget(o.t.in.st, o.t.contact)
	if o.update {
		return send()
	}
	return o.c.untilACK(ctx, o.t, send)
}

// Refuse turns the offer down with a code of 300 or more, 488 for instance;
// the session stays as it was.
func (o *offered) Refuse(code int) error {
	if !o.t.settle() {
		return nil
	}
	o.done() // before the peer can have the answer and offer again
	if code < 300 || code > 699 {
		code = 488
	}
	return o.c.respond(o.t, code, refusals[code], nil)
}

// refusals are the phrases of codes that an offer is refused with.
var refusals = map[int]string{488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline"}
