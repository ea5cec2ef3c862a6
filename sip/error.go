package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// Errors to branch on with errors.Is.
var (
	ErrTimeout     = errors.New("no answer in time")
	ErrTransport   = errors.New("the message could not be sent")
	ErrStackClosed = errors.New("the path was given up")
	ErrPortInUse   = errors.New("the port is in use")
	ErrTooLarge    = errors.New("the message is too large for UDP")
	ErrCancelled   = errors.New("the call was cancelled")
	ErrEnded       = errors.New("the call has ended")
	ErrWrongState  = errors.New("the call is not in a state for this")
	ErrNotSecure   = errors.New("a sips: address goes over TLS or not at all")
)

// ResponseError is a final answer that is not a success.
type ResponseError struct {
	Method     string
	Code       int
	Reason     string        // sanitized
	RetryAfter time.Duration // 0: none given
	Warning    string        // sanitized
	Asked      []string      // the kinds of login that it asks for, where none is known here; sanitized
}

func (e *ResponseError) Error() string {
	return fmt.Sprintf("%s was answered %d %s", e.Method, e.Code, e.Reason)
}

// RefusedError says that the server did not take our credentials for fresh
// nonces, twice: trying again with the same ones is useless (and locks
// accounts). It unwraps to the *ResponseError.
type RefusedError struct {
	Realm    string
	Stale    bool // the server called every nonce stale instead
	Response *ResponseError
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the credentials were refused for realm %q: %v", e.Realm, e.Response)
}

func (e *RefusedError) Unwrap() error { return e.Response }

// RedirectError is a 3xx. Redirects are not followed: who wrote the contacts
// is not known to be who was asked.
type RedirectError struct {
	Method   string // of the request
	Code     int
	Reason   string
	Contacts []string // URIs, sanitized
}

func (e *RedirectError) Error() string {
	return fmt.Sprintf("redirected: %d %s %q", e.Code, e.Reason, e.Contacts)
}

func openError(ctx context.Context, what string, at netip.AddrPort, err error) error {
	kind := ErrTransport
	var no syscall.Errno
	switch {
	case errors.As(err, &no) && (no == syscall.EADDRINUSE || no == wsaAddrInUse):
		kind = ErrPortInUse
	case errors.Is(err, context.DeadlineExceeded) || (ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded)):
		kind = ErrTimeout
	}
	return fmt.Errorf("%w: %s %v: %w", kind, what, at, err)
}
