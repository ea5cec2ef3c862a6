package sip

import (
	"context"
	"crypto/rand"
	"net/netip"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
)

// allowed are the methods that this phone understands.
const allowed = "INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, OPTIONS"

// supported are the extensions of calls that it knows: RFC 3262, RFC 3891.
const supported = "100rel, replaces"

// randomToken makes tags, branches and Call-IDs: 26 characters, 130 bits, not
// to be guessed (RFC 3261 19.3 asks for 32 bits).
func randomToken() string { return strings.ToLower(rand.Text()) }

// draft is what a request is made of.
type draft struct {
	method  string
	target  string // Request-URI
	routes  []string
	from    string // with its tag
	to      string
	callID  string
	seq     uint32
	branch  string   // "": a new one
	headers []header // after the usual ones
	body    []byte   // SDP
}

// build makes a request for this stack: its Via carries the stack's address
// and nothing else ever does. It fails where sipgo cannot carry a part.
func (s *Stack) build(d draft) (*sipgo.Request, error) {
	var target sipgo.Uri
	if err := sipgo.ParseUri(d.target, &target); err != nil {
		return nil, err
	}
	from, err := nameAddrHeader(d.from)
	if err != nil {
		return nil, err
	}
	to, err := nameAddrHeader(d.to)
	if err != nil {
		return nil, err
	}
	branch := d.branch
	if branch == "" {
		branch = "z9hG4bK" + randomToken()
	}
	req := sipgo.NewRequest(sipgo.RequestMethod(d.method), target)
	req.SetTransport(s.transport.via())
	req.AppendHeader(&sipgo.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: s.transport.via(),
		Host: s.local.Addr().String(), Port: int(s.local.Port()),
		Params: sipgo.HeaderParams{{K: "branch", V: branch}, {K: "rport"}}})
	for _, r := range d.routes {
		req.AppendHeader(sipgo.NewHeader("Route", r))
	}
	maxForwards := sipgo.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(from)
	toHeader := from2to(to)
	req.AppendHeader(&toHeader)
	callID := sipgo.CallIDHeader(d.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: d.seq, MethodName: sipgo.RequestMethod(d.method)})
	for _, h := range d.headers {
		req.AppendHeader(sipgo.NewHeader(h.name, h.value))
	}
	if s.o.UserAgent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", s.o.UserAgent))
	}
	if len(d.body) > 0 {
		req.AppendHeader(sipgo.NewHeader("Content-Type", "application/sdp"))
	}
	req.SetBody(d.body)
	return req, nil
}

// nameAddrHeader makes sipgo's From of a value like `"Bob" <sip:b@c>;tag=x`.
// The display name keeps its escapes: sipgo writes it as it is.
func nameAddrHeader(v string) (*sipgo.FromHeader, error) {
	a, err := parseAddress(v)
	if err != nil {
		return nil, err
	}
	h := &sipgo.FromHeader{}
	if a.name != "" {
		q := quote(a.name)
		h.DisplayName = q[1 : len(q)-1]
	}
	if err := sipgo.ParseUri(a.uri, &h.Address); err != nil {
		return nil, err
	}
	for _, p := range a.params {
		h.Params.Add(p.name, p.value)
	}
	return h, nil
}

func from2to(h *sipgo.FromHeader) sipgo.ToHeader { return h.AsTo() }

// buildResponse answers a request (RFC 3261 8.2.6). tag is the To tag to use
// when the request has none.
func buildResponse(req *sipgo.Request, code int, reason, tag string, body []byte, headers ...header) *sipgo.Response {
	res := sipgo.NewResponseFromRequest(req, code, reason, nil)
	if via, src := res.Via(), sourceHost(req); via != nil && !via.Params.Has("received") && strings.Trim(via.Host, "[]") != src {
		via.Params.Add("received", src) // RFC 3261 18.2.1
	}
	if to := res.To(); to != nil && tag != "" && code > 100 {
		if was := req.To(); was == nil || !was.Params.Has("tag") {
			to.Params.Add("tag", tag)
		}
	}
	for _, h := range headers {
		res.AppendHeader(sipgo.NewHeader(h.name, h.value))
	}
	if len(body) > 0 {
		res.AppendHeader(sipgo.NewHeader("Content-Type", "application/sdp"))
		res.SetBody(body)
	}
	return res
}

func sourceHost(req *sipgo.Request) string {
	at, _ := netip.ParseAddrPort(req.Source())
	return at.Addr().String()
}

