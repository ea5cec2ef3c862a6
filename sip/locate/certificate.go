package locate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"ramble/internal/leaf/clean"
)

// CertificateProblem is what is wrong with a server's certificate.
type CertificateProblem int

// The problems.
const (
	CertificateUnusable CertificateProblem = iota // anything else: see Err
	CertificateWrongName
	CertificateExpired
	CertificateNotYetValid
	CertificateSelfSigned
	CertificateUnknownCA
)

// CertificateError says that a server could not prove to be whom we want to
// talk to. Nothing was sent. All texts are sanitized.
type CertificateError struct {
	Server  string // whom it should have proved to be
	Problem CertificateProblem
	Names   []string  // for whom the certificate is; at most eight
	Issuer  string    // who signed it, and is not known
	When    time.Time // CertificateExpired: since; CertificateNotYetValid: until
	Now     time.Time // what this machine's clock says
	Err     error     // nil: the rest says it all
}

func (e *CertificateError) Error() string {
	text := [...]string{"is not usable", "is for another name", "has expired", "is not valid yet", "is signed by itself", "is signed by an unknown CA"}[e.Problem]
	if e.Err != nil {
		return fmt.Sprintf("the certificate of %s %s: %v", e.Server, text, e.Err)
	}
	return fmt.Sprintf("the certificate of %s %s", e.Server, text)
}

func (e *CertificateError) Unwrap() error { return e.Err }

// chainError sorts what x509 says about a chain.
func chainError(chain []*x509.Certificate, name string, now time.Time, err error) error {
	leaf := chain[0]
	e := &CertificateError{Server: name, Names: namesIn(leaf), Now: now}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil && now.Before(invalid.Cert.NotBefore):
		e.Problem, e.When = CertificateNotYetValid, invalid.Cert.NotBefore
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		e.Problem, e.When = CertificateExpired, invalid.Cert.NotAfter
	case errors.As(err, &unknown) && bytes.Equal(leaf.RawIssuer, leaf.RawSubject):
		e.Problem = CertificateSelfSigned
	case errors.As(err, &unknown):
		e.Problem, e.Issuer = CertificateUnknownCA, issuerOf(chain[len(chain)-1])
	default:
		e.Err = err
	}
	return e
}

// issuerOf is who signed a certificate, in words.
func issuerOf(c *x509.Certificate) string {
	for _, s := range append([]string{c.Issuer.CommonName}, append(c.Issuer.Organization, c.Issuer.OrganizationalUnit...)...) {
		if s != "" {
			return clean.Limit(s, 64)
		}
	}
	return "somebody without a name"
}

// namesIn are those whom a certificate is for.
func namesIn(c *x509.Certificate) (names []string) {
	all := append(sipDomains(c), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	for _, n := range all {
		if n = clean.Limit(n, 64); len(names) < 8 && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// HandshakeProblem is why no TLS came about, certificates apart.
type HandshakeProblem int

// The problems.
const (
	HandshakeFailed     HandshakeProblem = iota // anything else: see Err
	HandshakeOldVersion                         // nothing newer than TLS 1.1
	HandshakeNotTLS                             // something else speaks at that port
	HandshakeStalled                            // a connection, and then silence
	HandshakeClosed                             // a connection, closed at our first word
)

// HandshakeError says that a server and we found no way of speaking TLS.
type HandshakeError struct {
	Server  string
	Problem HandshakeProblem
	Err     error
}

func (e *HandshakeError) Error() string { return fmt.Sprintf("no TLS with %s: %v", e.Server, e.Err) }
func (e *HandshakeError) Unwrap() error { return e.Err }

// handshakeError sorts the end of a handshake. A *CertificateError passes.
func handshakeError(ctx context.Context, to Server, err error) error {
	var cert *CertificateError
	if errors.As(err, &cert) {
		return err
	}
	e := &HandshakeError{Server: to.Identity(), Err: err}
	if ip := to.Addr.Addr().String(); e.Server == ip {
		e.Server = to.Addr.String()
	} else {
		e.Server += fmt.Sprintf(" port %d", to.Addr.Port())
	}
	var record tls.RecordHeaderError
	switch {
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return err // given up by us
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		e.Problem = HandshakeStalled
	case errors.As(err, &record):
		e.Problem = HandshakeNotTLS
	case strings.Contains(err.Error(), "protocol version"): // an alert of the server, or our own refusal: neither has a type
		e.Problem = HandshakeOldVersion
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		e.Problem = HandshakeClosed
	}
	return e
}
