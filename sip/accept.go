package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// theirInvite is an INVITE of the peer, the first or a re-INVITE.
type theirInvite struct {
	in      *inbound
	initial bool
	offer   []byte
	contact string
	acked   chan struct{} // closed when our 2xx was acknowledged
	expired chan struct{} // closed when no ACK came, or the transaction ended without a 2xx
	ack     sync.Once
	expire  sync.Once
	again   chan struct{} // capacity 1: the answer is to be sent now

	mu       sync.Mutex
	settled  bool   // a final answer was decided on
	answer   []byte // SDP of our 2xx
	reliable bool   // it asks for reliable provisional responses
	rel      reliably
}

func newTheirInvite(in *inbound, initial bool) *theirInvite {
	t := &theirInvite{in: in, initial: initial, contact: wire.ContactOf(in.req),
		acked: make(chan struct{}), expired: make(chan struct{}), again: make(chan struct{}, 1),
		reliable: wire.Lists(in.raw.All("Require"), "100rel")}
	if len(in.raw.Body) > 0 {
		t.offer = in.req.Body()
	}
	return t
}

// settle takes the right to give the final answer; it can be had once.
func (t *theirInvite) settle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.settled
	t.settled = true
	return !was
}

func (t *theirInvite) isSettled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settled
}

// repeat has the answer sent again now.
func (t *theirInvite) repeat() {
	select {
	case t.again <- struct{}{}:
	default:
	}
}

// say sets the SDP of our 2xx.
func (t *theirInvite) say(answer []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answer = answer
}

func (t *theirInvite) said() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answer
}

// incoming makes a call of an INVITE from outside of dialogs.
func (s *Stack) incoming(in *inbound) {
	from, err := wire.ParseAddress(valueOf(in, "From"))
	callID := valueOf(in, "Call-ID")
	contact := wire.ContactOf(in.req)
	user, _ := wire.ParseURI(in.req.Recipient.String())
	src := in.flow.remote().Addr()
	var old *Call
	var refusal *wire.Flaw
	if err == nil {
		old, refusal = s.replaced(in, s.asserted(in, from))
	}
	switch {
	case err != nil || contact == "":
		s.refuse(in, 400, "Bad Request: Contact")
		return
	case s.dialogs.merged(callID, in.raw.Tag("From")):
		s.refuse(in, 482, "Loop Detected")
		return
	case user.Scheme == "sips" && s.transport != locate.TLS: // somebody before us let it down (RFC 5630 5.3)
		s.refuse(in, 480, "Temporarily Unavailable", wire.Header{Name: "Warning", Value: `380 ramble "SIPS Not Allowed"`})
		return
	case src != s.o.Server.Addr.Addr() && user.User != "" && user.User != s.o.Account.AOR.User:
		s.refuse(in, 404, "Not Found")
		return
	case refusal != nil:
		s.refuse(in, refusal.Code, refusal.Reason)
		return
	case old == nil && s.dialogs.ringing() >= s.o.MaxCalls:
		s.refuse(in, 486, "Busy Here")
		return
	}
	c := newCall(s.o.Account, s.o.Auth)
	c.first, c.secure = newTheirInvite(in, true), user.Scheme == "sips"
	c.dialogs, c.stack, c.state, c.peer, c.theirs = s.dialogs, s, ringing, s.asserted(in, from), c.first
	c.d = dialog{callID: callID, localTag: wire.RandomToken(), remoteTag: in.raw.Tag("From"),
		local: withoutTag(valueOf(in, "To")), remote: withoutTag(valueOf(in, "From")),
		remoteSeq: in.req.CSeq().SeqNo, target: contact, routes: in.raw.All("Record-Route")}
	c.d.viaServer = s.serves(c.d.firstHop())
	c.note(in.req, in.req.Source())
	in.onCancel(c.onCancel)
	s.dialogs.add(c, s.now())
	s.emit(Incoming{Call: c, Stack: s, Replaces: old})
}

