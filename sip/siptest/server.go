package siptest

import (
	"context"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/sdp"
)

// incoming is an INVITE that waits for our final answer.
type incoming struct {
	req *sipgo.Request
	srv *served
}

// answered is a 2xx of ours to an INVITE that waits for its ACK.
type answered struct {
	acked   chan struct{}
	offered bool // the offer was ours, the answer comes with the ACK
}

func (p *Peer) message(in inbound) {
	if !whole(in.msg) {
		return
	}
	switch m := in.msg.(type) {
	case *sipgo.Request:
		p.request(m, in.flow)
	case *sipgo.Response:
		p.response(m, in.flow)
	}
}

// request is the server half (RFC 3261 8.2, 12.2.2). It runs on the loop.
func (p *Peer) request(req *sipgo.Request, from flow) {
	stamp(req, from)
	key := transactionKey(req, req.Method)
	now := time.Now()
	p.mu.Lock()
	p.sweep(now)
	srv := p.served[key]
	if srv == nil && req.Method != sipgo.ACK {
		p.served[key] = &served{at: now, to: replyTo(req.Via(), from), acked: make(chan struct{})}
		p.counts[string(req.Method)]++
	}
	mine := p.served[key]
	var last []byte
	if srv != nil {
		last = srv.last
	}
	p.mu.Unlock()
	if srv != nil {
		switch {
		case req.Method == sipgo.ACK:
			srv.once.Do(func() { close(srv.acked) })
		case last != nil:
			_ = p.now().send(srv.to, last)
		}
		return
	}
	if req.Method == sipgo.CANCEL {
		p.cancelled(req, mine)
		return
	}
	if ours := tagOf(req.To().Params); ours != "" {
		c := p.find(req.CallID().Value(), ours, tagOf(req.From().Params))
		switch {
		case c != nil:
			c.within(req, mine, from)
		case req.Method != sipgo.ACK:
			p.reply(req, mine, 481)
		}
		return
	}
	switch req.Method {
	case sipgo.ACK:
	case sipgo.INVITE:
		p.invited(req, mine, from)
	case sipgo.OPTIONS:
		p.reply(req, mine, 200, sipgo.NewHeader("Allow", allow), sipgo.NewHeader("Accept", "application/sdp"))
	case sipgo.BYE, sipgo.UPDATE, sipgo.INFO:
		p.reply(req, mine, 481)
	case sipgo.NOTIFY, sipgo.MESSAGE:
		p.reply(req, mine, 200)
	default:
		p.reply(req, mine, 405, sipgo.NewHeader("Allow", allow))
	}
}

func (p *Peer) reply(req *sipgo.Request, srv *served, code int, extra ...sipgo.Header) {
	p.send(srv, respond(req, code, "", newTag(), nil, extra...))
}

// send answers a server transaction and keeps the answer for repetitions. A
// refusal of an INVITE over UDP is repeated until its ACK (timer G).
func (p *Peer) send(srv *served, res *sipgo.Response) {
	raw := []byte(res.String())
	p.mu.Lock()
	srv.last = raw
	w := p.wire
	p.mu.Unlock()
	_ = w.send(srv.to, raw)
	if res.CSeq().MethodName == sipgo.INVITE && res.StatusCode >= 300 && srv.to.stream == nil {
		p.repeat(w, srv.to, raw, srv.acked, nil, nil)
	}
}

// repeat sends raw again and again until acked or done is closed. late is called
// when neither was in time; it may be nil.
func (p *Peer) repeat(w *wire, to flow, raw []byte, acked, done <-chan struct{}, late func()) {
	p.spawn("peer repeat", func() {
		limit := time.NewTimer(deadline)
		defer limit.Stop()
		for wait := t1; ; wait = min(2*wait, t2) {
			again := time.NewTimer(wait)
			select {
			case <-again.C:
				_ = w.send(to, raw)
				continue
			case <-acked:
			case <-done:
			case <-limit.C:
				if late != nil {
					late()
				}
			case <-w.done:
			}
			again.Stop()
			return
		}
	})
}

// cancelled ends an INVITE that is not yet answered (RFC 3261 9.2).
func (p *Peer) cancelled(req *sipgo.Request, mine *served) {
	p.mu.Lock()
	target := p.served[transactionKey(req, sipgo.INVITE)]
	p.mu.Unlock()
	if target == nil {
		p.reply(req, mine, 481)
		return
	}
	p.reply(req, mine, 200)
	for _, c := range p.Calls() {
		c.mu.Lock()
		hit := c.invite != nil && c.invite.srv == target
		again := c.refreshing != nil && c.refreshing.srv == target
		c.mu.Unlock()
		switch {
		case hit:
			c.reject(487, "cancelled")
		case again:
			c.dropRefresh()
		}
	}
}

// invited begins an incoming call.
func (p *Peer) invited(req *sipgo.Request, srv *served, from flow) {
	offer, err := offerOf(req)
	if err != nil {
		p.refuseSDP(req, srv, err)
		return
	}
	old, code := p.replaced(req)
	if code != 0 {
		p.reply(req, srv, code)
		return
	}
	if old == nil {
		p.mu.Lock()
		p.counts["ring"]++
		p.mu.Unlock()
	}
	d := dialog{
		callID: req.CallID().Value(), localTag: newTag(), remoteTag: tagOf(req.From().Params),
		local: req.To().Address, remote: req.From().Address, remoteSeq: req.CSeq().SeqNo, hop: from.remote,
	}
	for _, h := range req.GetHeaders("Record-Route") {
		if rr, ok := h.(*sipgo.RecordRouteHeader); ok {
			d.routes = append(d.routes, *rr.Address.Clone())
		}
	}
	run := p.running()
	ctx, cancel := context.WithCancel(run)
	c := p.newCall(d, true, cancel)
	c.modify <- struct{}{}
	c.mu.Lock()
	c.invite = &incoming{req, srv}
	c.state.Source = from.remote
	c.retarget(req.Contact(), &c.state)
	c.mu.Unlock()
	p.send(srv, respond(req, 100, "", "", nil))
	p.spawn("peer answer", func() {
		defer cancel()
		if old != nil {
			c.supersede(ctx, old, offer)
			return
		}
		c.decide(ctx, offer)
	})
}

