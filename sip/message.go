package sip

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
	"ramble/sip/dialog"
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
		e := &RedirectError{Method: method, Code: res.StatusCode, Reason: reason}
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

// Leads says where a new call to a target goes from this stack: the host, and
// whether that is the account's server. A server that the phone registers at and
// an outbound proxy carry all calls; a trunk's server carries those to its own
// domain, and a call to another host goes straight there (RFC 3261 8.1.2).
func (s *Stack) Leads(target wire.URI) (host string, server bool) {
	acct := s.o.Account
	switch {
	case !s.o.Server.Addr.IsValid():
		return target.Host, false
	case acct.Trunk && acct.Proxy.IsZero() && !s.servesURI(target) &&
		!strings.EqualFold(target.Host, acct.AOR.Host) && !strings.EqualFold(target.Host, acct.registrar().Host):
		return target.Host, false
	}
	return s.o.Server.Identity(), true
}

// isServer says whether a host with an address is the account's server. Over
// TLS the address alone does not make it that: several domains may live there.
func (s *Stack) isServer(at netip.AddrPort, host string) bool {
	return s.o.Server.Addr.IsValid() && unmap(at) == s.o.Server.Addr && (s.transport != locate.TLS || s.serverIs(host))
}

// headerOf reads what a machine hears of a message's other headers.
func headerOf(msg interface{ GetHeaders(string) []sipgo.Header }) dialog.Header {
	return dialog.Header{Allow: listed(msg, "Allow"), Supported: listed(msg, "Supported"),
		RetryAfter: wire.RetryAfter(wire.Value(msg, "Retry-After")), Timer: timerOf(msg)}
}

func listed(msg interface{ GetHeaders(string) []sipgo.Header }, name string) (list []string) {
	for _, v := range wire.Values(msg, name) {
		for _, one := range wire.SplitList(v, ',') {
			list = append(list, strings.TrimSpace(one))
		}
	}
	return list
}

// timerOf reads a session timer (RFC 4028 4, 5).
func timerOf(msg interface{ GetHeaders(string) []sipgo.Header }) (t dialog.Timer) {
	seconds := func(v string) time.Duration {
		v, _, _ = strings.Cut(v, ";")
		n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
		if err != nil {
			return 0
		}
		return time.Duration(n) * time.Second
	}
	every := wire.Value(msg, "Session-Expires")
	t.Every, t.Min = seconds(every), seconds(wire.Value(msg, "Min-SE"))
	_, params, _ := strings.Cut(every, ";")
	for _, p := range wire.ParseParams(params) {
		if strings.EqualFold(p.Name, "refresher") {
			t.Refresher = strings.ToLower(p.Value)
		}
	}
	return t
}

// descriptionIn is the SDP in a request; nil: none. It is the parsed message's
// own: the raw one is a part of the reader's buffer.
func descriptionIn(in *inbound) []byte {
	kind, _, _ := strings.Cut(valueOf(in, "Content-Type"), ";")
	if len(in.req.Body()) == 0 || !strings.EqualFold(strings.TrimSpace(kind), "application/sdp") {
		return nil
	}
	return in.req.Body()
}

func valueOf(in *inbound, name string) string {
	v, _ := in.raw.Get(name)
	return v
}

// phrase is the reason phrase of a response of ours.
func phrase(code int) string {
	if p, ok := map[int]string{180: "Ringing", 200: "OK", 403: "Forbidden", 422: "Session Interval Too Small", 405: "Method Not Allowed",
		480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 486: "Busy Here",
		487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error",
		503: "Service Unavailable", 504: "Server Time-out", 600: "Busy Everywhere", 603: "Decline"}[code]; ok {
		return p
	}
	if code < 200 {
		return "Session Progress"
	}
	return "Not Accepted"
}

// timerHeaders say a session timer (RFC 4028 4, 5).
func timerHeaders(t dialog.Timer) (list []wire.Header) {
	if t.Every > 0 {
		v := strconv.Itoa(int(t.Every / time.Second))
		if t.Refresher != "" {
			v += ";refresher=" + t.Refresher
		}
		list = append(list, wire.Header{Name: "Session-Expires", Value: v})
	}
	if t.Min > 0 {
		list = append(list, wire.Header{Name: "Min-SE", Value: strconv.Itoa(int(t.Min / time.Second))})
	}
	return list
}
