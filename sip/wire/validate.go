package wire

import (
	"strconv"
	"strings"
)

// This file is what stands between the network and sipgo's parser, which
// accepts SIP/9.9, any port, duplicate headers and a method that differs from
// the CSeq. Here is decided what is not a message (dropped) and what is a bad
// request (answered 400, 415, 416, 420, 505 without a transaction).

// Flaw is why a message is not let in. Code 0 means: drop it without a word,
// for instance because it cannot be answered.
type Flaw struct {
	Code    int
	Reason  string   // of the status line; of code 0, for a log
	Headers []Header // added to the answer
}

// BadRequest is a flaw that is answered 400.
func BadRequest(reason string) *Flaw { return &Flaw{Code: 400, Reason: "Bad Request: " + reason} }

// singletons may stand in a message once (RFC 3261 7.3.1, table 2).
var singletons = []string{"From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards", "Content-Type"}

// mandatory headers of every message (RFC 3261 8.1.1; Max-Forwards may be
// missing in RFC 2543 messages and nothing here needs it).
var mandatory = []string{"To", "From", "Call-ID", "CSeq"}

// MaxCSeq is the largest CSeq number (RFC 3261 8.1.1.5).
const MaxCSeq = 1<<31 - 1

// Validate judges a scanned message. datagram says that the transport keeps
// message boundaries, so that Content-Length may be missing or short. Whatever
// it finds, a stream goes on: where a message ends, framing has decided.
func Validate(m *Message, datagram bool) *Flaw {
	f := judge(m, datagram)
	if f == nil {
		return nil
	}
	// Only a request can be answered, only with a Via to answer to, and an
	// ACK never is (RFC 3261 17.1.1.3).
	via, n := m.Get("Via")
	if m.IsResponse() || m.Method() == "ACK" || n == 0 || !answerable(via) || !IsToken(m.Method()) {
		f.Code = 0
	}
	return f
}

func judge(m *Message, datagram bool) *Flaw {
	method, target, f := startLine(m)
	if f != nil {
		return f
	}
	if m.fault != "" {
		return BadRequest(m.fault)
	}
	for _, name := range singletons {
		if _, n := m.Get(name); n > 1 {
			return BadRequest("several " + name)
		}
	}
	for _, name := range mandatory {
		if v, n := m.Get(name); n == 0 || v == "" {
			return BadRequest("no " + name)
		}
	}
	vias := m.All("Via")
	if len(vias) == 0 {
		return BadRequest("no Via")
	}
	for _, v := range vias {
		if !validVia(v) {
			return BadRequest("Via")
		}
	}
	if f := judgeParties(m); f != nil {
		return f
	}
	if f := judgeCSeq(m, method); f != nil {
		return f
	}
	if f := judgeLength(m, datagram); f != nil {
		return f
	}
	if v, n := m.Get("Max-Forwards"); n == 1 {
		if _, err := strconv.ParseUint(v, 10, 8); err != nil {
			return BadRequest("Max-Forwards")
		}
	}
	for _, name := range []string{"Contact", "Route", "Record-Route"} {
		for _, v := range m.All(name) {
			if a, err := ParseAddress(v); v != "*" && (err != nil || !ValidAnyURI(a.URI)) {
				return BadRequest(name)
			}
		}
	}
	if method == "" {
		return nil
	}
	return judgeRequest(m, method, target)
}

// judgeParties checks From and To. A request by RFC 2543 may come without a tag
// in From.
func judgeParties(m *Message) *Flaw {
	for _, name := range []string{"From", "To"} {
		v, _ := m.Get(name)
		a, err := ParseAddress(v)
		if err != nil || !ValidAnyURI(a.URI) {
			return BadRequest(name)
		}
		tag, ok := a.Param("tag")
		if must := name == "From" && (m.IsResponse() || !m.isOld()); (ok || must) && !IsWord(tag) {
			return BadRequest("tag in " + name)
		}
	}
	return nil
}

// startLine checks the first line; method is "" for a response.
func startLine(m *Message) (method, target string, f *Flaw) {
	if m.IsResponse() {
		version, rest, _ := strings.Cut(m.Start, " ")
		code, _, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(code)
		if !strings.EqualFold(version, "SIP/2.0") || err != nil || len(code) != 3 || n < 100 || n > 699 {
			return "", "", &Flaw{Reason: "status line"}
		}
		// The parser wants capitals, and a space where the phrase is missing.
		_, phrase, _ := strings.Cut(rest, " ")
		m.Start = "SIP/2.0 " + code + " " + phrase
		return "", "", nil
	}
	parts := strings.Split(m.Start, " ")
	if len(parts) != 3 || parts[1] == "" {
		return "", "", BadRequest("request line")
	}
	method, target = parts[0], parts[1]
	version := strings.ToUpper(parts[2])
	switch {
	case !IsToken(method):
		return "", "", BadRequest("method")
	case version == "SIP/2.0":
		m.Start = method + " " + target + " SIP/2.0" // the parser wants capitals
		return method, target, nil
	case strings.HasPrefix(version, "SIP/"):
		return "", "", &Flaw{Code: 505, Reason: "Version Not Supported"}
	}
	return "", "", BadRequest("version")
}

