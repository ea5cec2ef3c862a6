package sip

import (
	"cmp"
	"net/netip"
	"strings"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// Announce has Contact say another address than Local: the one that the server
// or a STUN server saw, behind a NAT. The zero AddrPort takes it back. That a
// private address never replaces a public one is the caller's policy.
func (s *Stack) Announce(addr netip.AddrPort) {
	if !addr.IsValid() {
		s.public.Store(nil)
		return
	}
	s.public.Store(&addr)
}

// announced is the address that Contact says.
func (s *Stack) announced() netip.AddrPort {
	if p := s.public.Load(); p != nil {
		return *p
	}
	return s.local
}

// Contact is the URI under which the account is reached on this path.
func (s *Stack) Contact(acct *Account) string { return s.contact(acct, acct.AOR.Scheme) }

// contact is Contact with another scheme than the account's own: who is called
// by sips: answers with sips: (RFC 3261 12.1.1).
func (s *Stack) contact(acct *Account, scheme string) string {
	at := s.announced()
	u := wire.URI{Scheme: cmp.Or(scheme, "sip"), User: acct.AOR.User, Host: at.Addr().String(), Port: at.Port()}
	switch {
	case u.Scheme == "sips": // is TLS already; transport=tls is for sip: (RFC 5630 3.1.4)
	case s.transport != locate.UDP:
		u.Params = ";transport=" + s.transport.String()
	}
	return u.String()
}

// dialogContact is the Contact of requests and responses that make or refresh
// a dialog: the registered one, or the GRUU where the account wants that and
// the server gave one. "ob" (RFC 5626 4.3) asks the server to use the flow
// that we registered on; decision 0013 says why not always.
func (s *Stack) dialogContact(acct *Account, scheme string) string {
	if g := s.gruu.Load(); g != nil && strings.HasPrefix(*g, cmp.Or(scheme, "sip")+":") {
		return *g
	}
	uri := s.contact(acct, scheme)
	if s.flows.Load() && !s.reachable() {
		uri += ";ob"
	}
	return uri
}

// reachable reports whether a server can come to us at the address that our
// Contact says, by a flow of its own.
func (s *Stack) reachable() bool {
	if s.transport == locate.TLS {
		return false // nobody listens: a phone has no certificate to be called by
	}
	seen := s.seenAt.Load()
	if seen == nil {
		return true
	}
	if s.transport == locate.TCP { // the port seen is that of the connection
		return seen.Addr() == s.announced().Addr()
	}
	return *seen == s.announced()
}

// takeGRUU keeps the public GRUU of a binding (RFC 5627 3.1) where it is what
// it must be: the address of record with a gr parameter. Anything else would
// have the peer's requests go who knows where.
func (s *Stack) takeGRUU(acct *Account, uri string) {
	u, err := wire.ParseURI(uri)
	if _, ok := u.Param("gr"); !acct.GRUU || err != nil || !ok || u.User != acct.AOR.User ||
		!strings.EqualFold(u.Host, acct.AOR.Host) || u.Scheme != cmp.Or(acct.AOR.Scheme, "sip") || !wire.ValidAnyURI(uri) {
		s.gruu.Store(nil)
		return
	}
	s.gruu.Store(&uri)
}
