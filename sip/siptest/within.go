package siptest

import (
	"errors"
	"strconv"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/sdp"
)

// refusalOf is the status for an error of a description, and what explains it.
func refusalOf(err error) (code int, extra []sipgo.Header) {
	var e *sdp.Error
	if !errors.As(err, &e) {
		return 500, nil
	}
	text := e.Text
	if e.Explain != "" {
		text += ": " + e.Explain
	}
	return e.Code, []sipgo.Header{sipgo.NewHeader("Warning", "399 siptest "+strconv.QuoteToASCII(text))}
}

// within handles a request inside the call. It runs on the Peer's loop.
func (c *PeerCall) within(req *sipgo.Request, srv *served, from flow) {
	if req.Method == sipgo.ACK {
		c.acknowledged(req)
		return
	}
	if !allowed(req.Method) {
		c.p.reply(req, srv, 405, sipgo.NewHeader("Allow", allow))
		return
	}
	c.mu.Lock()
	late := req.CSeq().SeqNo <= c.d.remoteSeq
	if !late {
		c.d.remoteSeq = req.CSeq().SeqNo
	}
	c.mu.Unlock()
	if late {
		c.p.reply(req, srv, 500) // RFC 3261 12.2.2
		return
	}
	if c.p.o.OnRequest != nil {
		if r := c.p.o.OnRequest(c, req); r != nil {
			if !r.Silent {
				c.p.send(srv, respond(req, r.Code, r.Reason, c.d.localTag, nil, r.Headers...))
			}
			return
		}
	}
	c.change(func(s *CallState) { s.Source = from.remote })
	switch req.Method {
	case sipgo.BYE:
		c.p.reply(req, srv, 200)
		if in := c.take(); in != nil {
			c.p.send(in.srv, respond(in.req, 487, "", c.d.localTag, nil)) // RFC 3261 15.1.2
		}
		c.finish(200, "the other side hung up", true)
		c.cancel()
	case sipgo.INVITE, sipgo.UPDATE:
		c.refreshed(req, srv)
	case sipgo.PRACK:
		c.pracked(req, srv)
	default:
		c.p.reply(req, srv, 200)
	}
}

// refreshed follows a re-INVITE or UPDATE of the peer: its Contact and its
// media (RFC 3261 14.2, RFC 3311 5.2).
func (c *PeerCall) refreshed(req *sipgo.Request, srv *served) {
	select {
	case c.modify <- struct{}{}:
		if c.heldBack(req, srv) {
			return
		}
		defer func() { <-c.modify }()
	default:
		if len(req.Body()) > 0 || req.Method == sipgo.INVITE {
			c.busy(req, srv)
			return
		}
	}
	c.follow(req, srv)
}

// follow answers a refresh.
func (c *PeerCall) follow(req *sipgo.Request, srv *served) {
	offer, err := offerOf(req)
	if err != nil {
		c.p.refuseSDP(req, srv, err)
		return
	}
	var body []byte
	var n sdp.Negotiated
	if offer != nil || req.Method == sipgo.INVITE {
		if body, n, err = c.answer(c.p.running(), offer); err != nil {
			c.p.refuseSDP(req, srv, err)
			return
		}
	}
	c.change(func(s *CallState) {
		c.retarget(req.Contact(), s)
		s.Refreshes++
	})
	// Before the 2xx, so that whoever has it finds the state as it says.
	if offer != nil {
		c.agreed(n)
	}
	if req.Method == sipgo.INVITE {
		c.confirm(req, srv, body, offer == nil)
	} else {
		c.p.send(srv, respond(req, 200, "", c.d.localTag, body, append([]sipgo.Header{c.contactHeader(), c.p.supported()}, c.p.session()...)...))
	}
}

// session is what the script adds where a session begins or is refreshed.
func (p *Peer) session() []sipgo.Header {
	if p.o.Session == nil {
		return nil
	}
	return p.o.Session()
}

// acknowledged ends the repetition of a 2xx and takes the answer that comes
// with an ACK where the offer was ours.
func (c *PeerCall) acknowledged(req *sipgo.Request) {
	c.mu.Lock()
	a := c.unack[req.CSeq().SeqNo]
	delete(c.unack, req.CSeq().SeqNo)
	c.mu.Unlock()
	if a == nil {
		return
	}
	close(a.acked)
	if !a.offered {
		return
	}
	if n, err := c.acceptBody(req.Body()); err == nil {
		c.agreed(n)
	}
}