// asserted is who the server says the caller is (RFC 3325 5): its word counts
// more than the caller's own. From anybody else it is not heard.
func (s *Stack) asserted(in *inbound, from wire.Address) wire.Address {
	if !s.o.Server.Addr.IsValid() || in.flow.remote().Addr() != s.o.Server.Addr.Addr() {
		return from
	}
	for _, v := range wire.SplitList(valueOf(in, "P-Asserted-Identity"), ',') {
		a, err := wire.ParseAddress(v)
		if err != nil {
			continue
		}
		if u, err := wire.ParseURI(a.URI); err == nil {
			return wire.Address{Name: cmp.Or(a.Name, from.Name), URI: u.Bare()}
		}
	}
	return from
}

func valueOf(in *inbound, name string) string {
	v, _ := in.raw.Get(name)
	return v
}

// withoutTag is a From or To as it goes into our requests.
func withoutTag(v string) string {
	a, err := wire.ParseAddress(v)
	if err != nil {
		return v
	}
	out := "<" + a.URI + ">"
	if a.Name != "" {
		out = wire.Quote(a.Name) + " " + out
	}
	return out
}

// Ring sends a provisional response, 180 or another 1xx, to the caller.
func (c *Call) Ring(_ context.Context, code int) error {
	t, err := c.waiting()
	if err != nil {
		return err
	}
	if code <= 100 || code > 199 {
		return fmt.Errorf("%w: %d is not provisional", ErrWrongState, code)
	}
	reason := "Ringing"
	if code != 180 {
		reason = "Session Progress"
	}
	if t.reliable {
		return c.ringReliably(t, code, reason)
	}
	return c.respond(t, code, reason, nil)
}

// Accept answers the call with 200 and repeats that until the caller's ACK,
// for 32 s at most, on whatever stack the call is by then (RFC 3261 13.3.1.4).
// It returns when the ACK came. Without one the call is hung up and the error
// is ErrTimeout. When the INVITE brought no offer, answer is ours, and the
// caller's answer comes as Answered.
func (c *Call) Accept(ctx context.Context, answer []byte) error {
	t, err := c.waiting()
	if err != nil {
		return err
	}
	if len(answer) == 0 {
		return fmt.Errorf("%w: an answer carries SDP", ErrWrongState)
	}
	if !t.settle() {
		return fmt.Errorf("%w: it was answered already", ErrWrongState)
	}
	c.mu.Lock()
	if c.state != ringing {
		c.mu.Unlock()
		return ErrEnded
	}
	c.state, c.wasUp = up, true
	c.mu.Unlock()
	t.say(answer)
	err = c.untilACK(ctx, t, func() error { return c.respond(t, 200, "OK", t.said()) })
	if errors.Is(err, ErrTimeout) && ctx.Err() == nil {
		byeCtx, cancel := context.WithTimeout(ctx, settleTime)
		defer cancel()
		err = errors.Join(err, c.Bye(byeCtx))
		c.end()
	}
	return err
}

// Reject refuses the call with a final code of 300 or more.
func (c *Call) Reject(ctx context.Context, code int, reason string) error {
	t, err := c.waiting()
	if err != nil {
		return err
	}
	if code < 300 || code > 699 {
		return fmt.Errorf("%w: %d does not refuse", ErrWrongState, code)
	}
	if !t.settle() {
		return fmt.Errorf("%w: it was answered already", ErrWrongState)
	}
	send := func() error { return c.respond(t, code, reason, nil) }
	if t.in.st.isClosed() {
		// Its transaction went with the stack, which would have repeated this.
		err = c.untilACK(ctx, t, send)
	} else {
		err = send()
	}
	c.end()
	return err
}

// waiting returns the INVITE that waits for an answer.
func (c *Call) waiting() (*theirInvite, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ringing {
		return c.theirs, nil
	}
	if c.state == ended {
		return nil, ErrEnded
	}
	return nil, fmt.Errorf("%w: it does not ring here", ErrWrongState)
}

