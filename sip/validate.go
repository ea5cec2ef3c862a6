package sip

import (
	"strconv"
	"strings"
)

// This file is what stands between the network and sipgo's parser, which
// accepts SIP/9.9, any port, duplicate headers and a method that differs from
// the CSeq. Here is decided what is not a message (dropped) and what is a bad
// request (answered 400, 415, 416, 420, 505 without a transaction).

// flaw is why a message is not let in. Code 0 means: drop it without a word,
// for instance because it cannot be answered.
type flaw struct {
	code   int
	reason string // of the status line
	header header // added to the answer; empty name: none
	close  bool   // the stream it came on cannot be trusted any more
}

func bad(reason string) *flaw { return &flaw{code: 400, reason: "Bad Request: " + reason} }

// singletons may stand in a message once (RFC 3261 7.3.1, table 2).
var singletons = []string{"From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards", "Content-Type"}

// mandatory headers of every message (RFC 3261 8.1.1; Max-Forwards may be
// missing in RFC 2543 messages and nothing here needs it).
var mandatory = []string{"To", "From", "Call-ID", "CSeq"}

// maxCSeq is the largest CSeq number (RFC 3261 8.1.1.5).
const maxCSeq = 1<<31 - 1

// validate judges a scanned message. datagram says that the transport keeps
// message boundaries, so that Content-Length may be missing or short.
func validate(m *rawMessage, datagram bool) *flaw {
	f := judge(m, datagram)
	if f == nil {
		return nil
	}
	// Only a request can be answered, only with a Via to answer to, and an
	// ACK never is (RFC 3261 17.1.1.3).
	via, n := m.get("Via")
	if m.isResponse() || m.method() == "ACK" || n == 0 || !validVia(via, true) || !isToken(m.method()) {
		f.code = 0
	}
	return f
}

func judge(m *rawMessage, datagram bool) *flaw {
	method, target, f := startLine(m)
	if f != nil {
		return f
	}
	for _, name := range singletons {
		if _, n := m.get(name); n > 1 {
			f := bad("several " + name)
			f.close = true
			return f
		}
	}
	for _, name := range mandatory {
		if v, n := m.get(name); n == 0 || v == "" {
			return bad("no " + name)
		}
	}
	vias := m.all("Via")
	if len(vias) == 0 {
		return bad("no Via")
	}
	for i, v := range vias {
		if !validVia(v, i == 0) {
			return bad("Via")
		}
	}
	for _, name := range []string{"From", "To"} {
		v, _ := m.get(name)
		a, err := parseAddress(v)
		if err != nil || !validAnyURI(a.uri) {
			return bad(name)
		}
		if tag, ok := a.param("tag"); (ok || name == "From") && !isWord(tag) {
			return bad("tag in " + name)
		}
	}
	if f := judgeCSeq(m, method); f != nil {
		return f
	}
	if f := judgeLength(m, datagram); f != nil {
		return f
	}
	if v, n := m.get("Max-Forwards"); n == 1 {
		if _, err := strconv.ParseUint(v, 10, 8); err != nil {
			return bad("Max-Forwards")
		}
	}
	for _, name := range []string{"Contact", "Route", "Record-Route"} {
		for _, v := range m.all(name) {
			if a, err := parseAddress(v); v != "*" && (err != nil || !validAnyURI(a.uri)) {
				return bad(name)
			}
		}
	}
	if method == "" {
		return nil
	}
	return judgeRequest(m, method, target)
}

// startLine checks the first line; method is "" for a response.
func startLine(m *rawMessage) (method, target string, f *flaw) {
	if m.isResponse() {
		version, rest, _ := strings.Cut(m.start, " ")
		code, _, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(code)
		if !strings.EqualFold(version, "SIP/2.0") || err != nil || len(code) != 3 || n < 100 || n > 699 {
			return "", "", &flaw{}
		}
		if !strings.Contains(rest, " ") {
			m.start += " " // a missing phrase is common; the parser wants the space
		}
		return "", "", nil
	}
	parts := strings.Split(m.start, " ")
	if len(parts) != 3 || parts[1] == "" {
		return "", "", bad("request line")
	}
	method, target = parts[0], parts[1]
	version := strings.ToUpper(parts[2])
	switch {
	case !isToken(method):
		return "", "", bad("method")
	case version == "SIP/2.0":
		return method, target, nil
	case strings.HasPrefix(version, "SIP/"):
		return "", "", &flaw{code: 505, reason: "Version Not Supported"}
	}
	return "", "", bad("version")
}

