package locate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"time"
)

// handshakeTimeout bounds a TLS handshake where the context has no shorter
// limit: two round trips and some arithmetic.
const handshakeTimeout = 10 * time.Second

// TLSPolicy says whom an account believes to be its server. The zero value is
// strict.
type TLSPolicy struct {
	Roots      *x509.CertPool // who may vouch for a server; nil: whom the system trusts
	Unverified bool           // believe anybody: for a lab. Whoever sets it shows that, all the time
}

// Roots returns those whom the system trusts and, added to them, the
// certificates of a PEM file.
func Roots(pem []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no certificate in it; PEM is wanted (-----BEGIN CERTIFICATE-----)")
	}
	return pool, nil
}

// Client speaks TLS on raw with a server that must prove its Identity. It
// takes raw over: an error closes it. sessions may be nil; now is the clock
// that certificates are held against. Its errors are *CertificateError,
// *HandshakeError, and what ended ctx.
func (p TLSPolicy) Client(ctx context.Context, raw net.Conn, to Server, sessions tls.ClientSessionCache, now func() time.Time) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Client(raw, p.config(to.Identity(), sessions, now))
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, handshakeError(ctx, to, err)
	}
	return conn, nil
}

// config is strict about everything but what the policy says. The usual check
// is switched off because verify does it for every connection, resumed ones
// included, with the names of RFC 5922.
func (p TLSPolicy) config(name string, sessions tls.ClientSessionCache, now func() time.Time) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, InsecureSkipVerify: true, ClientSessionCache: sessions}
	if !p.Unverified {
		c.VerifyConnection = func(cs tls.ConnectionState) error {
			return verify(cs.PeerCertificates, p.Roots, name, now())
		}
	}
	return c
}

// verify says whether a chain of certificates proves that its owner is name.
// Its errors are *CertificateError.
func verify(chain []*x509.Certificate, roots *x509.CertPool, name string, now time.Time) error {
	if len(chain) == 0 {
		return &CertificateError{Server: name, Problem: CertificateUnusable, Err: errors.New("the server showed no certificate")}
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(o); err != nil {
		return chainError(chain, name, now, err)
	}
	if !Certifies(chain[0], name) {
		return &CertificateError{Server: name, Problem: CertificateWrongName, Names: namesIn(chain[0])}
	}
	return nil
}

// Certifies says whether a certificate is for a SIP domain: by a sip: URI
// without a user, or by a DNS name or an address (RFC 5922 7.1). A wildcard
// counts as in HTTPS, although RFC 5922 7.2 forbids it: hosted exchanges show
// nothing else (*.pbx.example.com).
func Certifies(cert *x509.Certificate, name string) bool {
	for _, domain := range sipDomains(cert) {
		if strings.EqualFold(domain, name) {
			return true
		}
	}
	return cert.VerifyHostname(name) == nil
}

// sipDomains are the domains of a certificate's sip: URIs.
func sipDomains(cert *x509.Certificate) (domains []string) {
	for _, u := range cert.URIs {
		if u.Scheme == "sip" && u.Opaque != "" && !strings.Contains(u.Opaque, "@") {
			host, _, _ := strings.Cut(u.Opaque, ";")
			domains = append(domains, host)
		}
	}
	return domains
}
