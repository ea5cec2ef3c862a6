package wire

import (
	"net/netip"
	"strconv"
	"strings"
)

// cookie begins the branch of a request by RFC 3261 (8.1.1.7).
const cookie = "z9hG4bK"

// branch is that of the topmost Via, "" when there is none.
func (m *Message) branch() string {
	v, _ := m.Get("Via")
	_, params, _ := strings.Cut(v, ";")
	for _, p := range ParseParams(params) {
		if strings.EqualFold(p.Name, "branch") {
			return p.Value
		}
	}
	return ""
}

// isOld says that the branch of a request does not name its transaction: it
// lacks the cookie, or there is nothing behind it (RFC 4475 3.2.1).
func (m *Message) isOld() bool {
	b := m.branch()
	return !strings.HasPrefix(b, cookie) || len(b) == len(cookie)
}

// ServerKey names the server transaction of a request (RFC 3261 17.2.3): an ACK
// has that of its INVITE. method is the request's own, or INVITE to find what a
// CANCEL cancels (9.2). Without the cookie it is what RFC 2543 compared, but
// for the tag in To, which an ACK has and its INVITE has not.
func (m *Message) ServerKey(method string) string {
	if method == "ACK" {
		method = "INVITE"
	}
	via, _ := m.Get("Via")
	sent, _, _ := strings.Cut(via, ";")
	_, by, _ := strings.Cut(sent, " ")
	if !m.isOld() {
		return strings.Join([]string{m.branch(), strings.ToLower(strings.TrimSpace(by)), method}, "\x00")
	}
	callID, _ := m.Get("Call-ID")
	cseq, _ := m.Get("CSeq")
	number, _, _ := strings.Cut(cseq, " ")
	return strings.Join([]string{m.Target(), m.Tag("From"), callID, number, via, method}, "\x00")
}

// registered are the methods that this phone recognizes without understanding
// them, beside those in Allowed (RFC 3261 8.2.1 and the IANA registry).
const registered = "REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, REFER, MESSAGE, INFO"

// RefuseMethod is the flaw of a method that is not served: 405 where it is
// known, 501 where it is not.
func RefuseMethod(method string) *Flaw {
	for _, known := range SplitList(registered+", "+Allowed, ',') {
		if known == method {
			return &Flaw{Code: 405, Reason: "Method Not Allowed", Headers: []Header{{"Allow", Allowed}}}
		}
	}
	return &Flaw{Code: 501, Reason: "Not Implemented", Headers: []Header{{"Allow", Allowed}}}
}

// Serves says whether a method is among Allowed.
func Serves(method string) bool {
	for _, m := range SplitList(Allowed, ',') {
		if m == method { // methods are case-sensitive (RFC 3261 7.1)
			return true
		}
	}
	return false
}

// Reply makes the answer to a request that never becomes a transaction.
// Everything in it is the sender's own text. from is where the request came
// from; tag is put into To where there is none.
func (m *Message) Reply(f *Flaw, from netip.AddrPort, tag string) *Message {
	res := &Message{Start: "SIP/2.0 " + strconv.Itoa(f.Code) + " " + f.Reason}
	for i, v := range m.All("Via") {
		if i == 0 {
			v = seenFrom(v, from)
		} else if !answerable(v) {
			continue
		}
		res.Headers = append(res.Headers, Header{"Via", v})
	}
	for _, name := range []string{"From", "To", "Call-ID", "CSeq"} {
		if v, n := m.Get(name); n > 0 {
			if name == "To" && m.Tag("To") == "" {
				v += ";tag=" + tag
			}
			res.Headers = append(res.Headers, Header{name, v})
		}
	}
	res.Headers = append(res.Headers, f.Headers...)
	return res
}

// seenFrom is a Via with the source of its request in it (RFC 3261 18.2.1, RFC
// 3581 4).
func seenFrom(via string, from netip.AddrPort) string {
	parts := SplitList(via, ';')
	out := parts[:1]
	for _, p := range parts[1:] {
		switch name, _, _ := strings.Cut(p, "="); strings.ToLower(strings.TrimSpace(name)) {
		case "received":
			continue
		case "rport":
			p = "rport=" + strconv.Itoa(int(from.Port()))
		}
		out = append(out, p)
	}
	return strings.Join(append(out, "received="+from.Addr().String()), ";")
}

// ReplyTo is where the answer to a request from that source goes over UDP: to
// the port that it came from where the Via asks for that (RFC 3581 4), else to
// the port that the Via names (RFC 3261 18.2.2).
func (m *Message) ReplyTo(from netip.AddrPort) netip.AddrPort {
	via, _ := m.Get("Via")
	sent, params, _ := strings.Cut(via, ";")
	for _, p := range ParseParams(params) {
		if strings.EqualFold(p.Name, "rport") {
			return from
		}
	}
	var u URI
	_, by, _ := strings.Cut(sent, " ")
	if u.setHostPort(strings.TrimSpace(by)) != nil {
		return from
	}
	return netip.AddrPortFrom(from.Addr(), u.PortOrDefault())
}
