package siptest

import (
	"context"
	"errors"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/sdp"
)

// Reinvite sends a re-INVITE with the present Contact and waits for its
// answer. body is an SDP offer to be sent as it is; nil makes one with the
// present media address. A refusal is a *Refused and leaves the call as it
// was, but for a 481, which ends it (RFC 5057).
func (c *PeerCall) Reinvite(ctx context.Context, body []byte) error {
	return c.refresh(ctx, sipgo.INVITE, body)
}

// Update is Reinvite by UPDATE (RFC 3311).
func (c *PeerCall) Update(ctx context.Context, body []byte) error {
	return c.refresh(ctx, sipgo.UPDATE, body)
}

// Hold asks the peer to send no more; Resume ends that.
func (c *PeerCall) Hold(ctx context.Context) error { return c.turn(ctx, sdp.SendOnly) }

// Resume ends a hold of ours.
func (c *PeerCall) Resume(ctx context.Context) error { return c.turn(ctx, sdp.SendRecv) }

func (c *PeerCall) turn(ctx context.Context, dir sdp.Direction) error {
	c.mu.Lock()
	before := c.dir
	c.dir = dir
	c.mu.Unlock()
	err := c.Reinvite(ctx, nil)
	if err != nil {
		c.mu.Lock()
		c.dir = before
		c.mu.Unlock()
	}
	return err
}

func (c *PeerCall) refresh(ctx context.Context, method sipgo.RequestMethod, body []byte) error {
	select {
	case c.modify <- struct{}{}:
	case <-c.done:
		return errors.New("the call has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
	held := true
	release := func() {
		if held {
			held = false
			<-c.modify
		}
	}
	defer release()
	at, err := c.mediaAddr(ctx, c.State().Media.Remote.RTP.Addr())
	if err != nil {
		return err
	}
	c.mu.Lock()
	// Also where the body is given, so that its answer finds an offer waiting.
	offer := c.local.Offer(at, c.dir)
	c.mu.Unlock()
	if body == nil {
		body = offer
	}
	res, err := c.p.authorized(ctx, func() *sipgo.Request { return c.request(method, body) }, c.nextHop(), nil)
	if err != nil {
		return err
	}
	if !res.IsSuccess() {
		if res.StatusCode == 481 {
			c.finish(481, res.Reason, true)
		}
		return &Refused{res.StatusCode, res.Reason}
	}
	c.change(func(s *CallState) { c.retarget(res.Contact(), s) })
	n, err := c.acceptBody(res.Body())
	if err == nil {
		c.agreed(n)
	}
	release() // before the ACK: the peer may send an offer right after it
	if method == sipgo.INVITE {
		c.ack(res.CSeq().SeqNo, nil)
	}
	return err
}

// Hangup ends the call as its phase demands: BYE when it is up, CANCEL of an
// own INVITE, a 603 to theirs. It returns when the other side confirmed, and
// the call has ended also where it did not.
func (c *PeerCall) Hangup(ctx context.Context) error {
	s := c.State()
	switch {
	case s.Phase == Ended:
		return nil
	case s.Phase == Up:
		// Ended at once for everyone else; the BYE still goes its way.
		hop := c.nextHop()
		c.finish(200, "hung up", false)
		res, err := c.p.authorized(ctx, func() *sipgo.Request { return c.request(sipgo.BYE, nil) }, hop, nil)
		if err == nil && !res.IsSuccess() {
			err = &Refused{res.StatusCode, res.Reason}
		}
		return err
	case s.Incoming:
		c.reject(603, "")
		return nil
	}
	c.cancel()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
