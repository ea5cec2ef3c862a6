package sip

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// Lookup resolves host names; *net.Resolver is one. network is "ip", "ip4" or
// "ip6".
type Lookup interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// ResolveError says that a name has no address, or that asking failed.
type ResolveError struct {
	Host string
	Err  error // nil: the answer was empty
}

func (e *ResolveError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s has no address", e.Host)
	}
	return fmt.Sprintf("looking up %s: %v", e.Host, e.Err)
}

func (e *ResolveError) Unwrap() error { return e.Err }

// Resolve finds the servers of a URI in the order in which to try them, both
// families, IPv4 and IPv6 in the resolver's order. A URI's transport parameter
// wins over t. A literal address asks nobody. At most 16 are returned: more is
// an attack or a mistake. The steps of RFC 3263 before the address records
// (NAPTR, SRV) have their place between candidates and addresses.
func Resolve(ctx context.Context, r Lookup, u URI, t Transport) ([]Server, error) {
	var out []Server
	for _, c := range candidates(u, t) {
		addrs, err := addresses(ctx, r, c.host)
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			out = append(out, Server{Transport: c.transport, Addr: netip.AddrPortFrom(a, c.port), Host: c.host})
		}
	}
	return out[:min(len(out), 16)], nil
}

// candidate is a host, port and transport to try (an SRV record, or the URI
// itself).
type candidate struct {
	host      string
	port      uint16
	transport Transport
}

func candidates(u URI, t Transport) []candidate {
	if name, ok := u.Param("transport"); ok {
		if named, err := ParseTransport(name); err == nil {
			t = named
		}
	}
	if u.Scheme == "sips" {
		t = TLS
	}
	port := u.Port
	if port == 0 {
		port = 5060
		if t == TLS {
			port = 5061
		}
	}
	return []candidate{{u.Host, port, t}}
}

func addresses(ctx context.Context, r Lookup, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if r == nil {
		return nil, &ResolveError{Host: host}
	}
	found, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, &ResolveError{Host: host, Err: err}
	}
	var out []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, &ResolveError{Host: host}
	}
	return out, nil
}