// respond answers an INVITE or UPDATE of the peer: by its own transaction, or,
// where that went with its stack, by the call's present one, to where the
// request came from.
func (c *Call) respond(t *theirInvite, code int, reason string, body []byte, headers ...wire.Header) error {
	st := c.Stack()
	if code > 100 && code < 300 {
		headers = append(c.capabilities(st), headers...)
	}
	res := t.in.response(code, reason, c.d.localTag, body, headers...)
	if !t.in.st.isClosed() {
		if err := t.in.tx.Respond(res); err != nil && !errors.Is(err, sipgo.ErrTransactionTerminated) {
			return t.in.st.sendFailure(err)
		}
		return nil
	}
	if st == t.in.st {
		return ErrStackClosed
	}
	ctx, cancel := context.WithTimeout(st.ctx, settleTime)
	defer cancel()
	f, err := c.flowBack(ctx, st, t)
	if err != nil {
		return err
	}
	return st.write(f, res)
}

// flowBack is where responses go after the stack that brought the request is
// gone (RFC 3261 18.2.2).
func (c *Call) flowBack(ctx context.Context, st *Stack, t *theirInvite) (flow, error) {
	if t.in.flow.remote().Addr() == t.in.st.o.Server.Addr.Addr() {
		return st.serverFlow()
	}
	return st.flowTo(ctx, t.in.flow.remote(), "")
}

// untilACK sends a final response until it is acknowledged. A send that fails
// is not the end: the call may be about to move.
func (c *Call) untilACK(ctx context.Context, t *theirInvite, send func() error) error {
	giveUp := time.NewTimer(64 * t1)
	defer giveUp.Stop()
	wait := t1
	again := time.NewTimer(wait)
	defer again.Stop()
	for {
		err := send()
		select {
		case <-t.acked:
			return nil
		case <-c.Over():
			return ErrEnded
		case <-again.C:
			wait = min(2*wait, t2)
			again.Reset(wait)
		case <-t.again: // on another path, or with another address
			wait = t1
			again.Reset(wait)
		case <-giveUp.C:
			t.expire.Do(func() { close(t.expired) })
			return errors.Join(fmt.Errorf("%w: the answer was not acknowledged", ErrTimeout), err)
		case <-ctx.Done():
			t.expire.Do(func() { close(t.expired) })
			return contextError(ctx)
		}
	}
}

// Reanswer has our answer to the peer's INVITE carry other SDP from now on, and
// sends it at once: the address in it went away before the peer acknowledged.
// It reports false when no answer waits for its ACK. A peer that has the first
// answer takes this one for its repetition, so a refresh should follow.
func (c *Call) Reanswer(answer []byte) bool {
	c.mu.Lock()
	t := c.theirs
	c.mu.Unlock()
	if t == nil || t.said() == nil {
		return false
	}
	select {
	case <-t.acked:
		return false
	default:
	}
	t.say(answer)
	t.repeat()
	return true
}

// Acknowledged is closed once the peer has acknowledged our last answer to an
// INVITE of its, or will not any more; nil: there is none.
func (c *Call) Acknowledged() <-chan struct{} {
	c.mu.Lock()
	t := c.theirs
	c.mu.Unlock()
	if t == nil {
		return nil
	}
	return t.acked
}

// onACK takes the ACK to a 2xx of ours.
func (c *Call) onACK(in *inbound) {
	c.mu.Lock()
	t := c.theirs
	c.mu.Unlock()
	if t == nil || t.in.req.CSeq().SeqNo != in.req.CSeq().SeqNo || !t.isSettled() {
		return
	}
	t.ack.Do(func() {
		close(t.acked)
		if t.offer == nil && len(in.req.Body()) > 0 {
			kind, _, _ := strings.Cut(valueOf(in, "Content-Type"), ";")
			if strings.EqualFold(strings.TrimSpace(kind), "application/sdp") {
				in.st.emit(Answered{Call: c, SDP: in.req.Body()})
			}
		}
	})
}

// onCancel ends a call that the caller gave up before the answer.
func (c *Call) onCancel(in *inbound) {
	c.mu.Lock()
	t, waits := c.theirs, c.state == ringing
	c.mu.Unlock()
	if !waits || !t.settle() {
		return // answered already: the CANCEL has no effect (RFC 3261 9.2)
	}
	if err := c.respond(t, 487, "Request Terminated", nil); err != nil {
		in.st.log.Debug("ending a cancelled INVITE", "err", err)
	}
	code, reason := reasonOf(in, 487)
	if c.end() {
		in.st.emit(Ended{Call: c, Code: code, Reason: reason, Cancelled: true})
	}
}