func (p *Peer) running() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ctx
}

// offerOf is the offer in a request; nil when it has none.
func offerOf(req *sipgo.Request) (*sdp.Session, error) {
	if len(req.Body()) == 0 {
		return nil, nil
	}
	s, err := sdp.Parse(req.Body())
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// refuseSDP answers with the code of an *sdp.Error and its text in a Warning.
func (p *Peer) refuseSDP(req *sipgo.Request, srv *served, err error) {
	code, warning := refusalOf(err)
	p.send(srv, respond(req, code, "", newTag(), nil, warning...))
}

// decide asks the script and does what it says. It holds the right to modify
// and gives it back before a 2xx leaves: what the peer sends next may be a
// re-INVITE.
func (c *PeerCall) decide(ctx context.Context, offer *sdp.Session) {
	var d Decision
	if c.p.o.OnInvite != nil {
		d = c.p.o.OnInvite(c)
	}
	if d.Early {
		if err := c.early(ctx, offer, d.Reliable); err != nil {
			c.reject(500, err.Error())
			return
		}
	}
	if d.Ring > 0 {
		if !d.Early {
			c.Ring()
		}
		select {
		case <-time.After(d.Ring):
		case <-c.done:
			return
		case <-ctx.Done():
			return
		}
	}
	if d.Until != nil {
		select {
		case <-d.Until:
		case <-c.done:
			return
		case <-ctx.Done():
			return
		}
	}
	if d.Code >= 300 && d.Code <= 699 {
		c.reject(d.Code, "declined")
		return
	}
	if err := c.accept(ctx, offer); err != nil {
		c.p.o.Log.Info("call refused", "peer", c.p.o.User, "error", err)
	}
}

// Ring sends 180 to an incoming call that is not answered yet.
func (c *PeerCall) Ring() {
	c.mu.Lock()
	in := c.invite
	c.mu.Unlock()
	if in == nil || !c.change(func(s *CallState) { s.Phase = Ringing }) {
		return
	}
	c.p.send(in.srv, respond(in.req, 180, "", c.d.localTag, nil, c.contactHeader()))
}

func (c *PeerCall) contactHeader() sipgo.Header { return &sipgo.ContactHeader{Address: c.p.contact()} }

// take claims the INVITE for a final answer; nil when it has one.
func (c *PeerCall) take() *incoming {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.invite
	c.invite = nil
	return in
}

// reject gives an incoming call its final refusal.
func (c *PeerCall) reject(code int, reason string) {
	in := c.take()
	if in == nil {
		return
	}
	c.p.send(in.srv, respond(in.req, code, "", c.d.localTag, nil))
	c.finish(code, reason, code == 487)
	c.cancel()
}

// accept answers an incoming call.
func (c *PeerCall) accept(ctx context.Context, offer *sdp.Session) error {
	c.mu.Lock()
	settled := c.settled
	c.mu.Unlock()
	var body []byte
	var n sdp.Negotiated
	var err error
	if !settled {
		body, n, err = c.answer(ctx, offer)
	}
	if err != nil {
		in := c.take()
		if in != nil {
			code, extra := refusalOf(err)
			c.p.send(in.srv, respond(in.req, code, "", c.d.localTag, nil, extra...))
		}
		c.finish(488, err.Error(), false)
		return err
	}
	in := c.take()
	if in == nil {
		return nil // cancelled meanwhile
	}
	if offer != nil && !settled {
		c.agreed(n)
	}
	c.change(func(s *CallState) { s.Phase = Up })
	if !settled {
		<-c.modify
	}
	c.confirm(in.req, in.srv, body, offer == nil)
	return nil
}

// answer makes our description: to an offer, or an offer where there is none.
func (c *PeerCall) answer(ctx context.Context, offer *sdp.Session) (body []byte, n sdp.Negotiated, err error) {
	remote := c.State().Media.Remote.RTP.Addr()
	if offer != nil {
		remote = offer.Audio.RTP.Addr()
	}
	at, err := c.mediaAddr(ctx, remote)
	if err != nil {
		return nil, n, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if offer == nil {
		return c.local.Offer(at, c.dir), n, nil
	}
	return c.local.Answer(*offer, at, c.dir)
}

// confirm sends the 2xx to an INVITE until its ACK comes, and ends a new call
// when it does not (RFC 3261 13.3.1.4).
func (c *PeerCall) confirm(req *sipgo.Request, srv *served, body []byte, offered bool) {
	a := &answered{acked: make(chan struct{}), offered: offered}
	c.mu.Lock()
	c.unack[req.CSeq().SeqNo] = a
	c.mu.Unlock()
	more := append([]sipgo.Header{c.contactHeader(), sipgo.NewHeader("Allow", allow), c.p.supported()}, c.p.session()...)
	res := respond(req, 200, "", c.d.localTag, body, more...)
	c.p.send(srv, res)
	var late func()
	if !req.To().Params.Has("tag") { // many let a re-INVITE be
		late = c.unacknowledged
	}
	c.p.repeat(c.p.now(), srv.to, []byte(res.String()), a.acked, c.done, late)
}
