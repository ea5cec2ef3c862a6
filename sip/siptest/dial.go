package siptest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/sdp"
)

// Call invites target, a user's name at the Registrar or a URI, and returns
// when it is answered. A refusal is a *Refused. Where ctx ends first, the
// call is cancelled.
func (p *Peer) Call(ctx context.Context, target string) (*PeerCall, error) {
	c, err := p.Dial(ctx, target)
	if err != nil {
		return nil, err
	}
	s, err := c.Wait(ctx, func(s CallState) bool { return s.Phase >= Up })
	switch {
	case err != nil:
		<-c.done // Dial ends it with ctx
		return nil, err
	case s.Phase == Ended && s.Code >= 300:
		return nil, &Refused{s.Code, s.Reason}
	case s.Phase == Ended:
		return nil, fmt.Errorf("call to %s: %s", target, s.Reason)
	}
	return c, nil
}

// Dial is Call without waiting: the INVITE is on its way when it returns.
func (p *Peer) Dial(ctx context.Context, target string) (*PeerCall, error) {
	d := dialog{callID: newBranch(), localTag: newTag(), local: p.aor(), hop: p.o.Registrar}
	if err := sipgo.ParseUri(target, &d.remote); err != nil {
		d.remote = sipgo.Uri{Scheme: "sip", User: target, Host: p.o.Domain}
	}
	d.target = d.remote
	if !d.hop.IsValid() {
		to, ok := uriAddr(&d.remote)
		if !ok {
			return nil, fmt.Errorf("%s has no address", target)
		}
		d.hop = to
	}
	p.mu.Lock()
	running := p.ctx != nil && p.ctx.Err() == nil && p.wire != nil
	p.mu.Unlock()
	if !running {
		return nil, errStopped
	}
	ctx, cancel := context.WithCancel(ctx)
	c := p.newCall(d, false, cancel)
	c.modify <- struct{}{}
	at, err := c.mediaAddr(ctx, netip.Addr{})
	if err != nil {
		cancel()
		c.finish(0, err.Error(), false)
		return nil, err
	}
	body := c.local.Offer(at, sdp.SendRecv)
	if !p.spawn("peer call", func() {
		defer c.cancel()
		c.dial(ctx, body)
	}) {
		cancel()
		c.finish(0, "the peer stopped", false)
		return nil, errStopped
	}
	return c, nil
}

// dial runs the INVITE to its end. The right to modify is given back before
// the ACK leaves, as the peer may send a re-INVITE right after it.
func (c *PeerCall) dial(ctx context.Context, body []byte) {
	build := func() *sipgo.Request {
		req := c.request(sipgo.INVITE, body)
		if c.p.o.Headers != nil {
			for _, h := range c.p.o.Headers() {
				req.AppendHeader(h)
			}
		}
		return req
	}
	res, err := c.p.authorized(ctx, build, c.nextHop(), func(res *sipgo.Response) {
		if res.StatusCode >= 180 {
			c.change(func(s *CallState) { s.Phase = Ringing })
			c.prack(ctx, res)
		}
	})
	switch {
	case err != nil:
		c.finish(0, err.Error(), false)
	case !res.IsSuccess():
		c.finish(res.StatusCode, res.Reason, true)
	default:
		c.established(res)
		n, err := c.acceptBody(res.Body())
		if err == nil {
			c.agreed(n)
		}
		<-c.modify
		c.ack(res.CSeq().SeqNo, nil)
		c.change(func(s *CallState) { s.Phase = Up })
		if err != nil || ctx.Err() != nil {
			// Answered with something unusable, or as we gave up.
			bye, stop := context.WithTimeout(context.Background(), 2*t2)
			defer stop()
			_ = c.Hangup(bye)
		}
	}
}

// established makes the dialog out of the 2xx (RFC 3261 12.1.2).
func (c *PeerCall) established(res *sipgo.Response) {
	c.change(func(s *CallState) {
		c.d.remoteTag = tagOf(res.To().Params)
		c.d.routes = nil
		for _, h := range res.GetHeaders("Record-Route") {
			if rr, ok := h.(*sipgo.RecordRouteHeader); ok {
				c.d.routes = append(c.d.routes, *rr.Address.Clone())
			}
		}
		slices.Reverse(c.d.routes)
		c.retarget(res.Contact(), s)
	})
}
