package engine

import (
	"cmp"
	"context"
	"errors"
	"time"

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
	f := fault(err)
	end := phone.End{By: phone.ByServer, Cause: phone.RequestFailed, Code: f.Code, Fault: f}
	switch f.Kind {
	case phone.FaultResponse:
		end.Cause, end.Phrase = phone.Rejected, f.Phrase
		if personal(f.Code) {
			end.By = phone.ByPeer
		}
	case phone.FaultTimeout:
		end.By, end.Cause = phone.ByNetwork, phone.NotAnswered
	case phone.FaultTransport, phone.FaultPathGone:
		end.By = phone.ByNetwork
	case phone.FaultLocal:
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
	return phone.End{By: phone.ByUs, Cause: cause, Code: code, Fault: fault(err)}
}

// fault is an error of signalling as facts.
func fault(err error) phone.Fault {
	text, hint := sip.Explain(err)
	f := phone.Fault{Kind: phone.FaultLocal, Text: text, Hint: hint}
	var res *sip.ResponseError
	var refused *sip.RefusedError
	var redirect *sip.RedirectError
	switch {
	case errors.As(err, &refused):
		f.Kind, f.Method, f.Code, f.Phrase = phone.FaultLogin, refused.Response.Method, refused.Response.Code, refused.Response.Reason
	case errors.As(err, &redirect):
		f.Kind, f.Code, f.Phrase = phone.FaultRedirect, redirect.Code, redirect.Reason
	case errors.As(err, &res):
		f.Kind, f.Method, f.Code, f.Phrase = phone.FaultResponse, res.Method, res.Code, res.Reason
	default:
		switch sorted(err).Kind {
		case roam.TimedOut:
			f.Kind = phone.FaultTimeout
		case roam.Transport:
			f.Kind = phone.FaultTransport
		case roam.Cancelled:
			f.Kind = phone.FaultPathGone
		}
	}
	return f
}

// ended writes the end of a call into its row.
func (c *call) ended(how phone.End) {
	v := &c.view
	how.In = v.State
	v.State, v.Ended, v.End, v.Code = phone.Ended, time.Now(), how, how.Code
	v.Reason, v.Hint = "", ""
}

// failure is a signalling error as the policy takes it, with what is known.
func failure(err error) roam.Failure {
	f := sorted(err)
	f.Fault = fault(err)
	return f
}

// sorted sorts a signalling error by what the policy can do about it.
func sorted(err error) roam.Failure {
	f := roam.Failure{}
	var res *sip.ResponseError
	var refused *sip.RefusedError
	switch {
	case errors.As(err, &refused):
		f.Kind, f.Code = roam.Refused, refused.Response.Code
	case errors.As(err, &res):
		f.Kind, f.Code, f.RetryAfter = roam.Answered, res.Code, res.RetryAfter
	case errors.Is(err, sip.ErrStackClosed), errors.Is(err, sip.ErrCancelled), errors.Is(err, context.Canceled):
		f.Kind = roam.Cancelled
	case errors.Is(err, sip.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		f.Kind = roam.TimedOut
	case errors.Is(err, sip.ErrTransport):
		f.Kind = roam.Transport
	default:
		f.Kind = roam.Unreachable
	}
	return f
}
