package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// handshakeTimeout bounds a TLS handshake where the context has no shorter
// limit: two round trips and some arithmetic.
const handshakeTimeout = 10 * time.Second

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

// identity is whom the server must prove to be over TLS.
func (s Server) identity() string {
	if s.Host != "" {
		return strings.TrimSuffix(s.Host, ".")
	}
	return s.Addr.Addr().String()
}

// connect opens a connection of the stack's kind. name is whom the other side
// must prove to be; "" asks for no proof and is for TCP.
func (s *Stack) connect(ctx context.Context, to netip.AddrPort, name string) (*stream, error) {
	raw, err := s.o.Sockets.Dial(ctx, netip.AddrPortFrom(s.o.Local, 0), to, s.o.Interface)
	if err != nil {
		return nil, openError(ctx, "connect to", to, err)
	}
	if s.transport != TLS {
		return newStream(s, raw, raw, "", true), nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Client(raw, s.tlsConfig(name))
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, openError(ctx, "speak TLS with", to, handshakeError(ctx, Server{Addr: to, Host: name}, err))
	}
	return newStream(s, conn, raw, name, true), nil
}

// tlsConfig is strict about everything but what the account's policy says. The
// usual check is switched off because verify does it for every connection,
// resumed ones included, with the names of RFC 5922.
func (s *Stack) tlsConfig(name string) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: name, InsecureSkipVerify: true, ClientSessionCache: s.o.Sessions,
	}
	if policy := s.o.Account.TLS; !policy.Unverified {
		c.VerifyConnection = func(cs tls.ConnectionState) error {
			return verify(cs.PeerCertificates, policy.Roots, name, s.now())
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
	if !certifies(chain[0], name) {
		return &CertificateError{Server: name, Problem: CertificateWrongName, Names: namesIn(chain[0])}
	}
	return nil
}

// certifies says whether a certificate is for a SIP domain: by a sip: URI
// without a user, or by a DNS name or an address (RFC 5922 7.1). A wildcard
// counts as in HTTPS, although RFC 5922 7.2 forbids it: hosted exchanges show
// nothing else (*.pbx.example.com).
func certifies(cert *x509.Certificate, name string) bool {
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

// TLS describes the connection to the server. It is zero where there is none,
// or it is not TLS.
func (s *Stack) TLS() tls.ConnectionState {
	if s.server != nil {
		if conn, ok := s.server.conn.(*tls.Conn); ok {
			return conn.ConnectionState()
		}
	}
	return tls.ConnectionState{}
}

// serverIs says whether the server's certificate, seen when the connection
// was made, is also one of another domain: then requests for that domain may
// share the connection (RFC 5923 9.1).
func (s *Stack) serverIs(name string) bool {
	if s.o.Account.TLS.Unverified {
		return true // nobody proved anything
	}
	chain := s.TLS().PeerCertificates
	return len(chain) > 0 && certifies(chain[0], name)
}
