package engine

import (
	"context"
	"errors"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
)

// failure is a signalling error as the policy takes it, with what is known.
func failure(err error) roam.Failure {
	f := sorted(err)
	f.Fault = fault(err)
	return f
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
