package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/dialog"
	"ramble/sip/digest"
	"ramble/sip/sdp"
	"ramble/sip/wire"
)

// This file carries out what a machine wants sent.

// settleTime bounds what finds its way beside a call's queue.
const settleTime = 5 * time.Second

// way is a sent request as a CANCEL needs it.
func (o *sent) way() (req *sipgo.Request, st *Stack, f flow) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.req, o.st, o.flow
}

// lost reports a request that ended without a final response.
func (c *Call) lost(st *Stack, id dialog.ID, err error) {
	st.emit(Heard{call: c, st: st, to: id, err: err})
}

// send sends a request.
func (c *Call) send(a dialog.Send) {
	o := c.sent[a.ID]
	if o == nil {
		o = &sent{id: a.ID, method: a.Method}
		c.sent[a.ID] = o
	}
	if o.rounds++; o.rounds > 1 && a.Dialog.RemoteTag != "" {
		c.challenged = true
	}
	st, box := c.stack, c.box
	if near := c.sent[a.Beside]; near != nil {
		if _, at, _ := near.way(); at != nil && !at.isClosed() && at != st {
			st, box = at, &outbox{st: at}
		}
	}
	d := c.id.draft(a.Dialog, a.Method, a.Seq)
	d.Body = a.Body
	d.Headers = c.headers(st, a)
	sc := digest.Scope{InDialog: a.Dialog.RemoteTag != "", Routed: a.Dialog.RemoteTag != "" && len(a.Dialog.Routes) > 0, Known: c.challenged}
	box.put(func() {
		if err := c.launch(st, o, a.Dialog, d, sc); err != nil {
			c.lost(st, a.ID, err)
		}
	})
}

// headers are those of a request besides the usual ones.
func (c *Call) headers(st *Stack, a dialog.Send) (list []wire.Header) {
	switch a.Method {
	case "INVITE", "UPDATE":
		list = c.capabilities(st)
	case "PRACK":
		list = []wire.Header{{Name: "RAck", Value: fmt.Sprintf("%d %d INVITE", a.RAck.RSeq, a.RAck.CSeq)}}
	}
	list = append(list, timerHeaders(a.Timer)...)
	if a.Replaces != "" { // a phone that does not know it must not ring instead
		list = append(list, wire.Header{Name: "Require", Value: "replaces"}, wire.Header{Name: "Replaces", Value: a.Replaces})
	}
	return list
}

// capabilities are the headers of requests and responses that set up or
// refresh a session.
func (c *Call) capabilities(st *Stack) []wire.Header {
	scheme := c.acct.AOR.Scheme
	if c.secure {
		scheme = "sips"
	}
	return []wire.Header{{Name: "Contact", Value: "<" + st.dialogContact(c.acct, scheme) + ">"},
		{Name: "Allow", Value: wire.Allowed}, {Name: "Supported", Value: wire.Supported}}
}

// launch finds the way of a request and begins its transaction.
func (c *Call) launch(st *Stack, o *sent, d dialog.Dialog, draft wire.Draft, sc digest.Scope) error {
	if st.isClosed() {
		return ErrStackClosed
	}
	ctx, cancel := context.WithTimeout(st.ctx, settleTime)
	defer cancel()
	f, server, err := st.hop(ctx, d)
	if err != nil {
		return wayError(st, err)
	}
	if server {
		sc.Server = st.o.Server.Addr
	}
	req, err := st.build(draft)
	if err != nil {
		return &unbuildable{err}
	}
	o.mu.Lock()
	err = c.auth.attach(req, sc, &o.attempt)
	o.scope, o.st, o.flow, o.req = sc, st, f, req
	stopped := o.stopped
	o.mu.Unlock()
	if err != nil {
		return err
	}
	if stopped {
		return nil
	}
	return c.begin(st, o, req, f)
}

// begin starts the transaction of a request.
func (c *Call) begin(st *Stack, o *sent, req *sipgo.Request, f flow) error {
	ct, err := st.begin(req, f, func(res *sipgo.Response) {
		st.emit(Heard{call: c, st: st, to: o.id, res: res})
	})
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.ct, o.flow = ct, ct.flow // a large request found another way
	stopped := o.stopped
	o.mu.Unlock()
	if stopped {
		ct.tx.Terminate()
		return nil
	}
	st.spawn("sip transaction of a call", func() {
		err := st.tend(ct, req)
		o.mu.Lock()
		defer o.mu.Unlock()
		if err != nil && !o.stopped {
			c.lost(st, o.id, err)
		}
	})
	return nil
}

// unbuildable is a request that cannot be written: a target that no URI parser
// takes, for one.
type unbuildable struct{ err error }

func (e *unbuildable) Error() string { return "the request cannot be written: " + e.err.Error() }
func (e *unbuildable) Unwrap() error { return e.err }

