package engine

import (
	"context"
	"errors"

	"ramble/internal/engine/roam"
	"ramble/sip"
)

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