// optionsRequest asks the account's server how it is.
func (s *Stack) optionsRequest() (*sipgo.Request, error) {
	acct := s.o.Account
	return s.build(draft{method: "OPTIONS", target: acct.registrar().String(), routes: preloaded(acct),
		from: acct.nameAddr() + ";tag=" + randomToken(), to: "<" + acct.registrar().String() + ">",
		callID: randomToken(), seq: 1, headers: []header{{"Accept", "application/sdp"}}})
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
		if a, err := parseAddress(v); err == nil && len(routes) == 1 {
			if u, err := ParseURI(a.uri); err == nil && u.Host == acct.Proxy.Host && u.Port == acct.Proxy.Port {
				continue // the proxy itself, which stands there already
			}
		}
		routes = append(routes, v)
	}
	return routes
}

// values returns every value of a header in a message that sipgo parsed.
func values(msg interface{ GetHeaders(string) []sipgo.Header }, name string) []string {
	var out []string
	for _, h := range msg.GetHeaders(name) {
		out = append(out, h.Value())
	}
	return out
}

func value(msg interface{ GetHeaders(string) []sipgo.Header }, name string) string {
	if v := values(msg, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// tagOf reads a tag of a parsed From or To.
func tagOf(params sipgo.HeaderParams) string {
	for _, p := range params {
		if strings.EqualFold(p.K, "tag") {
			return p.V
		}
	}
	return ""
}

// contactOf returns the URI of the first Contact, "" when there is none.
func contactOf(msg interface{ GetHeaders(string) []sipgo.Header }) string {
	a, err := parseAddress(value(msg, "Contact"))
	if err != nil {
		return ""
	}
	return a.uri
}

// failure makes an error of a final response other than 2xx.
func failure(method string, res *sipgo.Response) error {
	reason := clean.Text(res.Reason)
	if res.IsRedirection() {
		e := &RedirectError{Code: res.StatusCode, Reason: reason}
		for _, v := range values(res, "Contact") {
			if a, err := parseAddress(v); err == nil && len(e.Contacts) < 8 {
				e.Contacts = append(e.Contacts, clean.Text(a.uri))
			}
		}
		return e
	}
	return &ResponseError{Method: method, Code: res.StatusCode, Reason: reason,
		RetryAfter: retryAfter(value(res, "Retry-After")), Warning: clean.Text(value(res, "Warning"))}
}

// retryAfter reads "18;duration=60 (in a meeting)" (RFC 3261 20.33), an hour
// at most.
func retryAfter(v string) time.Duration {
	digits := strings.TrimSpace(v)
	if i := strings.IndexAny(digits, "; ("); i >= 0 {
		digits = digits[:i]
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Hour)
}

// nextHop finds the address behind a URI of a route or a target, and whom it
// must prove to be over TLS. server says that it is the account's server.
func (s *Stack) nextHop(ctx context.Context, uri string) (at netip.AddrPort, name string, server bool, err error) {
	u, err := ParseURI(uri)
	if err != nil {
		return netip.AddrPort{}, "", false, err
	}
	if u.Scheme == "sips" && s.transport != TLS {
		return netip.AddrPort{}, "", false, ErrNotSecure
	}
	if s.servesURI(u) {
		return s.o.Server.Addr, "", true, nil
	}
	u.Params = "" // whatever transport it names, it is reached by this stack's or not at all
	found, err := Resolve(ctx, ResolveOptions{Lookup: s.o.Lookup, Guard: s.o.Guard}, u, s.transport)
	if err != nil {
		return netip.AddrPort{}, "", false, err
	}
	for _, srv := range found {
		if srv.Addr.Addr().Is4() == s.local.Addr().Is4() {
			return srv.Addr, u.Host, s.isServer(srv.Addr, u.Host), nil
		}
	}
	return netip.AddrPort{}, "", false, &ResolveError{Host: u.Host, Err: errNoFamily}
}

// portOf is where a URI leads on this stack's transport.
func (s *Stack) portOf(u URI) uint16 {
	if u.Port == 0 {
		return defaultPort(s.transport)
	}
	return u.Port
}

// servesURI says whether a URI points at the account's server, by address or
// by the name it was resolved from.
func (s *Stack) servesURI(u URI) bool {
	srv := s.o.Server
	if !srv.Addr.IsValid() || (u.Port != 0 && u.Port != srv.Addr.Port()) {
		return false
	}
	if a, ok := u.Addr(); ok {
		return a == srv.Addr.Addr() && s.portOf(u) == srv.Addr.Port()
	}
	if srv.Name != "" && strings.EqualFold(u.Host, srv.Name) {
		return s.transport != TLS || s.serverIs(u.Host)
	}
	return srv.Host != "" && strings.EqualFold(u.Host, srv.Host)
}

// isServer says whether a host with an address is the account's server. Over
// TLS the address alone does not make it that: several domains may live there.
func (s *Stack) isServer(at netip.AddrPort, host string) bool {
	return s.o.Server.Addr.IsValid() && unmap(at) == s.o.Server.Addr && (s.transport != TLS || s.serverIs(host))
}
