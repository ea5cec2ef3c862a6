package wire

import (
	"bytes"
	"strings"
)

// Accepted are the kinds of body that this phone reads.
const Accepted = sdpType + ", multipart/mixed, multipart/alternative"

const (
	sdpType  = "application/sdp"
	maxParts = 16 // of one body, nested ones included
)

// bringsSession says whether the body of a method describes a session.
func bringsSession(method string) bool {
	switch method {
	case "INVITE", "UPDATE", "PRACK", "ACK":
		return true
	}
	return false
}

// judgeBody refuses what must be understood and is not (RFC 3261 8.2.3, RFC
// 5621).
func (m *Message) judgeBody() *Flaw {
	if len(m.Body) == 0 || m.Method() == "INFO" { // whose body is judged by who hears it
		return nil
	}
	p := part{headers: m.Headers, body: m.Body}
	if coding := p.get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") && !p.optional() {
		return &Flaw{Code: 415, Reason: "Unsupported Media Type", Headers: []Header{{"Accept-Encoding", "identity"}}}
	}
	count := 0
	if _, ok := p.session(&count); !ok {
		return &Flaw{Code: 415, Reason: "Unsupported Media Type", Headers: []Header{{"Accept", Accepted}}}
	}
	return nil
}

// SDP is the session description of a message: its body, or the part of it that
// is one, however deep it stands. nil: there is none.
func (m *Message) SDP() []byte {
	count := 0
	sdp, _ := (&part{headers: m.Headers, body: m.Body}).session(&count)
	return sdp
}

// TakeSDP makes the session description the whole body, where the message is
// one that brings a session. What else the body held is gone.
func (m *Message) TakeSDP() {
	cseq, _ := m.Get("CSeq")
	_, method, _ := strings.Cut(cseq, " ")
	if len(m.Body) == 0 || !bringsSession(method) {
		return
	}
	kind, _ := m.Get("Content-Type")
	if kind == sdpType {
		return
	}
	m.Body = m.SDP()
	kept := m.Headers[:0:0]
	for _, h := range m.Headers {
		if !strings.HasPrefix(h.Name, "Content-") {
			kept = append(kept, h)
		}
	}
	if m.Headers = kept; len(m.Body) > 0 {
		m.Headers = append(m.Headers, Header{"Content-Type", sdpType})
	}
}

// part is a body with its own headers.
type part struct {
	headers []Header
	body    []byte
}

func (p *part) get(name string) string {
	for _, h := range p.headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// kind is the media type in lower case, and its parameters.
func (p *part) kind() (string, []Param) {
	kind, params, _ := strings.Cut(p.get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind)), ParseParams(params)
}

// optional says that the sender can do without this part (RFC 3204 6).
func (p *part) optional() bool {
	_, params, _ := strings.Cut(p.get("Content-Disposition"), ";")
	for _, one := range ParseParams(params) {
		if strings.EqualFold(one.Name, "handling") {
			return strings.EqualFold(one.Value, "optional")
		}
	}
	return false
}

// isSession says that the part's purpose is the session, which is that of SDP
// where nothing is said (RFC 3261 20.11). An early session (RFC 3959) is another.
func (p *part) isSession() bool {
	what, _, _ := strings.Cut(p.get("Content-Disposition"), ";")
	what = strings.TrimSpace(what)
	return what == "" || strings.EqualFold(what, "session")
}

// session finds the session description. ok is false where something must be
// understood that is not.
func (p *part) session(count *int) (sdp []byte, ok bool) {
	if *count++; *count > maxParts {
		return nil, false
	}
	kind, params := p.kind()
	switch {
	case kind == sdpType, kind == "" && bytes.HasPrefix(p.body, []byte("v=0")):
		if p.isSession() {
			return p.body, true
		}
		return nil, p.optional()
	case kind == "multipart/mixed", kind == "multipart/related", kind == "multipart/alternative":
		boundary := ""
		for _, one := range params {
			if strings.EqualFold(one.Name, "boundary") {
				boundary = one.Value
			}
		}
		parts, whole := split(p.body, boundary)
		if !whole {
			return nil, p.optional()
		}
		return sessionOf(parts, kind == "multipart/alternative", count)
	}
	return nil, p.optional()
}

// sessionOf finds the session among parts. Of alternatives, which are the same
// in growing richness, the last that is understood counts, and the others need
// not be; of a mixture the first, and each must be understood unless it says
// otherwise (RFC 5621 6). Without a word on handling a part beside the SDP is
// left aside: what comes along with offers today (locations, ISUP, pictures) is
// not worth a refused call.
func sessionOf(parts []part, alternative bool, count *int) (sdp []byte, ok bool) {
	all := true
	for i := range parts {
		found, understood := parts[i].session(count)
		all = all && understood
		if !understood && !alternative && parts[i].required() {
			return nil, false
		}
		if found != nil && (sdp == nil || alternative) {
			sdp = found
		}
	}
	return sdp, sdp != nil || all
}

// required says that the sender cannot do without this part, in so many words.
func (p *part) required() bool {
	return strings.Contains(strings.ToLower(strings.ReplaceAll(p.get("Content-Disposition"), " ", "")), "handling=required")
}

// split cuts a multipart body (RFC 2046 5.1.1). Lines may end with LF alone, as
// some write them in bodies. It reports false where there are no parts.
func split(body []byte, boundary string) (parts []part, ok bool) {
	if boundary == "" || len(boundary) > 70 {
		return nil, false
	}
	delimiter := []byte("--" + boundary)
	rest, started := body, false
	for len(parts) < maxParts {
		at := bytes.Index(rest, delimiter)
		if at < 0 {
			break
		}
		if at > 0 && rest[at-1] != '\n' { // within a line: not a delimiter
			if !started {
				rest = rest[at+len(delimiter):]
				continue
			}
			break
		}
		if started {
			parts = append(parts, newPart(rest[:at]))
		}
		rest, started = rest[at+len(delimiter):], true
		if bytes.HasPrefix(rest, []byte("--")) {
			return parts, len(parts) > 0
		}
		if _, after, found := bytes.Cut(rest, []byte("\n")); found {
			rest = after
		}
	}
	// The closing delimiter is missing: what stands before it counts.
	if started && len(parts) < maxParts {
		parts = append(parts, newPart(rest))
	}
	return parts, len(parts) > 0
}

// newPart reads what stands between two delimiters, of which the line end
// before the second is part.
func newPart(b []byte) part {
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	var p part
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		b = rest
		if len(line) == 0 {
			break
		}
		name, value, _ := strings.Cut(string(line), ":")
		if len(p.headers) < maxHeaders {
			p.headers = append(p.headers, Header{longName(strings.TrimSpace(name)), strings.TrimSpace(value)})
		}
	}
	p.body = b
	return p
}

// acceptsSDP says whether the sender takes an answer in SDP (RFC 3261 20.1).
func (m *Message) acceptsSDP() bool {
	values := m.All("Accept")
	if len(values) == 0 {
		return true
	}
	best, answer := 0, false // the most exact range decides
	for _, v := range values {
		for _, one := range SplitList(v, ',') {
			kind, params, _ := strings.Cut(one, ";")
			exact := 0
			switch strings.ToLower(strings.TrimSpace(kind)) {
			case sdpType:
				exact = 3
			case "application/*":
				exact = 2
			case "*/*":
				exact = 1
			}
			if exact >= best && exact > 0 {
				best, answer = exact, true
				for _, p := range ParseParams(params) {
					if strings.EqualFold(p.Name, "q") && strings.Trim(p.Value, "0.") == "" {
						answer = false
					}
				}
			}
		}
	}
	return answer
}
