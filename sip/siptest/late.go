package siptest

import (
	"context"

	sipgo "github.com/emiago/sipgo/sip"
)

// heldBack answers a re-INVITE later, where the options say so; false when they
// do not. It has the right to modify until then. It runs on the Peer's loop.
func (c *PeerCall) heldBack(req *sipgo.Request, srv *served) bool {
	if req.Method != sipgo.INVITE || c.p.o.OnRefresh == nil {
		return false
	}
	until := c.p.o.OnRefresh(c)
	if until == nil {
		return false
	}
	ended := make(chan struct{})
	c.mu.Lock()
	c.refreshing, c.refreshEnd = &incoming{req, srv}, ended
	c.mu.Unlock()
	c.p.send(srv, respond(req, 100, "", "", nil))
	run := c.p.running()
	return c.p.spawn("peer late answer", func() {
		defer func() { <-c.modify }()
		select {
		case <-until:
			if c.takeRefresh() != nil {
				c.follow(req, srv)
			}
		case <-c.done:
			if c.takeRefresh() != nil { // RFC 3261 15.1.2
				c.p.send(srv, respond(req, 487, "", c.d.localTag, nil))
			}
		case <-ended:
		case <-run.Done():
		}
	})
}

// takeRefresh claims the re-INVITE that waits for its answer; nil: none does.
func (c *PeerCall) takeRefresh() *incoming {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.refreshing
	c.refreshing = nil
	return in
}

// dropRefresh ends a re-INVITE that was cancelled (RFC 3261 9.2).
func (c *PeerCall) dropRefresh() {
	in := c.takeRefresh()
	if in == nil {
		return
	}
	c.p.send(in.srv, respond(in.req, 487, "", c.d.localTag, nil))
	c.mu.Lock()
	close(c.refreshEnd)
	c.mu.Unlock()
}

// busy refuses an offer while another is open: 500 with a time where that is
// theirs, 491 where it is ours (RFC 3261 14.2).
func (c *PeerCall) busy(req *sipgo.Request, srv *served) {
	c.mu.Lock()
	theirs := c.refreshing != nil
	c.mu.Unlock()
	if theirs {
		c.p.reply(req, srv, 500, sipgo.NewHeader("Retry-After", "1"))
		return
	}
	c.p.reply(req, srv, 491)
}

// unacknowledged ends a call whose first 2xx nobody acknowledged.
func (c *PeerCall) unacknowledged() {
	ctx, cancel := context.WithTimeout(c.p.running(), deadline)
	defer cancel()
	_ = c.Hangup(ctx)
}
