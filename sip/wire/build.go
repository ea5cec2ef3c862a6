package wire

import (
	"crypto/rand"
	"net/netip"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Allowed are the methods that this phone understands.
const Allowed = "INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, OPTIONS, INFO"

// Supported are the extensions of calls that it knows: RFC 3262, RFC 3891, RFC
// 4028, RFC 4916.
const Supported = "100rel, replaces, timer, from-change"

// RandomToken makes tags, branches and Call-IDs: 26 characters, 130 bits, not
// to be guessed (RFC 3261 19.3 asks for 32 bits).
func RandomToken() string { return strings.ToLower(rand.Text()) }

// Draft is what a request is made of.
type Draft struct {
	Method  string
	Target  string // Request-URI
	Routes  []string
	From    string // with its tag
	To      string
	CallID  string
	Seq     uint32
	Branch  string   // of its Via; "": a new one
	Headers []Header // after the usual ones
	Body    []byte   // SDP
}

// Request makes the request. Its Via carries local and the transport's name in
// a Via (RFC 3261 20.42), nothing else does. agent is the User-Agent, "" none.
// It fails where sipgo cannot carry a part.
func (d Draft) Request(transport string, local netip.AddrPort, agent string) (*sipgo.Request, error) {
	var target sipgo.Uri
	if err := sipgo.ParseUri(d.Target, &target); err != nil {
		return nil, err
	}
	from, err := nameAddrHeader(d.From)
	if err != nil {
		return nil, err
	}
	to, err := nameAddrHeader(d.To)
	if err != nil {
		return nil, err
	}
	branch := d.Branch
	if branch == "" {
		branch = "z9hG4bK" + RandomToken()
	}
	req := sipgo.NewRequest(sipgo.RequestMethod(d.Method), target)
	req.SetTransport(transport)
	req.AppendHeader(&sipgo.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: transport,
		Host: local.Addr().String(), Port: int(local.Port()),
		Params: sipgo.HeaderParams{{K: "branch", V: branch}, {K: "rport"}}})
	for _, r := range d.Routes {
		req.AppendHeader(sipgo.NewHeader("Route", r))
	}
	maxForwards := sipgo.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(from)
	toHeader := from2to(to)
	req.AppendHeader(&toHeader)
	callID := sipgo.CallIDHeader(d.CallID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: d.Seq, MethodName: sipgo.RequestMethod(d.Method)})
	for _, h := range d.Headers {
		req.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}
	if agent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", agent))
	}
	if len(d.Body) > 0 {
		req.AppendHeader(sipgo.NewHeader("Content-Type", "application/sdp"))
	}
	req.SetBody(d.Body)
	return req, nil
}

// nameAddrHeader makes sipgo's From of a value like `"Bob" <sip:b@c>;tag=x`.
// The display name keeps its escapes: sipgo writes it as it is.
func nameAddrHeader(v string) (*sipgo.FromHeader, error) {
	a, err := ParseAddress(v)
	if err != nil {
		return nil, err
	}
	h := &sipgo.FromHeader{}
	if a.Name != "" {
		q := Quote(a.Name)
		h.DisplayName = q[1 : len(q)-1]
	}
	if err := sipgo.ParseUri(a.URI, &h.Address); err != nil {
		return nil, err
	}
	for _, p := range a.Params {
		h.Params.Add(p.Name, p.Value)
	}
	return h, nil
}

func from2to(h *sipgo.FromHeader) sipgo.ToHeader { return h.AsTo() }

// NewResponse answers a request (RFC 3261 8.2.6). tag is the To tag to use
// when the request has none.
func NewResponse(req *sipgo.Request, code int, reason, tag string, body []byte, headers ...Header) *sipgo.Response {
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
		res.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
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

// Values returns every value of a header in a message that sipgo parsed.
func Values(msg interface{ GetHeaders(string) []sipgo.Header }, name string) []string {
	var out []string
	for _, h := range msg.GetHeaders(name) {
		out = append(out, h.Value())
	}
	return out
}

// Value returns the first value of a header in a message that sipgo parsed, ""
// when there is none.
func Value(msg interface{ GetHeaders(string) []sipgo.Header }, name string) string {
	if v := Values(msg, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// TagOf reads a tag of a parsed From or To.
func TagOf(params sipgo.HeaderParams) string {
	for _, p := range params {
		if strings.EqualFold(p.K, "tag") {
			return p.V
		}
	}
	return ""
}

// ContactOf returns the URI of the first Contact, "" when there is none.
func ContactOf(msg interface{ GetHeaders(string) []sipgo.Header }) string {
	a, err := ParseAddress(Value(msg, "Contact"))
	if err != nil {
		return ""
	}
	return a.URI
}

// RetryAfter reads "18;duration=60 (in a meeting)" (RFC 3261 20.33), an hour
// at most.
func RetryAfter(v string) time.Duration {
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
