package siptest

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/sdp"
)

// reliable is the reliable provisional response of ours that waits for its
// PRACK (RFC 3262); guarded by PeerCall.mu.
type reliable struct {
	rseq, cseq uint32
	pracked    chan struct{}
}

// early sends 183 with our answer. Reliable, it returns when the PRACK came,
// and the session may be changed from then on (RFC 3311).
func (c *PeerCall) early(ctx context.Context, offer *sdp.Session, reliably bool) error {
	if offer == nil {
		return fmt.Errorf("early media for an INVITE without an offer")
	}
	body, n, err := c.answer(ctx, offer)
	if err != nil {
		return err
	}
	c.mu.Lock()
	in := c.invite
	c.mu.Unlock()
	if in == nil || !c.change(func(s *CallState) { s.Phase = Ringing }) {
		return errStopped
	}
	c.agreed(n)
	extra := []sipgo.Header{c.contactHeader(), sipgo.NewHeader("Allow", allow), c.p.supported()}
	if !reliably {
		c.p.send(in.srv, respond(in.req, 183, "", c.d.localTag, body, extra...))
		return nil
	}
	rel := &reliable{rseq: 1, cseq: in.req.CSeq().SeqNo, pracked: make(chan struct{})}
	c.mu.Lock()
	c.rel = rel
	c.mu.Unlock()
	extra = append(extra, sipgo.NewHeader("Require", "100rel"), sipgo.NewHeader("RSeq", strconv.Itoa(int(rel.rseq))))
	res := respond(in.req, 183, "", c.d.localTag, body, extra...)
	c.p.send(in.srv, res)
	c.p.repeat(c.p.now(), in.srv.to, []byte(res.String()), rel.pracked, c.done, nil)
	select {
	case <-rel.pracked:
	case <-c.done:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	c.settled = true
	c.mu.Unlock()
	<-c.modify
	return nil
}

// pracked takes a PRACK.
func (c *PeerCall) pracked(req *sipgo.Request, srv *served) {
	c.mu.Lock()
	rel := c.rel
	c.mu.Unlock()
	h := req.GetHeader("RAck")
	if rel == nil || h == nil || h.Value() != fmt.Sprintf("%d %d INVITE", rel.rseq, rel.cseq) {
		c.p.reply(req, srv, 481)
		return
	}
	c.p.reply(req, srv, 200)
	select {
	case <-rel.pracked:
	default:
		close(rel.pracked)
	}
}

// prack acknowledges a provisional response to our INVITE that asks for it.
func (c *PeerCall) prack(ctx context.Context, res *sipgo.Response) {
	h := res.GetHeader("RSeq")
	if h == nil {
		return
	}
	c.established(res)
	rack := fmt.Sprintf("%s %d INVITE", strings.TrimSpace(h.Value()), res.CSeq().SeqNo)
	c.p.spawn("peer prack", func() {
		_, _ = c.p.authorized(ctx, func() *sipgo.Request {
			req := c.request(sipgo.PRACK, nil)
			req.AppendHeader(sipgo.NewHeader("RAck", rack))
			return req
		}, c.nextHop(), nil)
	})
}

// supported is what a Peer lists.
func (p *Peer) supported() sipgo.Header {
	if p.o.NoReplaces {
		return sipgo.NewHeader("Supported", "100rel")
	}
	return sipgo.NewHeader("Supported", "100rel, replaces")
}

// replaced finds the answered call that an INVITE takes the place of (RFC 3891
// 3). A code other than 0 refuses the INVITE.
func (p *Peer) replaced(req *sipgo.Request) (old *PeerCall, code int) {
	h := req.GetHeader("Replaces")
	switch {
	case h == nil:
		return nil, 0
	case p.o.NoReplaces && req.GetHeader("Require") != nil:
		return nil, 420
	case p.o.NoReplaces:
		return nil, 0
	}
	id, params, _ := strings.Cut(h.Value(), ";")
	var to, from string
	for _, one := range strings.Split(params, ";") {
		name, v, _ := strings.Cut(strings.TrimSpace(one), "=")
		switch name {
		case "to-tag":
			to = v
		case "from-tag":
			from = v
		}
	}
	old = p.find(strings.TrimSpace(id), to, from)
	if old == nil || old.State().Phase != Up {
		return nil, 481
	}
	return old, 0
}

// supersede answers an INVITE that replaces a call, and ends that.
func (c *PeerCall) supersede(ctx context.Context, old *PeerCall, offer *sdp.Session) {
	old.mu.Lock()
	dir := old.dir
	old.mu.Unlock()
	c.mu.Lock()
	c.dir = dir // a hold goes on
	c.mu.Unlock()
	if err := c.accept(ctx, offer); err != nil {
		return
	}
	bye, done := context.WithTimeout(ctx, t2)
	defer done()
	_ = old.Hangup(bye)
}