func judgeCSeq(m *rawMessage, method string) *flaw {
	v, _ := m.get("CSeq")
	number, name, ok := strings.Cut(v, " ")
	n, err := strconv.ParseUint(number, 10, 64)
	switch {
	case !ok || err != nil || n > maxCSeq || !isToken(name):
		return bad("CSeq")
	case method != "" && method != name: // methods are case-sensitive (RFC 3261 7.1)
		return bad("CSeq method")
	}
	return nil
}

// judgeLength compares Content-Length with the body and cuts what is too much
// (RFC 3261 18.3).
func judgeLength(m *rawMessage, datagram bool) *flaw {
	v, n := m.get("Content-Length")
	if n == 0 {
		if datagram {
			return nil
		}
		return &flaw{code: 400, reason: "Bad Request: no Content-Length", close: true}
	}
	length, err := strconv.ParseUint(v, 10, 64)
	if err != nil || length > maxMessage || int(length) > len(m.body) {
		return &flaw{code: 400, reason: "Bad Request: Content-Length", close: true}
	}
	m.body = m.body[:length]
	return nil
}

// judgeRequest checks what only requests have.
func judgeRequest(m *rawMessage, method, target string) *flaw {
	scheme, _, ok := strings.Cut(target, ":")
	switch {
	case !ok || !isToken(scheme):
		return bad("request URI")
	case !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips"):
		return &flaw{code: 416, reason: "Unsupported URI Scheme"}
	}
	if _, err := ParseURI(target); err != nil {
		return bad("request URI")
	}
	if method == "ACK" || method == "CANCEL" { // RFC 3261 8.2.2.3
		return nil
	}
	if unknown := strings.Join(unknownOptions(m.all("Require")), ", "); unknown != "" {
		return &flaw{code: 420, reason: "Bad Extension", header: header{"Unsupported", unknown}}
	}
	if len(m.body) == 0 || (method != "INVITE" && method != "UPDATE") {
		return nil
	}
	kind, _ := m.get("Content-Type")
	kind, _, _ = strings.Cut(kind, ";")
	coding, coded := m.get("Content-Encoding")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/sdp") || (coded > 0 && !strings.EqualFold(coding, "identity")) {
		return &flaw{code: 415, reason: "Unsupported Media Type", header: header{"Accept", "application/sdp"}}
	}
	return nil
}

// unknownOptions are the required extensions that this phone lacks.
func unknownOptions(require []string) (unknown []string) {
	for _, v := range require {
		for _, option := range splitList(v, ',') {
			if option = strings.TrimSpace(option); option != "" && !lists([]string{supported}, option) {
				unknown = append(unknown, option)
			}
		}
	}
	return unknown
}

// validVia checks a Via as tidy leaves it: "SIP/2.0/UDP host[:port];params".
// The topmost one must have a branch.
func validVia(v string, top bool) bool {
	proto, rest, ok := strings.Cut(v, " ")
	if !ok || !strings.HasPrefix(strings.ToUpper(proto), "SIP/2.0/") || !isToken(proto[len("SIP/2.0/"):]) {
		return false
	}
	sentBy, params, _ := strings.Cut(rest, ";")
	if err := new(URI).setHostPort(strings.TrimSpace(sentBy)); err != nil {
		return false
	}
	if !top {
		return true
	}
	// The branch names a transaction; without the cookie it is RFC 2543,
	// which nothing that this phone meets speaks any more.
	for _, p := range parseParams(params) {
		if strings.EqualFold(p.name, "branch") {
			return strings.HasPrefix(p.value, "z9hG4bK") && len(p.value) > len("z9hG4bK") && isWord(p.value)
		}
	}
	return false
}

// validAnyURI accepts every URI that is harmless to carry: a SIP URI must be
// whole, of another scheme (tel:, urn:) only the form is checked.
func validAnyURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz") != "" || rest == "" {
		return false
	}
	if strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips") {
		_, err := ParseURI(s)
		return err == nil
	}
	return !strings.ContainsAny(s, " \t<>\"")
}

// isWord is looser than a token: real tags and branches also hold '=' and '/'.
func isWord(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>;,", r) }) < 0
}
