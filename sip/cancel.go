package sip

import (
	"context"
	"errors"
	"fmt"

	sipgo "github.com/emiago/sipgo/sip"
)

// Cancel gives up an outgoing call that is not answered; Invite then returns
// ErrCancelled. It waits for a provisional response first, as RFC 3261 9.1
// asks, and returns when the INVITE has ended.
//
// After Invite or Modify failed with ErrStackClosed and the call was moved, the
// server may still hold the INVITE: Cancel then sends the CANCEL by the present
// stack with the old Via and CSeq. A *ResponseError with 481 says that the
// server had nothing to cancel, perhaps because the INVITE was answered.
func (c *Call) Cancel(ctx context.Context) error {
	c.mu.Lock()
	if c.state == calling || c.state == idle {
		c.cancelled = true
	}
	o, st := c.ours, c.stack
	c.mu.Unlock()
	if o == nil {
		return nil // not sent, or finally answered
	}
	select {
	case <-o.done:
	case <-o.heard:
	case <-ctx.Done():
		o.fail(ErrCancelled) // a 2xx that still comes is hung up by lateAnswer
		return contextError(ctx)
	}
	select {
	case <-o.done:
	default:
		return c.cancelLive(ctx, o)
	}
	if o.isFinal() {
		return nil
	}
	if st == nil || st.isClosed() {
		return ErrStackClosed
	}
	f, err := st.sameHop(ctx, o)
	if err != nil {
		return err
	}
	res, err := st.exchange(ctx, cancelOf(o.req), f, nil)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.ours == o {
		c.ours = nil
	}
	c.mu.Unlock()
	if !res.IsSuccess() {
		return failure("CANCEL", res)
	}
	return nil
}

// sameHop is the next hop that an INVITE went to, from this stack: the server
// at whatever address it has here, or the peer itself (RFC 3261 9.1).
func (s *Stack) sameHop(ctx context.Context, o *ourInvite) (flow, error) {
	if s.o.Server.Addr.IsValid() && o.flow.remote() == o.st.o.Server.Addr {
		return s.serverFlow()
	}
	return s.flowTo(ctx, o.flow.remote(), "")
}

// Unfinished says whether an INVITE of ours ended here without a final answer,
// because its path went or it took too long, so that the server may still hold
// it; Settle ends that.
func (c *Call) Unfinished() bool {
	c.mu.Lock()
	o := c.ours
	c.mu.Unlock()
	if o == nil || o.isFinal() {
		return false
	}
	select {
	case <-o.done:
	default:
		return false
	}
	select {
	case <-o.heard:
		return true
	default:
		return o.st.isClosed()
	}
}

// Settle clears an unfinished re-INVITE away, on the present stack, so that
// another can follow (RFC 6141 5.5): a CANCEL with the Via and number of before
// to the same next hop, and, where it may have been answered, the ACK that its
// 2xx never got; without one the peer would hang up (RFC 3261 14.2). The error
// is that of the CANCEL, and no reason to wait with the next INVITE.
func (c *Call) Settle(ctx context.Context) error {
	if !c.Unfinished() {
		return nil
	}
	c.mu.Lock()
	o, st, d, wasUp := c.ours, c.stack, c.d, c.state == up
	c.mu.Unlock()
	err := c.Cancel(ctx)
	if wasUp && st != nil && !st.isClosed() {
		err = errors.Join(err, c.ack(st, d, o.req.CSeq().SeqNo))
	}
	c.mu.Lock()
	if c.ours == o {
		c.ours = nil
	}
	c.mu.Unlock()
	return err
}

// Abandon is Cancel for an INVITE whose path went: where it made phones ring,
// one of which may have answered unheard, they get a BYE as well (RFC 3261 15
// allows the caller that). The call is over.
func (c *Call) Abandon(ctx context.Context) error {
	dead := c.Unfinished()
	err := c.Cancel(ctx)
	var response *ResponseError
	if err == nil || errors.As(err, &response) {
		c.end()
	}
	if dead {
		c.HangUpForks(ctx)
	}
	return err
}

// HangUpForks sends a BYE, by the present stack, to every phone that a lost
// INVITE made ring: one may have answered unheard. What they say is not told.
func (c *Call) HangUpForks(ctx context.Context) {
	c.mu.Lock()
	st := c.stack
	var ringing []dialog
	for _, e := range c.earlies {
		d := e.d
		c.d.seq++
		d.seq = c.d.seq
		ringing = append(ringing, d)
	}
	c.mu.Unlock()
	if st == nil || st.isClosed() {
		return
	}
	for _, d := range ringing {
		c.hangUp(ctx, st, d)
	}
}

// cancelLive cancels an INVITE that is in progress on its own stack.
func (c *Call) cancelLive(ctx context.Context, o *ourInvite) error {
	res, err := o.st.exchange(ctx, cancelOf(o.req), o.flow, nil)
	if err == nil && !res.IsSuccess() {
		err = failure("CANCEL", res)
	}
	if err == nil {
		wait, cancel := context.WithTimeout(ctx, settleTime)
		defer cancel()
		select {
		case <-o.done:
			return nil
		case <-wait.Done():
		}
	}
	// No 487 came: consider it cancelled (RFC 3261 9.1).
	o.fail(ErrCancelled)
	if err != nil {
		return fmt.Errorf("cancelling: %w", err)
	}
	return nil
}

// cancelOf makes the CANCEL of an INVITE: its Via, its number, its way.
func cancelOf(invite *sipgo.Request) *sipgo.Request {
	req := sipgo.NewRequest(sipgo.CANCEL, invite.Recipient)
	req.SetTransport(invite.Transport())
	req.AppendHeader(sipgo.HeaderClone(invite.Via()))
	sipgo.CopyHeaders("Route", invite, req)
	maxForwards := sipgo.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(sipgo.HeaderClone(invite.From()))
	req.AppendHeader(sipgo.HeaderClone(invite.To()))
	req.AppendHeader(sipgo.HeaderClone(invite.CallID()))
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sipgo.CANCEL})
	req.SetBody(nil)
	return req
}