func judgeCSeq(m *Message, method string) *Flaw {
	v, _ := m.Get("CSeq")
	number, name, ok := strings.Cut(v, " ")
	n, err := strconv.ParseUint(number, 10, 64)
	switch {
	case !ok || err != nil || n > MaxCSeq || !IsToken(name):
		return BadRequest("CSeq")
	case method != "" && method != name: // methods are case-sensitive (RFC 3261 7.1)
		return BadRequest("CSeq method")
	}
	return nil
}

// judgeLength compares Content-Length with the body and cuts what is too much
// (RFC 3261 18.3).
func judgeLength(m *Message, datagram bool) *Flaw {
	v, n := m.Get("Content-Length")
	if n == 0 {
		if datagram {
			return nil
		}
		return BadRequest("no Content-Length")
	}
	length, err := strconv.ParseUint(v, 10, 64)
	if err != nil || length > MaxMessage || int(length) > len(m.Body) {
		return BadRequest("Content-Length")
	}
	m.Body = m.Body[:length]
	return nil
}

// judgeRequest checks what only requests have.
func judgeRequest(m *Message, method, target string) *Flaw {
	scheme, _, ok := strings.Cut(target, ":")
	switch {
	case !ok || !IsToken(scheme):
		return BadRequest("request URI")
	case !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips"):
		return &Flaw{Code: 416, Reason: "Unsupported URI Scheme"}
	}
	if _, err := Target(target); err != nil {
		return BadRequest("request URI")
	}
	if method == "ACK" || method == "CANCEL" { // RFC 3261 8.2.2.3
		return nil
	}
	if unknown := strings.Join(unknownOptions(m.All("Require")), ", "); unknown != "" {
		return &Flaw{Code: 420, Reason: "Bad Extension", Headers: []Header{{"Unsupported", unknown}}}
	}
	if !bringsSession(method) {
		return nil
	}
	if f := m.judgeBody(); f != nil {
		return f
	}
	if (method == "INVITE" || method == "UPDATE") && !m.acceptsSDP() {
		return &Flaw{Code: 406, Reason: "Not Acceptable", Headers: []Header{{"Accept", Accepted}}}
	}
	return nil
}

// unknownOptions are the required extensions that this phone lacks.
func unknownOptions(require []string) (unknown []string) {
	for _, v := range require {
		for _, option := range SplitList(v, ',') {
			if option = strings.TrimSpace(option); option != "" && !Lists([]string{Supported}, option) {
				unknown = append(unknown, option)
			}
		}
	}
	return unknown
}

// validVia checks a Via as tidy leaves it: "SIP/2.0/UDP host[:port];params".
func validVia(v string) bool {
	return strings.HasPrefix(strings.ToUpper(v), "SIP/2.0/") && answerable(v)
}

// answerable is looser: any version will do, as long as it is clear where a
// response goes and what it says.
func answerable(v string) bool {
	proto, rest, ok := strings.Cut(v, " ")
	parts := strings.Split(proto, "/")
	if !ok || len(parts) != 3 || !strings.EqualFold(parts[0], "SIP") || !IsToken(parts[1]) || !IsToken(parts[2]) {
		return false
	}
	sentBy, params, _ := strings.Cut(rest, ";")
	if err := new(URI).setHostPort(strings.TrimSpace(sentBy)); err != nil {
		return false
	}
	for _, p := range ParseParams(params) {
		if strings.EqualFold(p.Name, "branch") && p.Value != "" && !IsWord(p.Value) {
			return false
		}
	}
	return true
}

// ValidAnyURI accepts every URI that is harmless to carry: a SIP URI must be
// whole, of another scheme (tel:, urn:) only the form is checked.
func ValidAnyURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz") != "" || rest == "" {
		return false
	}
	if strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips") {
		_, _, err := parseURI(s)
		return err == nil
	}
	return !strings.ContainsAny(s, " \t<>\"")
}

// IsWord is looser than a token: real tags and branches also hold '=' and '/'.
func IsWord(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>;,", r) }) < 0
}
