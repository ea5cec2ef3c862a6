package sip

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
	"ramble/sip/wire"
)

// settleTime bounds what is done for good order after a job is over: the ACK
// and BYE to a fork that lost, the CANCEL of an INVITE whose context ended.
const settleTime = 5 * time.Second

// Progress is a provisional response to our INVITE.
type Progress struct {
	Code   int
	Reason string // sanitized
	SDP    []byte // early media; nil when none
	// Reliable: the SDP is the answer to our offer (RFC 3262 5); else it is a
	// preview of one that comes with the 2xx.
	Reliable bool
	ToTag    string // tells forks apart
}

// Answer is a 2xx to an INVITE or UPDATE of ours.
type Answer struct {
	Code       int
	SDP        []byte // nil: none, an UPDATE or INVITE without news
	RoundTrips int    // requests sent, challenges included
}

// ourInvite is an INVITE of ours.
type ourInvite struct {
	req   *sipgo.Request
	st    *Stack
	flow  flow
	heard chan struct{} // closed at the first provisional response
	done  chan struct{} // closed when the transaction has ended, however

	mu     sync.Mutex
	ct     *clientTx // nil before it is sent
	final  bool      // a final response came
	failed error     // why it is to end, when that is known before ct is
}

// fail ends the transaction locally.
func (o *ourInvite) fail(err error) {
	o.mu.Lock()
	o.failed = err
	ct := o.ct
	o.mu.Unlock()
	if ct != nil {
		ct.fail(err)
	}
}

// sent takes note of the transaction.
func (o *ourInvite) sent(ct *clientTx) {
	o.mu.Lock()
	o.ct = ct
	err := o.failed
	o.mu.Unlock()
	if err != nil {
		ct.fail(err)
	}
}

func (o *ourInvite) isFinal() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.final
}

// Invite sends the INVITE on st and blocks until its final answer. progress,
// which may be nil, gets provisional responses on the caller's goroutine. A 2xx is acknowledged before Invite returns; of several, by
// forking, the first wins and the others are hung up (RFC 3261 13.2.2.4). When
// ctx ends first, the INVITE is cancelled where the rules allow it and the
// call is over.
//
// Errors: *ResponseError, *RedirectError, *RefusedError, ErrCancelled,
// ErrTimeout, ErrStackClosed (the call may then be cancelled by another path,
// see Cancel, or be replaced; Drop ends it), ErrTransport, *ResolveError.
func (c *Call) Invite(ctx context.Context, st *Stack, offer []byte, progress func(Progress)) (Answer, error) {
	if len(offer) == 0 {
		return Answer{}, fmt.Errorf("%w: an INVITE of ours carries an offer", ErrWrongState)
	}
	c.mu.Lock()
	if c.state != idle {
		c.mu.Unlock()
		return Answer{}, fmt.Errorf("%w: it was dialled already", ErrWrongState)
	}
	c.state, c.stack, c.dialogs = calling, st, st.dialogs
	c.d.viaServer = st.o.Server.Addr.IsValid()
	c.d.routes = st.preloaded(c.acct)
	d := c.d
	c.mu.Unlock()
	st.dialogs.add(c, st.now())
	f, server, err := st.hop(ctx, d)
	if err != nil {
		c.end()
		return Answer{}, err
	}
	s := sender{st: st, auth: c.auth, flow: f,
		build: func() (*sipgo.Request, error) {
			if c.wasCancelled() {
				return nil, ErrCancelled
			}
			return c.build(st, "INVITE", offer)
		},
		start: func(ctx context.Context, req *sipgo.Request) (*sipgo.Response, error) {
			return c.runInvite(ctx, st, f, req, func(res *sipgo.Response) { c.provisional(st, res, progress) })
		}}
	if server {
		s.scope.Server = st.o.Server.Addr
	}
	res, req, err := s.run(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		c.giveUp()
		return Answer{}, err
	case errors.Is(err, ErrStackClosed):
		return Answer{}, err // its fate is open: Cancel, Replacements, in the end Drop
	case err != nil:
		c.end()
		return Answer{}, c.cancelledOr(err)
	case !res.IsSuccess():
		c.end()
		return Answer{}, c.cancelledOr(failure("INVITE", res))
	}
	return c.answered(ctx, st, req, res, s.rounds)
}

// answered makes the call of a 2xx.
func (c *Call) answered(ctx context.Context, st *Stack, req *sipgo.Request, res *sipgo.Response, rounds int) (Answer, error) {
	c.mu.Lock()
	late := c.state != calling // dropped meanwhile
	if !late {
		c.state, c.wasUp = up, true
	}
	c.d = c.d.confirmed(st, res)
	c.note(res, res.Source())
	cancelled, d := c.cancelled, c.d
	c.mu.Unlock()
	err := c.ack(st, d, req.CSeq().SeqNo)
	if cancelled || late {
		// The 2xx and our CANCEL crossed (RFC 3261 9.1).
		byeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		if late {
			c.hangUp(byeCtx, st, d)
		} else {
			err = c.Bye(byeCtx)
		}
		return Answer{}, errors.Join(ErrCancelled, err)
	}
	if err != nil {
		// The peer repeats its 2xx until an ACK comes through: see lateAnswer.
		st.log.Info("sending the ACK", "err", err)
	}
	return Answer{Code: res.StatusCode, SDP: bodyOf(res), RoundTrips: rounds}, nil
}

