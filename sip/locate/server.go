package locate

import (
	"fmt"
	"net/netip"
	"strings"
)

// Transport is how messages travel.
type Transport int

// The transports. Auto is what Resolve finds; no message travels by it.
const (
	UDP Transport = iota
	TCP
	TLS
	Auto
)

func (t Transport) String() string { return [...]string{"udp", "tcp", "tls", "auto"}[t] }

// Via is the transport's name in a Via (RFC 3261 20.42).
func (t Transport) Via() string { return [...]string{"UDP", "TCP", "TLS", "UDP"}[t] }

// Port is where a server listens that named none (RFC 3261 19.1.2).
func (t Transport) Port() uint16 {
	if t == TLS {
		return 5061
	}
	return 5060
}

// ParseTransport reads "udp", "tcp" or "tls", as a URI names them.
func ParseTransport(s string) (Transport, error) {
	for _, t := range []Transport{UDP, TCP, TLS} {
		if s == t.String() {
			return t, nil
		}
	}
	return UDP, fmt.Errorf("%q is not a transport; there are udp, tcp and tls", s)
}

// Server is one resolved target.
type Server struct {
	Transport Transport
	Addr      netip.AddrPort
	// Host is the name that was asked for: a domain, a host, or a literal
	// address. A TLS server must prove that it is this, whatever DNS said.
	Host string
	Name string // the host that DNS named for it (SRV), for routes and people; empty: Host
}

// Identity is whom the server must prove to be over TLS.
func (s Server) Identity() string {
	if s.Host != "" {
		return strings.TrimSuffix(s.Host, ".")
	}
	return s.Addr.Addr().String()
}
