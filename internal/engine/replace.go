package engine

import (
	"context"
	"errors"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/sdp"
)

// This file gives a call another dialog (RFC 3891), because one side or both
// lost the way of the old one. The row, the sound and the sockets stay.

// replaceLimit bounds one INVITE with Replaces: phones answer it unasked.
const replaceLimit = 4 * time.Second

var errNotReplaceable = errors.New("there is no dialog to replace")

// replace asks the peer, at its address of record, to take a new dialog for the
// one whose refresh stays unanswered: it may have moved as well.
func (c *call) replace(act *roam.Repair, st *stack) {
	e, a, old := c.e, c.acct, c.sip
	if c.abort != nil {
		c.abort() // the refresh that nobody answers
	}
	target, err := sip.ParseURI(c.view.Peer)
	list := old.Replacements(target)
	if err != nil || len(list) == 0 || c.sock == nil {
		c.outcome(act, "", errors.Join(errNotReplaceable, err))
		return
	}
	next, local, asked := list[0], c.newSession(), c.want
	offer := local.Offer(c.transport(), asked)
	run, cancel := context.WithCancel(e.ctx)
	c.replacing = cancel
	e.job("INVITE with Replaces", replaceLimit, func(ctx context.Context) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(run, stop)()
		ans, err := next.Invite(ctx, st.Stack, offer, nil)
		e.post(func() {
			cancel()
			if c.over() || c.sip != old { // it ended, or the peer was faster
				if err == nil {
					a.farewell("BYE", next, next.Bye)
				}
				return
			}
			c.replacing = nil
			if err == nil {
				err = c.replaced(next, local, ans, asked)
			}
			if err != nil && c.parted != nil { // it was no more than a hang-up
				c.end(byPeer(*c.parted))
				return
			}
			c.outcome(act, "INVITE with Replaces 200 OK", err)
			c.tellMachine()
		})
	})
}

// hungUp hears the end of the call's dialog. While an INVITE of ours asks to
// replace it, that may be the peer doing so: its BYE to the old dialog (RFC 3891
// 3) can overtake its 2xx to the new one.
func (c *call) hungUp(ev sip.Ended) {
	if c.replacing != nil && c.view.State == phone.Up {
		c.parted = &ev
		return
	}
	c.end(byPeer(ev))
}

// replaced takes over the dialog that the peer accepted for the old one.
func (c *call) replaced(next *sip.Call, local *sdp.Local, ans sip.Answer, asked sdp.Direction) error {
	remote, err := sdp.Parse(ans.SDP)
	var n sdp.Negotiated
	if err == nil {
		n, err = local.Accept(remote)
	}
	if err != nil {
		c.acct.farewell("BYE", next, next.Bye)
		return err
	}
	c.adopt(next, local).Drop() // the peer hangs it up, where it can (RFC 3891 3)
	c.asked = asked
	c.negotiated(n)
	return nil
}

// adopt makes a dialog the call's own and returns the one before.
func (c *call) adopt(next *sip.Call, local *sdp.Local) (old *sip.Call) {
	old = c.sip
	if c.abort != nil {
		c.abort()
	}
	c.sip, c.sdp = next, local
	c.modifying, c.repairing, c.abort = false, false, nil
	c.confirming, c.glares, c.accepting, c.answering = 0, 0, false, false
	c.repairNext, c.replacing, c.parted, c.theirs = nil, nil, nil, nil
	c.view.SIPCallID = next.CallID()
	c.changed()
	return old
}

// takenOver answers an INVITE that replaces the call: the peer moved while we
// did, or never heard our answer. It is answered unasked where the call is up
// or our answer to it is out; where it still rings there, it is the peer that
// answers by this.
func (c *call) takenOver(ev sip.Incoming) {
	e, a := c.e, c.acct
	refuse := func(code int) {
		e.job("refuse call", goodbyeLimit, func(ctx context.Context) { _ = ev.Call.Reject(ctx, code, "") })
	}
	if c.over() || c.sock == nil {
		refuse(603)
		return
	}
	if c.replacing != nil {
		if c.sip.OwnsCallID() { // both at once: who made the Call-ID wins
			refuse(491)
			return
		}
		c.replacing()
	}
	local := c.newSession()
	body, n, err := c.answerTo(ev.Call.Offer(), local)
	if err != nil {
		refuse(488)
		return
	}
	act, up, unheard := c.act, c.view.State == phone.Up, c.accepting
	c.placing++ // whatever is being placed
	old := c.adopt(ev.Call, local)
	switch {
	case up: // RFC 3891 3; once, since its address is most likely gone
		e.farewellJob("BYE", func(ctx context.Context) { _ = old.Bye(ctx); old.Drop() })
	case unheard:
		old.Drop()
	default:
		a.farewell("CANCEL", old, old.Abandon)
	}
	c.asked = c.want
	c.negotiated(n)
	if !up {
		c.up()
	}
	e.say(phone.Info, c.who()+" took up the call from another address", "")
	c.accept(ev.Call, body)
	c.tellMachine()
	if act != nil {
		// What was asked for was the old dialog's; the refresh comes again, in
		// the new one.
		c.outcome(act, "", &replacedError{})
	}
}

// replacedError ends a repair whose dialog the peer replaced.
type replacedError struct{}

func (*replacedError) Error() string { return "the other side replaced the dialog" }

// Unwrap makes it an end of ours: it is tried again at once.
func (*replacedError) Unwrap() error { return sip.ErrCancelled }

// answerTo is our half of a new dialog.
func (c *call) answerTo(offer []byte, local *sdp.Local) (body []byte, n sdp.Negotiated, err error) {
	remote, err := sdp.Parse(offer)
	if err != nil {
		return nil, n, err
	}
	return local.Answer(remote, c.transport(), c.want)
}

// accept answers the INVITE of a dialog that took over, until the ACK.
func (c *call) accept(s *sip.Call, body []byte) {
	c.confirming++
	c.e.job("answer", modifyLimit+goodbyeLimit, func(ctx context.Context) {
		err := s.Accept(ctx, body)
		c.e.post(func() {
			if c.sip != s || c.over() {
				return
			}
			c.confirming--
			if err != nil && failure(err).Kind != roam.Cancelled {
				c.end(notAccepted(err))
				return
			}
			c.tellMachine()
			c.sync()
		})
	})
}

// who is the other side, for people.
func (c *call) who() string {
	if c.view.Name != "" {
		return c.view.Name
	}
	return c.view.Peer
}
