// Package fault turns errors of signalling into facts: what people are told, and
// what the roaming policy can do about it.
package fault

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/locate"
)

// Of is an error of signalling as facts, for people; the zero value for nil.
func Of(err error) phone.Fault {
	if err == nil {
		return phone.Fault{}
	}
	for _, known := range []func(error) phone.Fault{ofTLS, ofName, ofResponse, ofSocket} {
		if f := known(err); f.Kind != phone.NoFault {
			return f
		}
	}
	switch sorted(err).Kind {
	case roam.TimedOut:
		return phone.Fault{Kind: phone.FaultTimeout}
	case roam.Transport:
		return phone.Fault{Kind: phone.FaultTransport}
	case roam.Cancelled:
		return phone.Fault{Kind: phone.FaultPathGone}
	default: // answers were told apart above, and nothing is known of the rest
	}
	return phone.Fault{Kind: phone.FaultLocal, Text: clean.Limit(err.Error(), 256)}
}

// ofTLS is why a server could not prove who it is, or spoke no TLS.
func ofTLS(err error) phone.Fault {
	var certificate *locate.CertificateError
	var handshake *locate.HandshakeError
	switch {
	case errors.As(err, &certificate):
		f := phone.Fault{
			Name: certificate.Server, Others: strings.Join(certificate.Names, ", "), When: certificate.When, Now: certificate.Now,
			Kind: map[locate.CertificateProblem]phone.FaultKind{
				locate.CertificateWrongName: phone.CertificateName, locate.CertificateExpired: phone.CertificateExpired,
				locate.CertificateNotYetValid: phone.CertificateEarly, locate.CertificateSelfSigned: phone.CertificateItself,
				locate.CertificateUnknownCA: phone.CertificateStranger, locate.CertificateUnusable: phone.FaultCertificate,
			}[certificate.Problem],
		}
		if certificate.Problem == locate.CertificateUnknownCA {
			f.Others = certificate.Issuer
		}
		if certificate.Err != nil {
			f.Text = clean.Limit(certificate.Err.Error(), 256)
		}
		return f
	case errors.As(err, &handshake):
		f := phone.Fault{Name: handshake.Server, Kind: map[locate.HandshakeProblem]phone.FaultKind{
			locate.HandshakeFailed: phone.FaultTLS, locate.HandshakeOldVersion: phone.FaultTLSOld, locate.HandshakeNotTLS: phone.FaultTLSNone,
			locate.HandshakeStalled: phone.FaultTLSStalled, locate.HandshakeClosed: phone.FaultTLSClosed,
		}[handshake.Problem]}
		if handshake.Err != nil {
			f.Text = clean.Limit(handshake.Err.Error(), 256)
		}
		return f
	}
	return phone.Fault{}
}

// ofName is why a name led to no server.
func ofName(err error) phone.Fault {
	var resolve *locate.ResolveError
	if !errors.As(err, &resolve) {
		return phone.Fault{}
	}
	for _, known := range []error{locate.ErrLinkLocal, locate.ErrOwn, locate.ErrNotOffered, locate.ErrNoFamily, locate.ErrAliases} {
		if errors.Is(resolve.Err, known) {
			return phone.Fault{Kind: phone.FaultAddress, Name: resolve.Host, Text: known.Error()}
		}
	}
	var dns *net.DNSError
	if resolve.Err == nil || errors.As(resolve.Err, &dns) && dns.IsNotFound {
		return phone.Fault{Kind: phone.FaultNoAddress, Name: resolve.Host}
	}
	return phone.Fault{Kind: phone.FaultNoDNS, Name: resolve.Host}
}

// ofResponse is a final answer other than 2xx.
func ofResponse(err error) phone.Fault {
	var res *sip.ResponseError
	var refused *sip.RefusedError
	var redirect *sip.RedirectError
	switch {
	case errors.As(err, &refused):
		f := phone.Fault{Kind: phone.FaultLogin, Name: refused.Realm, Method: refused.Response.Method, Code: refused.Response.Code, Phrase: refused.Response.Reason}
		if refused.Stale {
			f.Kind = phone.FaultStale
		}
		return f
	case errors.As(err, &redirect):
		f := phone.Fault{Kind: phone.FaultRedirect, Method: redirect.Method, Code: redirect.Code, Phrase: redirect.Reason}
		if len(redirect.Contacts) > 0 {
			f.Name, f.Others = redirect.Contacts[0], strings.Join(redirect.Contacts[1:], ", ")
		}
		return f
	case errors.As(err, &res):
		return phone.Fault{Kind: phone.FaultResponse, Method: res.Method, Code: res.Code, Phrase: res.Reason, Others: strings.Join(res.Asked, " or ")}
	}
	return phone.Fault{}
}

// ofSocket is what has an error of its own.
func ofSocket(err error) phone.Fault {
	for _, x := range []struct {
		err  error
		kind phone.FaultKind
	}{
		{sip.ErrPortInUse, phone.FaultPort}, {sip.ErrNotSecure, phone.FaultNotSecure}, {sip.ErrTooLarge, phone.FaultTooLarge},
		{sip.ErrStackClosed, phone.FaultPathGone}, {sip.ErrEnded, phone.FaultOver}, {sip.ErrCancelled, phone.FaultCancelled},
		{sip.ErrTimeout, phone.FaultTimeout}, {syscall.ECONNREFUSED, phone.FaultRefused},
	} {
		if errors.Is(err, x.err) {
			return phone.Fault{Kind: x.kind}
		}
	}
	return phone.Fault{}
}

// Failure is an error of signalling as the policy takes it, with what is known.
func Failure(err error) roam.Failure {
	f := sorted(err)
	f.Fault = Of(err)
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
