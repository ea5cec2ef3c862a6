package sip

import (
	"context"
	"fmt"

	"github.com/emiago/sipgo/sip"
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
	f, err := st.serverFlow()
	if err != nil {
		if f, err = st.flowTo(ctx, o.flow.remote(), ""); err != nil {
			return err
		}
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
func cancelOf(invite *sip.Request) *sip.Request {
	req := sip.NewRequest(sip.CANCEL, invite.Recipient)
	req.SetTransport(invite.Transport())
	req.AppendHeader(sip.HeaderClone(invite.Via()))
	sip.CopyHeaders("Route", invite, req)
	maxForwards := sip.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(sip.HeaderClone(invite.From()))
	req.AppendHeader(sip.HeaderClone(invite.To()))
	req.AppendHeader(sip.HeaderClone(invite.CallID()))
	req.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.CANCEL})
	req.SetBody(nil)
	return req
}
