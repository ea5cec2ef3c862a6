package engine

import (
	"cmp"
	"errors"
	"time"

	"ramble/internal/engine/fault"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/dialog"
)

// This file turns the ways in which a call ends into facts.

// byUser is the user's wish that a call be over; what that is called depends
// on how far the call has come.
func byUser() phone.End { return phone.End{By: phone.ByUs, Cause: phone.HungUp} }

// endBy ends the call as its dialog tells.
func (c *call) endBy(e dialog.Ended) {
	c.view.NeedsRedial = c.view.NeedsRedial || e.How == dialog.Unknown
	c.end(c.endOf(e))
	if e.How == dialog.Unknown && e.Code == 481 {
		c.acct.forgotten()
	}
}

// endOf is the end of a dialog as facts for people.
func (c *call) endOf(e dialog.Ended) phone.End {
	switch e.How {
	case dialog.HungUp, dialog.Cancelled:
		return byPeer(e)
	case dialog.Rejected, dialog.NotSent:
		if dialog.NoAnswer(e.Err) {
			return c.notInvited(errors.Join(sip.ErrTimeout, e.Err))
		}
		return c.notInvited(e.Err)
	case dialog.Unconfirmed:
		return phone.End{By: phone.ByPeer, Cause: phone.Unconfirmed, Code: 504}
	case dialog.Unacknowledged:
		return notAccepted(errors.Join(sip.ErrTimeout, e.Err))
	case dialog.Unknown:
		return phone.End{By: phone.ByPeer, Cause: phone.LostToPeer, Code: e.Code}
	case dialog.Unusable:
		return failedBy(phone.Unusable, e.Code, e.Err)
	case dialog.Vanished:
		return phone.End{By: phone.ByPeer, Cause: phone.CallerGone, Code: 481}
	case dialog.Expired:
		return phone.End{By: phone.ByNetwork, Cause: phone.Expired}
	case dialog.Adrift, dialog.Dropped:
	}
	return failedBy(phone.RequestFailed, e.Code, e.Err)
}

// byPeer is the other side's BYE or CANCEL.
func byPeer(e dialog.Ended) phone.End {
	end := phone.End{By: phone.ByPeer, Cause: phone.HungUp, Code: cmp.Or(e.Code, 200), Phrase: e.Text}
	switch {
	case e.How == dialog.Cancelled && e.Code == 200: // RFC 3326: another fork was answered
		end.By, end.Cause, end.Phrase = phone.ByServer, phone.Elsewhere, ""
	case e.How == dialog.Cancelled:
		end.Cause, end.Code = phone.Cancelled, cmp.Or(e.Code, 487)
	}
	return end
}

// notInvited is an INVITE of ours that failed.
func (c *call) notInvited(err error) phone.End {
	f := fault.Of(err)
	end := phone.End{By: phone.ByServer, Cause: phone.RequestFailed, Code: f.Code, Fault: f}
	switch f.Kind {
	case phone.FaultResponse:
		end.Cause, end.Phrase = phone.Rejected, f.Phrase
		if personal(f.Code) {
			end.By = phone.ByPeer
		}
	case phone.FaultTimeout:
		end.By, end.Cause = phone.ByNetwork, phone.NotAnswered
	case phone.FaultTransport, phone.FaultPathGone, phone.FaultRefused:
		end.By = phone.ByNetwork
	case phone.FaultLocal, phone.FaultPort, phone.FaultNotSecure, phone.FaultTooLarge, phone.FaultOver, phone.FaultCancelled:
		end.By = phone.ByUs
	}
	if !c.rangAt.IsZero() {
		end.After = time.Since(c.rangAt)
	}
	return end
}

// personal: the other phone or its user says so, not a server on the way.
func personal(code int) bool {
	switch code {
	case 480, 486, 488, 600, 603, 606, 607:
		return true
	}
	return false
}

// notAccepted is a 200 of ours that came to nothing.
func notAccepted(err error) phone.End {
	end := failedBy(phone.RequestFailed, 0, err)
	if end.Fault.Kind == phone.FaultTimeout {
		end.By, end.Cause = phone.ByNetwork, phone.NoACK
	}
	return end
}

// failedBy is an end for a reason on our side; code is what the other side is told, if anything.
func failedBy(cause phone.Cause, code int, err error) phone.End {
	return phone.End{By: phone.ByUs, Cause: cause, Code: code, Fault: fault.Of(err)}
}

// ringOut ends a call that rang for as long as its INVITE was good.
func (c *call) ringOut(now time.Time) {
	if c.ringUntil.IsZero() || now.Before(c.ringUntil) || c.over() || c.view.State != phone.Ringing || c.answering {
		return
	}
	c.reject(phone.End{By: phone.ByUs, Cause: phone.RangOut, Code: 487, After: now.Sub(c.view.Started)}, nil)
}

// end is the end of the call on our side: no more sound, no more repairs. How
// far the call had come is added to how it ended.
func (c *call) end(how phone.End) {
	if c.over() {
		return
	}
	c.endMedia()
	v := &c.view
	how.In = v.State
	v.State, v.Ended, v.End, v.Code = phone.Ended, time.Now(), how, how.Code
	v.Reason, v.Hint = "", ""
	v.Recovering, v.KeepUntil, v.Held = false, time.Time{}, phone.HeldByNone
	c.endReplacing()
	c.dropGhosts()
	c.changed()
	e := c.e
	e.step(c.acct, roam.CallGone{ID: roam.CallID(v.ID)})
	if how.In != phone.Up && v.Direction == phone.Outgoing && how.Code >= 400 {
		e.busyTone()
	}
	e.turn.peers = true
}

// forgetOld keeps the list of ended calls short.
func (e *Engine) forgetOld() {
	over := 0
	for _, id := range e.order {
		if e.calls[id].over() {
			over++
		}
	}
	kept := e.order[:0]
	for _, id := range e.order {
		if over > e.parts.OldMax && e.calls[id].over() {
			over--
			delete(e.calls, id)
			continue
		}
		kept = append(kept, id)
	}
	e.order = kept
}
