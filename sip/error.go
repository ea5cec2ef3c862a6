package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"ramble/sip/locate"
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
	Code     int
	Reason   string
	Contacts []string // URIs, sanitized
}

func (e *RedirectError) Error() string {
	return fmt.Sprintf("redirected: %d %s %q", e.Code, e.Reason, e.Contacts)
}

// explanation is one line of the table behind Explain.
type explanation struct{ text, hint string }

// Explain puts an error of this package into words for a person: what it
// means with its likely cause, and what to do. hint may be empty.
func Explain(err error) (text, hint string) {
	if err == nil {
		return "", ""
	}
	var refused *RefusedError
	var response *ResponseError
	var redirect *RedirectError
	var resolve *locate.ResolveError
	var certificate *locate.CertificateError
	var handshake *locate.HandshakeError
	e := explanation{text: err.Error()}
	switch {
	case errors.As(err, &certificate):
		return certificate.Explain()
	case errors.As(err, &handshake):
		return handshake.Explain()
	case errors.As(err, &refused) && refused.Stale:
		e = explanation{"The server calls every login attempt out of date.", "Its clock or its nonce store is broken; ask its operator."}
	case errors.As(err, &refused):
		e = explanation{fmt.Sprintf("The server does not accept the user name or the password (realm %q).", refused.Realm),
			"Check auth_user and the password of this account, then register again."}
	case errors.As(err, &redirect):
		e = explanation{fmt.Sprintf("The call was redirected (%d) to another address.", redirect.Code), "Dial the new address if you trust it."}
	case errors.As(err, &resolve):
		return resolve.Explain()
	case errors.As(err, &response):
		e = explainCode(response)
	case errors.Is(err, ErrPortInUse):
		e = explanation{"The SIP port is taken by another program.", "Stop the other phone, or set sip_port = 0 to take any free port."}
	case errors.Is(err, ErrNotSecure):
		e = explanation{"A sips: address goes over TLS or not at all (RFC 3261 26.2.2), and this account does not use TLS.",
			"Set transport = \"tls\" for this account, or dial with sip: if that will do."}
	case errors.Is(err, ErrTooLarge):
		e = explanation{"The message is larger than 1300 bytes, more than UDP may carry, and the server takes no TCP connection.", "Offer fewer codecs, or ask the server's operator for TCP."}
	case errors.Is(err, ErrStackClosed):
		e = explanation{"The network path was replaced while the request was under way.", ""}
	case errors.Is(err, ErrEnded):
		e = explanation{"The call has ended.", ""}
	case errors.Is(err, ErrCancelled):
		e = explanation{"The call was cancelled.", ""}
	case errors.Is(err, ErrTimeout):
		e = explanation{"The server does not answer.", "Check the server's address, port and transport, and whether a firewall is in the way."}
	case errors.Is(err, syscall.ECONNREFUSED):
		e = explanation{"The server refuses the connection.", "Check its port and whether it speaks this transport; perhaps it is not running."}
	case errors.Is(err, ErrTransport):
		e = explanation{"The network does not carry our messages to the server.", "Check the connection; the transport or the port may be blocked."}
	}
	return e.text, e.hint
}

func explainCode(e *ResponseError) explanation {
	x := explanation{}
	switch e.Code {
	case 401, 407:
		x = explanation{"wants a login that this account has no credentials for", "Check the account's user, password and domain."}
		if len(e.Asked) > 0 {
			x = explanation{"wants a login by " + strings.Join(e.Asked, " or ") + ", which ramble does not know", "Ask the server's operator for Digest with MD5 or SHA-256."}
		}
	case 403:
		x = explanation{"forbidden: the server knows us and will not do this", "Wrong password on some servers; else the account may not call there or has too many devices."}
	case 404:
		x = explanation{"not found: nobody has this address", "Check the address you dialled."}
		if e.Method == "REGISTER" {
			x = explanation{"not found: the server does not know this account", "Check the uri and the registrar of this account."}
		}
	case 408:
		x = explanation{"request timeout: the other side was not reached", "Try again; the other phone may be off or behind a dead path."}
	case 423:
		x = explanation{"the registrar wants longer registrations each time, or does not say how long", "Set a longer expires for this account; ask its operator for the shortest that is allowed."}
	case 480:
		x = explanation{"temporarily unavailable: the other phone is not registered or not to be disturbed", "Try again later."}
	case 481:
		x = explanation{"the other side no longer knows this call", "Redial."}
	case 486, 600:
		x = explanation{"busy", "Try again later."}
	case 487:
		x = explanation{"the call was cancelled before it was answered", ""}
	case 488, 606:
		x = explanation{"not acceptable: no codec or kind of encryption in common", "Allow more codecs, or check the srtp setting of both sides."}
	case 491:
		x = explanation{"the other side changes the call at the same time", "Try again in a moment."}
	case 503:
		x = explanation{"service unavailable: the server is overloaded or its own line is down", "Try again in a moment."}
	case 603:
		x = explanation{"declined", ""}
	default:
		x.text = e.Reason
		switch {
		case e.Code >= 500 && e.Code < 600:
			x.hint = "The server has a problem; try again later."
		case e.Code >= 400:
			x.hint = "The trace shows the whole answer."
		}
	}
	x.text = fmt.Sprintf("%d: %s", e.Code, x.text)
	return x
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
