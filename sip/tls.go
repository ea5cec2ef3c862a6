package sip

import (
	"context"
	"crypto/tls"
	"net/netip"

	"ramble/sip/locate"
)

// connect opens a connection of the stack's kind. name is whom the other side
// must prove to be; "" asks for no proof and is for TCP.
func (s *Stack) connect(ctx context.Context, to netip.AddrPort, name string) (*stream, error) {
	raw, err := s.o.Sockets.Dial(ctx, netip.AddrPortFrom(s.o.Local, 0), to, s.o.Interface)
	if err != nil {
		return nil, openError(ctx, "connect to", to, err)
	}
	if s.transport != locate.TLS {
		return newStream(s, raw, raw, "", true), nil
	}
	conn, err := s.o.Account.TLS.Client(ctx, raw, locate.Server{Addr: to, Host: name}, s.o.Sessions, s.now)
	if err != nil {
		return nil, openError(ctx, "speak TLS with", to, err)
	}
	return newStream(s, conn, raw, name, true), nil
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
	return len(chain) > 0 && locate.Certifies(chain[0], name)
}
