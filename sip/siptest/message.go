package siptest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// cookie begins every branch of RFC 3261.
const cookie = sipgo.RFC3261BranchMagicCookie

func newBranch() string { return cookie + "-" + rand.Text() }
func newTag() string    { return rand.Text()[:12] }

// branchOf makes the branch of the proxy's Via out of what identifies the
// transaction upstream, so that CANCEL and the ACK of a refusal, which repeat
// it, get the same one.
func branchOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return cookie + "-px" + hex.EncodeToString(sum[:12])
}

// whole says whether a message has what nothing can be done without, and
// whether its CSeq fits its method (RFC 3261 8.1.1).
func whole(msg sipgo.Message) bool {
	if msg.Via() == nil || msg.From() == nil || msg.To() == nil || msg.CallID() == nil || msg.CSeq() == nil {
		return false
	}
	if req, ok := msg.(*sipgo.Request); ok {
		return req.CSeq().MethodName == req.Method && req.SipVersion == "SIP/2.0"
	}
	return true
}

// transactionKey identifies a server transaction (RFC 3261 17.2.3). An ACK
// has its INVITE's.
func transactionKey(req *sipgo.Request, method sipgo.RequestMethod) string {
	if method == sipgo.ACK {
		method = sipgo.INVITE
	}
	via := req.Via()
	branch, _ := via.Params.Get("branch")
	if !strings.HasPrefix(branch, cookie) {
		branch += "|" + req.CallID().Value() + "|" + strconv.FormatUint(uint64(req.CSeq().SeqNo), 10)
	}
	return branch + "|" + via.SentBy() + "|" + string(method)
}

// clientKey identifies a client transaction by its response.
func clientKey(msg sipgo.Message) string {
	branch, _ := msg.Via().Params.Get("branch")
	return branch + "|" + string(msg.CSeq().MethodName)
}

// stamp notes in the top Via where a request really came from (RFC 3261
// 18.2.1, RFC 3581 4).
func stamp(req *sipgo.Request, f flow) {
	via := req.Via()
	if _, ok := via.Params.Get("rport"); ok {
		via.Params.Add("rport", strconv.Itoa(int(f.remote.Port())))
		via.Params.Add("received", f.remote.Addr().String())
	} else if via.Host != f.remote.Addr().String() {
		via.Params.Add("received", f.remote.Addr().String())
	}
}

// replyTo is where the answer to a stamped Via goes: over UDP to the source
// with the port of the Via unless rport was asked for (RFC 3261 18.2.2).
func replyTo(via *sipgo.ViaHeader, f flow) flow {
	if f.stream != nil {
		return f
	}
	if _, ok := via.Params.Get("rport"); ok {
		return f
	}
	port := via.Port
	if port <= 0 || port > 65535 {
		port = 5060
	}
	return flow{remote: netip.AddrPortFrom(f.remote.Addr(), uint16(port))}
}

// respond builds an answer; tag is ours unless the request has one.
func respond(req *sipgo.Request, code int, reason, tag string, body []byte, extra ...sipgo.Header) *sipgo.Response {
	if reason == "" {
		reason = reasonOf(code)
	}
	if to := req.To(); code != 100 && !to.Params.Has("tag") {
		req = req.Clone()
		req.To().Params.Add("tag", tag)
	}
	res := sipgo.NewResponseFromRequest(req, code, reason, nil)
	for _, h := range extra {
		res.AppendHeader(h)
	}
	if body != nil {
		res.AppendHeader(sipgo.NewHeader("Content-Type", "application/sdp"))
	}
	res.SetBody(body)
	return res
}

func reasonOf(code int) string {
	for _, r := range reasons {
		if r.code == code {
			return r.text
		}
	}
	return "No Reason"
}

var reasons = [...]struct {
	code int
	text string
}{
	{100, "Trying"}, {180, "Ringing"}, {183, "Session Progress"}, {200, "OK"}, {202, "Accepted"},
	{301, "Moved Permanently"}, {302, "Moved Temporarily"},
	{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
	{407, "Proxy Authentication Required"}, {408, "Request Timeout"}, {415, "Unsupported Media Type"},
	{420, "Bad Extension"}, {423, "Interval Too Brief"}, {430, "Flow Failed"}, {439, "First Hop Lacks Outbound Support"},
	{480, "Temporarily Unavailable"}, {481, "Call/Transaction Does Not Exist"}, {482, "Loop Detected"},
	{483, "Too Many Hops"}, {486, "Busy Here"}, {487, "Request Terminated"}, {488, "Not Acceptable Here"},
	{491, "Request Pending"}, {500, "Server Internal Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
	{503, "Service Unavailable"}, {504, "Server Time-out"}, {505, "Version Not Supported"},
	{600, "Busy Everywhere"}, {603, "Decline"}, {606, "Not Acceptable"},
}

func tagOf(params sipgo.HeaderParams) string {
	tag, _ := params.Get("tag")
	return tag
}

// uriAddr is the address in a URI, with the default port; names have none.
func uriAddr(u *sipgo.Uri) (netip.AddrPort, bool) {
	ip, err := netip.ParseAddr(strings.Trim(u.Host, "[]"))
	if err != nil || u.Port < 0 || u.Port > 65535 {
		return netip.AddrPort{}, false
	}
	port := u.Port
	if port == 0 {
		port = 5060
		if uriTransport(u) == TLS {
			port = 5061
		}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), true
}

func uriTransport(u *sipgo.Uri) Transport {
	v, _ := u.UriParams.Get("transport")
	switch {
	case u.Scheme == "sips", strings.EqualFold(v, "tls"):
		return TLS
	case strings.EqualFold(v, "tcp"):
		return TCP
	}
	return UDP
}

// uriKey is what two URIs share that lead to the same place.
func uriKey(u *sipgo.Uri) string {
	at := u.Host + ":" + strconv.Itoa(u.Port)
	if a, ok := uriAddr(u); ok {
		at = a.String()
	}
	return u.User + "@" + strings.ToLower(at) + ";" + uriTransport(u).String()
}

// makeURI is sip:user@addr, with the transport where it is not UDP.
func makeURI(user string, at netip.AddrPort, t Transport) sipgo.Uri {
	host := at.Addr().String()
	if at.Addr().Is6() {
		host = "[" + host + "]"
	}
	u := sipgo.Uri{Scheme: "sip", User: user, Host: host, Port: int(at.Port())}
	if t != UDP {
		u.UriParams = sipgo.HeaderParams{{K: "transport", V: strings.ToLower(t.String())}}
	}
	return u
}

func newVia(at netip.AddrPort, t Transport, branch string) *sipgo.ViaHeader {
	return &sipgo.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: t.String(),
		Host: at.Addr().String(), Port: int(at.Port()),
		Params: sipgo.HeaderParams{{K: "rport"}, {K: "branch", V: branch}},
	}
}