// runInvite runs one INVITE transaction, the first or a re-INVITE's.
func (c *Call) runInvite(ctx context.Context, st *Stack, f flow, req *sipgo.Request, provisional func(*sipgo.Response)) (*sipgo.Response, error) {
	o := &ourInvite{req: req, st: st, flow: f, heard: make(chan struct{}), done: make(chan struct{})}
	defer close(o.done)
	c.mu.Lock()
	c.ours = o // before the INVITE is out: Cancel must find it
	c.mu.Unlock()
	forget := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.ours == o {
			c.ours = nil
		}
	}
	ct, err := st.begin(req, f)
	if err != nil {
		if !errors.Is(err, ErrStackClosed) { // else it may be out already
			forget()
		}
		return nil, err
	}
	o.sent(ct)
	heard := false
	res, err := st.await(ctx, ct, req, func(res *sipgo.Response) {
		if !heard {
			heard = true
			close(o.heard)
		}
		if provisional != nil {
			provisional(res)
		}
	})
	if err == nil {
		o.mu.Lock()
		o.final = true
		o.mu.Unlock()
		forget()
		if res.IsSuccess() {
			// A 2xx that comes again, or another fork's, goes to lateAnswer; a
			// refusal keeps its transaction, which acknowledges it again.
			ct.tx.Terminate()
		}
	}
	return res, err
}

// provisional takes in a 1xx to the first INVITE.
func (c *Call) provisional(st *Stack, res *sipgo.Response, progress func(Progress)) {
	p := Progress{Code: res.StatusCode, Reason: clean.Text(res.Reason), SDP: bodyOf(res), Reliable: reliable(res) != 0}
	if to := res.To(); to != nil {
		p.ToTag = clean.Text(wire.TagOf(to.Params))
	}
	if p.ToTag != "" && res.StatusCode > 100 {
		c.mu.Lock()
		c.d.remoteTag = wire.TagOf(res.To().Params) // requests in the early dialog find us
		c.note(res, res.Source())
		fresh := c.takeReliable(st, c.earlyOf(st, res), res)
		c.mu.Unlock()
		if !fresh {
			return
		}
	}
	if progress != nil {
		progress(p)
	}
}

// ack acknowledges a 2xx on the call's present stack, or on st where that is
// gone. The ACK belongs to no transaction: each repeated 2xx gets it again.
func (c *Call) ack(st *Stack, d dialog, seq uint32) error {
	if now := c.Stack(); now != nil && !now.isClosed() {
		st = now
	}
	c.mu.Lock()
	c.acked.on, c.acked.seq = st, seq
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(st.ctx, settleTime)
	defer cancel()
	f, _, err := st.hop(ctx, d)
	if err != nil {
		return err
	}
	req, err := st.build(d.draft("ACK", seq))
	if err != nil {
		return err
	}
	return st.write(f, req)
}

// lateAnswer settles a 2xx that no Invite or Modify waits for: the one that
// won comes again because its ACK was lost; another is a fork that lost, or
// came after we gave up, and is hung up once.
func (c *Call) lateAnswer(st *Stack, res *sipgo.Response) {
	to := res.To()
	if to == nil || wire.TagOf(to.Params) == "" {
		return
	}
	tag := wire.TagOf(to.Params)
	c.mu.Lock()
	if c.state == calling { // the first one is being taken in; this one comes again
		c.mu.Unlock()
		return
	}
	won := (c.state == up || c.state == leaving) && tag == c.d.remoteTag
	d := c.d
	if !won {
		d = c.d.confirmed(st, res)
	}
	hangUp := !won && !c.forks[tag] && len(c.forks) < 16
	if hangUp {
		if c.forks == nil {
			c.forks = map[string]bool{}
		}
		c.forks[tag] = true
	}
	c.mu.Unlock()
	st.spawn("sip late answer", func() {
		if err := c.ack(st, d, res.CSeq().SeqNo); err != nil {
			st.log.Debug("acknowledging a late answer", "err", err)
			return
		}
		if hangUp {
			ctx, cancel := context.WithTimeout(st.ctx, settleTime)
			defer cancel()
			c.hangUp(ctx, st, d)
		}
	})
}

// hangUp sends a BYE in a dialog that is not the call's own.
func (c *Call) hangUp(ctx context.Context, st *Stack, d dialog) {
	f, _, err := st.hop(ctx, d)
	if err != nil {
		return
	}
	req, err := st.build(d.draft("BYE", d.seq+1))
	if err != nil {
		return
	}
	if _, err := st.exchange(ctx, req, f, nil); err != nil {
		st.log.Debug("hanging up a lost fork", "err", err)
	}
}

// giveUp ends a call whose Invite's context ended. A CANCEL tells the peer to
// stop ringing, where it rang (RFC 3261 9.1).
func (c *Call) giveUp() {
	c.mu.Lock()
	o := c.ours
	c.mu.Unlock()
	c.end()
	if o == nil || o.st.isClosed() {
		return
	}
	select {
	case <-o.heard:
	default:
		return
	}
	o.st.spawn("sip cancel", func() {
		ctx, cancel := context.WithTimeout(o.st.ctx, settleTime)
		defer cancel()
		if _, err := o.st.exchange(ctx, cancelOf(o.req), o.flow, nil); err != nil {
			o.st.log.Debug("cancelling", "err", err)
		}
	})
}

func (c *Call) wasCancelled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cancelled
}

// cancelledOr names the end that Cancel asked for.
func (c *Call) cancelledOr(err error) error {
	if c.wasCancelled() && !errors.Is(err, ErrStackClosed) {
		return errors.Join(ErrCancelled, err)
	}
	return err
}

func bodyOf(res *sipgo.Response) []byte {
	if len(res.Body()) == 0 {
		return nil
	}
	return res.Body()
}
