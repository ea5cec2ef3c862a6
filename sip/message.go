package sip

import (
	"context"
	"net/netip"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// build makes a request for this stack: its Via carries the stack's address
// and nothing else ever does. It fails where sipgo cannot carry a part.
func (s *Stack) build(d wire.Draft) (*sipgo.Request, error) {
	return d.Request(s.transport.Via(), s.local, s.o.UserAgent)
}

// optionsRequest asks the account's server how it is.
func (s *Stack) optionsRequest() (*sipgo.Request, error) {
	acct := s.o.Account
	return s.build(wire.Draft{Method: "OPTIONS", Target: acct.registrar().String(), Routes: preloaded(acct),
		From: acct.nameAddr() + ";tag=" + wire.RandomToken(), To: "<" + acct.registrar().String() + ">",
		CallID: wire.RandomToken(), Seq: 1, Headers: []wire.Header{{Name: "Accept", Value: "application/sdp"}}})
}

// preloaded is the route set outside of dialogs: the outbound proxy
// (RFC 3261 8.1.2).
func preloaded(acct *Account) []string {
	if acct.Proxy.IsZero() {
		return nil
	}
	u := acct.Proxy
	if _, ok := u.Param("lr"); !ok {
		u.Params += ";lr"
	}
	return []string{"<" + u.String() + ">"}
}

// preloaded is the route set of a new call on this stack: the outbound proxy,
// and behind it what the registrar asked for (RFC 3608 6.1).
func (s *Stack) preloaded(acct *Account) []string {
	routes := preloaded(acct)
	services := s.services.Load()
	if services == nil {
		return routes
	}
	for _, v := range *services {
		if a, err := wire.ParseAddress(v); err == nil && len(routes) == 1 {
			if u, err := wire.ParseURI(a.URI); err == nil && u.Host == acct.Proxy.Host && u.Port == acct.Proxy.Port {
				continue // the proxy itself, which stands there already
			}
		}
		routes = append(routes, v)
	}
	return routes
}

// failure makes an error of a final response other than 2xx.
func failure(method string, res *sipgo.Response) error {
	reason := clean.Text(res.Reason)
	if res.IsRedirection() {
		e := &RedirectError{Code: res.StatusCode, Reason: reason}
		for _, v := range wire.Values(res, "Contact") {
			if a, err := wire.ParseAddress(v); err == nil && len(e.Contacts) < 8 {
				e.Contacts = append(e.Contacts, clean.Text(a.URI))
			}
		}
		return e
	}
	return &ResponseError{Method: method, Code: res.StatusCode, Reason: reason,
		RetryAfter: wire.RetryAfter(wire.Value(res, "Retry-After")), Warning: clean.Text(wire.Value(res, "Warning"))}
}

// nextHop finds the address behind a URI of a route or a target, and whom it
// must prove to be over TLS. server says that it is the account's server.
func (s *Stack) nextHop(ctx context.Context, uri string) (at netip.AddrPort, name string, server bool, err error) {
	u, err := wire.ParseURI(uri)
	if err != nil {
		return netip.AddrPort{}, "", false, err
	}
	if u.Scheme == "sips" && s.transport != locate.TLS {
		return netip.AddrPort{}, "", false, ErrNotSecure
	}
	if s.servesURI(u) {
		return s.o.Server.Addr, "", true, nil
	}
	u.Params = "" // whatever transport it names, it is reached by this stack's or not at all
	found, err := locate.Resolve(ctx, locate.Options{Lookup: s.o.Lookup, Guard: s.o.Guard}, locate.For(u, s.transport))
	if err != nil {
		return netip.AddrPort{}, "", false, err
	}
	for _, srv := range found {
		if srv.Addr.Addr().Is4() == s.local.Addr().Is4() {
			return srv.Addr, u.Host, s.isServer(srv.Addr, u.Host), nil
		}
	}
	return netip.AddrPort{}, "", false, &locate.ResolveError{Host: u.Host, Err: locate.ErrNoFamily}
}

// portOf is where a URI leads on this stack's transport.
func (s *Stack) portOf(u wire.URI) uint16 {
	if u.Port == 0 {
		return s.transport.Port()
	}
	return u.Port
}

// servesURI says whether a URI points at the account's server, by address or
// by the name it was resolved from.
func (s *Stack) servesURI(u wire.URI) bool {
	srv := s.o.Server
	if !srv.Addr.IsValid() || (u.Port != 0 && u.Port != srv.Addr.Port()) {
		return false
	}
	if a, ok := u.Addr(); ok {
		return a == srv.Addr.Addr() && s.portOf(u) == srv.Addr.Port()
	}
	if srv.Name != "" && strings.EqualFold(u.Host, srv.Name) {
		return s.transport != locate.TLS || s.serverIs(u.Host)
	}
	return srv.Host != "" && strings.EqualFold(u.Host, srv.Host)
}

// isServer says whether a host with an address is the account's server. Over
// TLS the address alone does not make it that: several domains may live there.
func (s *Stack) isServer(at netip.AddrPort, host string) bool {
	return s.o.Server.Addr.IsValid() && unmap(at) == s.o.Server.Addr && (s.transport != locate.TLS || s.serverIs(host))
}