// wayError names what stands between us and a next hop.
func wayError(st *Stack, err error) error {
	switch {
	case st.isClosed():
		return ErrStackClosed
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}

// stop ends a transaction; a late 2xx to an INVITE still finds the call.
func (c *Call) stop(id dialog.ID) {
	o := c.sent[id]
	if o == nil {
		return
	}
	o.mu.Lock()
	o.stopped = true
	ct := o.ct
	o.mu.Unlock()
	if ct != nil {
		ct.tx.Terminate()
	}
}

// cancel sends the CANCEL of an INVITE: its Via, its number, its way.
func (c *Call) cancel(a dialog.Cancel) {
	o := &sent{id: a.ID, method: "CANCEL"}
	c.sent[a.ID] = o
	of, present := c.sent[a.Of], c.stack
	c.box.put(func() {
		req, st, f := of.way()
		if req == nil {
			c.lost(present, a.ID, ErrWrongState)
			return
		}
		if st.isClosed() {
			st = present
			ctx, done := context.WithTimeout(st.ctx, settleTime)
			defer done()
			var err error
			if f, err = st.sameHop(ctx, of); err != nil {
				c.lost(present, a.ID, wayError(st, err))
				return
			}
		}
		if err := c.begin(st, o, cancelOf(req), f); err != nil {
			c.lost(present, a.ID, err)
		}
	})
}

// cancelOf makes the CANCEL of an INVITE (RFC 3261 9.1).
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

// ack acknowledges a 2xx on the present stack, or on the one that brought it
// where that is closed. The ACK belongs to no transaction.
func (c *Call) ack(a dialog.Ack) {
	st, box := c.stack, c.box
	if st.isClosed() && c.acked != nil && !c.acked.isClosed() {
		st, box = c.acked, &outbox{st: c.acked}
	}
	if a.Repeat && (c.acked == nil || c.acked == st || !c.acked.isClosed()) {
		return
	}
	c.acked = st
	d := c.id.draft(a.Dialog, "ACK", a.Seq)
	box.put(func() {
		ctx, cancel := context.WithTimeout(st.ctx, settleTime)
		defer cancel()
		f, _, err := st.hop(ctx, a.Dialog)
		if err != nil {
			c.lost(st, a.ID, wayError(st, err))
			return
		}
		req, err := st.build(d)
		if err != nil {
			c.lost(st, a.ID, &unbuildable{err})
			return
		}
		if err := st.write(f, req); err != nil { // the peer repeats its 2xx until one comes through
			st.log.Info("sending the ACK", "err", err)
		}
	})
}

// reply answers a request of theirs: by its own transaction, or, where that
// went with its stack, by the call's present one, to where the request came
// from.
func (c *Call) reply(a dialog.Reply) {
	in := c.got[a.To]
	if in == nil {
		return
	}
	if a.Code >= 200 && in.req.Method != sipgo.INVITE {
		delete(c.got, a.To)
	}
	st := c.stack
	var list []wire.Header
	if a.Code > 100 && a.Code < 300 {
		list = c.capabilities(st)
	}
	if a.RSeq != 0 {
		list = append(list, wire.Header{Name: "Require", Value: "100rel"}, wire.Header{Name: "RSeq", Value: strconv.Itoa(int(a.RSeq))})
	}
	list = append(list, timerHeaders(a.Timer)...)
	if a.Timer.Refresher == "uac" { // RFC 4028 9: they are to refresh, and must know
		list = append(list, wire.Header{Name: "Require", Value: "timer"})
	}
	if a.RetryAfter {
		list = append(list, wire.Header{Name: "Retry-After", Value: strconv.Itoa(rand.IntN(11))})
	}
	if unusable, ok := errors.AsType[*sdp.Error](a.Err); ok { // RFC 3261 21.4.26
		list = append(list, wire.Header{Name: "Warning", Value: "399 ramble " + wire.Quote(unusable.Text)})
	}
	res := in.response(a.Code, phrase(a.Code), c.id.tag, a.Body, list...)
	c.box.put(func() {
		if err := st.give(in, res); err != nil {
			st.log.Debug("answering", "method", in.req.Method, "code", a.Code, "err", err)
		}
	})
}

// give sends a response by its transaction, or by s where that is gone.
func (s *Stack) give(in *inbound, res *sipgo.Response) error {
	if !in.st.isClosed() {
		if err := in.tx.Respond(res); err != nil && !errors.Is(err, sipgo.ErrTransactionTerminated) {
			return in.st.sendFailure(err)
		}
		return nil
	}
	if s == in.st {
		return ErrStackClosed
	}
	ctx, cancel := context.WithTimeout(s.ctx, settleTime)
	defer cancel()
	f, err := s.flowBack(ctx, in)
	if err != nil {
		return err
	}
	return s.write(f, res)
}
