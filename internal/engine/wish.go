package engine

import (
	"time"

	"ramble/internal/engine/fault"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/dialog"
	"ramble/sip/sdp"
)

// This file says to a call's dialog what it should be, over included: whoever
// changes a wish says so here, and the dialog makes the offers. A dialog says
// goodbye now, or when there is a way again, until the peer has confirmed or the
// grace time is over.

// wish is what the call should be now.
func (c *call) wish() dialog.Wish {
	return dialog.Wish{At: sdp.Transport(c.sock.Announced()), Direction: c.want}
}

// hold wishes for hold or its end.
func (c *call) hold(on bool) {
	c.want = sdp.SendRecv
	if on {
		c.want = sdp.SendOnly
	}
	c.sync()
}

// sync makes it so, as soon as both sides are quiet.
func (c *call) sync() {
	if c.view.State == phone.Up && c.sock != nil {
		c.e.feed(c.sip, dialog.Want{Wish: c.wish(), Urgency: dialog.Soon})
	}
}

// offerDone hears the end of an offer that was asked for.
func (c *call) offerDone(o dialog.Outcome) {
	if o.Result.Answered && o.Result.Code == 404 { // to where the dialog has the peer
		c.acct.forgotten()
	}
	switch o.Urgency {
	case dialog.Now:
		c.refreshDone(o)
	case dialog.Once:
		if o.Result.OK {
			c.say(phone.Info, phone.News{Kind: phone.RefreshAnswered, Method: o.Method.String()})
			return
		}
		c.say(phone.Warn, phone.News{Kind: phone.RefreshRefused, Method: o.Method.String(), Fault: fault.Of(o.Result.Err)})
	case dialog.Soon:
		c.say(phone.Warn, phone.News{Kind: phone.HoldRefused, Fault: fault.Of(o.Result.Err)})
		c.want = c.sip.Wish().Direction
		c.showHold()
		c.changed()
	case dialog.Noted, dialog.Quietly:
		if o.Result.Err != nil {
			c.say(phone.Warn, phone.News{Kind: phone.ChangeRefused, Text: o.Result.Err.Error()})
		}
	}
}

// refreshDone hears the end of a refresh that the policy asked for.
func (c *call) refreshDone(o dialog.Outcome) {
	act := c.act
	if act == nil || act.How == roam.ByNewInvite || act.How == roam.ByReplaces {
		return
	}
	err := o.Result.Err
	if err != nil && o.Result.Unheard { // the caller has not heard our 200 yet, by whatever it says
		err = &unheardError{err}
	}
	c.outcome(act, repairWord(o.Method)+" 200 OK", err)
}

// repair carries out roam.Repair: the call moves to the epoch's stack and is
// refreshed there.
func (c *call) repair(act roam.Repair) {
	st := c.acct.stacks.At(act.Epoch)
	if c.over() {
		return
	}
	c.act, c.waiting = &act, false
	switch {
	case st == nil:
		c.outcome(&act, "", &noConnection{})
	case act.How == roam.ByNewInvite:
		c.inviteAnew(&act, st)
	case act.How == roam.ByReplaces:
		c.replace(&act, st)
	case c.mapping.awaited:
		c.waiting = true
	default:
		by := dialog.Reinvite
		if act.How == roam.ByEarlyUpdate || act.How == roam.ByUpdate && c.sip.PeerAllows("UPDATE") {
			by = dialog.Update
		}
		c.e.moveTo(c.sip, st)
		c.e.feed(c.sip, dialog.Want{Wish: c.wish(), Urgency: dialog.Now, By: by, Plain: act.How == roam.ByPlainCodecs})
	}
}

// unheardError is an answer to what the other side could not place.
type unheardError struct{ answer error }

func (e *unheardError) Error() string { return "our answer is not confirmed: " + e.answer.Error() }

// Unwrap makes it a silence, after which it is tried again.
func (*unheardError) Unwrap() error { return sip.ErrTimeout }

// outcome reports a repair, unless another took its place.
func (c *call) outcome(act *roam.Repair, detail string, err error) {
	if c.act != act {
		return
	}
	c.act = nil
	e := c.e
	if err != nil {
		e.step(c.acct, roam.RepairFailed{Epoch: act.Epoch, Call: act.Call, Failure: fault.Failure(err)})
		return
	}
	c.view.KeepUntil = time.Time{}
	c.changed()
	e.step(c.acct, roam.Repaired{Epoch: act.Epoch, Call: act.Call, Detail: detail})
}

// noConnection: the stack of a repair is not there.
type noConnection struct{}

func (*noConnection) Error() string { return "no connection" }

// Unwrap makes it an end of ours.
func (*noConnection) Unwrap() error { return sip.ErrStackClosed }

func repairWord(m dialog.Method) string {
	if m == dialog.Update {
		return "UPDATE"
	}
	return "re-INVITE"
}

// showHold derives what people see from the two directions.
func (c *call) showHold() {
	local := !c.want.Receives()
	switch {
	case local && c.remoteHold:
		c.view.Held = phone.HeldBoth
	case local:
		c.view.Held = phone.HeldLocal
	case c.remoteHold:
		c.view.Held = phone.HeldRemote
	default:
		c.view.Held = phone.HeldByNone
	}
}

// hangup ends the call from our side, whatever its state.
func (c *call) hangup(how phone.End) {
	switch {
	case c.over():
		return
	case c.view.State == phone.Up, c.sip.State() == dialog.Accepted:
		c.end(how)
		c.acct.part(c.sip)
	case c.view.Direction == phone.Incoming:
		if how.Cause == phone.HungUp {
			how.Cause = phone.Declined
		}
		how.Code = 603
		if how.Cause == phone.PhoneClosed {
			// Nobody refused: this phone goes away. 603 would read "declined" at the caller, and would end the ringing
			// of the callee's other phones too (RFC 3261 21.6.2). 486 would claim a call that there is not.
			how.Code = 480
		}
		c.reject(how, nil)
	default:
		lost := append(c.ghosts, c.sip)
		c.ghosts, c.list, c.ready = nil, nil, nil
		if how.Cause == phone.HungUp {
			how.Cause = phone.Cancelled
		}
		c.end(how)
		for _, s := range lost {
			c.acct.part(s)
		}
	}
}

// part ends a dialog, by the present stack where there is one.
func (a *account) part(s *sip.Call) {
	a.e.own(s, a, nil)
	if st := a.stacks.At(a.machine.Epoch()); st != nil && s.Stack() != nil {
		a.e.moveTo(s, st)
	}
	a.e.feed(s, dialog.Hangup{})
}

// reject refuses a call that rings here, with how.Code; err, if any, tells the
// caller what does not suit us.
func (c *call) reject(how phone.End, err error) {
	c.end(how)
	c.e.reject(c.acct, c.sip, how.Code, err)
}

// reject refuses an INVITE, by the present stack where there is one, or as soon
// as there is one. The farewell of the phone waits until it is sent.
func (e *Engine) reject(a *account, s *sip.Call, code int, err error) {
	e.own(s, a, nil)
	switch st := a.stacks.At(a.machine.Epoch()); {
	case st != nil:
		e.moveTo(s, st)
	case !s.HasWay():
		e.talkOf(s).refusal = code
		return
	}
	e.feed(s, dialog.Reject{Code: code, Err: err})
	e.leaving++
	s.Flush(func() { e.post(func() { e.leaving = max(e.leaving-1, 0) }) })
}
