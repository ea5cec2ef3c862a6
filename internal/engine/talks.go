package engine

import (
	"errors"
	"slices"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/dialog"
)

// This file is where calls and their dialogs meet: every dialog of the phone,
// also those that are said goodbye to, and what they tell, in order.

// deal has a call hear what its dialog tells.
func (e *Engine) deal(of *sip.Call, act dialog.Action) {
	t := e.talkOf(of)
	if t == nil {
		return
	}
	switch end, _ := act.(dialog.Settled); {
	case end.Unknown:
		t.acct.forgotten()
	case end.Unheard:
		e.parts.Log.Info("the other side did not confirm the end", "account", t.acct.cfg.Name, "call", of.CallID())
		t.acct.stillOwed(t)
	}
	if t.call != nil {
		t.call.hear(of, act)
	}
}

// forgetSettled lets go of dialogs that have nothing left to do.
func (e *Engine) forgetSettled() {
	e.talks = slices.DeleteFunc(e.talks, func(t *talk) bool {
		done := t.sip.IsOver() && t.sip.Next().IsZero() || t.sip.State() == dialog.Idle // nothing was ever sent
		return done && (t.call == nil || t.call.over())
	})
}

// nextTalk is when a dialog wants to be looked at; zero: none does.
func (e *Engine) nextTalk() (next time.Time) {
	for _, t := range e.talks {
		if at := t.sip.Next(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

func (e *Engine) tickTalks(now time.Time) {
	for _, t := range slices.Clone(e.talks) {
		if at := t.sip.Next(); !at.IsZero() && !now.Before(at) {
			e.feed(t.sip, dialog.Tick{})
		}
	}
}

// owes says whether an end is on its way to a peer.
func (e *Engine) owes() bool {
	return slices.ContainsFunc(e.talks, func(t *talk) bool { return t.sip.Says() })
}

// sayOwed repeats, on a new stack, what no peer has confirmed.
func (a *account) sayOwed() {
	st := a.stacks.At(a.machine.Epoch())
	for _, t := range slices.Clone(a.e.talks) {
		switch {
		case t.acct != a || st == nil:
		case t.refusal != 0:
			code := t.refusal
			t.refusal = 0
			a.e.reject(a, t.sip, code, nil)
		case t.sip.State() == dialog.Leaving:
			a.e.moveTo(t.sip, st)
		}
	}
}

// hear takes in a fact of one of the call's dialogs: the one that it is, one
// that is to take its place, or one that was lost with its path.
func (c *call) hear(s *sip.Call, act dialog.Action) {
	switch {
	case c.replacing != nil && c.replacing.by == s:
		c.hearReplacing(act)
		return
	case s != c.sip:
		if _, ok := act.(dialog.Settled); ok {
			c.dialWhenReady()
		}
		return
	case c.over():
		return
	}
	switch act := act.(type) {
	case dialog.Progress:
		c.progress(act)
	case dialog.Apply:
		if act.Early {
			c.view.State = phone.Early
		}
		c.negotiated(act.Negotiated)
	case dialog.Established:
		c.established()
	case dialog.Outcome:
		c.offerDone(act)
	case dialog.Ended:
		c.hungUp(act)
	case dialog.Retargeted:
		c.retargeted(act)
	default: // sip sends what is to be sent; that all is settled matters to the list of dialogs
	}
}

// progress hears a provisional response.
func (c *call) progress(p dialog.Progress) {
	if c.view.State == phone.Up {
		return
	}
	c.view.Code, c.view.Reason = p.Code, ""
	var said *sip.ResponseError
	if errors.As(p.Err, &said) {
		c.view.Reason = said.Reason
	}
	c.placedAnew()
	if p.Code > 100 && c.rangAt.IsZero() {
		c.rangAt = time.Now()
	}
	switch {
	case p.Code == 100:
		c.view.State = max(c.view.State, phone.Trying)
	case c.view.State != phone.Early:
		c.view.State = phone.Ringing
	}
	c.changed()
}

// established: both sides have the call.
func (c *call) established() {
	c.placedAnew()
	c.dropGhosts()
	c.answering = false
	if c.view.State != phone.Up {
		c.up()
	}
	c.sync()
}

func (c *call) up() {
	c.view.State, c.view.Code, c.view.Reason, c.view.Hint = phone.Up, 200, "", ""
	if c.view.Answered.IsZero() {
		c.view.Answered = time.Now()
	}
	c.view.SIPCallID = c.sip.CallID()
	c.e.then(func() {
		c.tellMachine() // else it does not know yet that there is sound to be moved
		c.placed()
	})
	c.e.current = c.view.ID
	c.changed()
}

// retargeted: the peer asked to be reached elsewhere, so it may have roamed. Its
// sound may come from where its signalling comes from now.
func (c *call) retargeted(act dialog.Retargeted) {
	c.e.parts.Log.Info("the other side moved", "call", c.view.ID, "from", act.From, "to", act.To)
	if c.stream != nil {
		c.stream.Update(c.mediaTerms(c.terms))
	}
}

// row is the call as the roaming policy sees it.
func (c *call) row() roam.Call {
	r := roam.Call{
		ID: roam.CallID(c.view.ID), OwnsCallID: c.sip.OwnsCallID(),
		AudioDue: c.agreed.Receives() && !c.remoteHold, Replaceable: c.sip.Replaceable(),
	}
	switch c.sip.Row() {
	case dialog.Offering:
		r.State = roam.OfferPending
	case dialog.OfferLost:
		r.State, r.OfferLost = roam.OfferPending, true
	case dialog.AnswerOut:
		r.State = roam.AnswerDue
	case dialog.RingingHere:
		r.State = roam.RingingHere
	case dialog.CallingOut:
		r.State = roam.Calling
	case dialog.CallingEarly:
		r.State, r.Early = roam.Calling, c.stream != nil
	case dialog.Quiet, dialog.Finished:
		r.State = roam.Idle
	}
	return r
}

// tellMachine keeps the policy's picture of the call true.
func (c *call) tellMachine() {
	if c.over() {
		return
	}
	row := c.row()
	if row == c.rowTold {
		return
	}
	was := c.rowTold
	c.rowTold = row
	c.e.step(c.acct, roam.CallChanged{Call: row})
	if was.State == roam.AnswerDue && row.State == roam.Idle {
		c.followFamily()
	}
}

// renamed shows who is at the other end by now: a server that put somebody
// through says so (RFC 3325, RFC 4916).
func (e *Engine) renamed(s *sip.Call) {
	c := e.callOf(s)
	if c == nil || c.over() || c.sip != s {
		return
	}
	if uri, name := s.Peer(); uri != "" && (uri != c.view.Peer || name != c.view.Name) {
		c.view.Peer, c.view.Name = uri, name
		c.changed()
	}
}
