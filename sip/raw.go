package sip

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// maxMessage bounds a message, headers and body, on every transport.
const maxMessage = 64 << 10

// maxHeaders bounds the header fields of a message; phones send about twenty.
const maxHeaders = 256

// rawMessage is a message cut into lines, before anyone believes it. Names of
// headers are in their long form, folded lines are joined, lists of Via,
// Contact, Route and Record-Route are taken apart, and the spaces around ';',
// '=' and in Via that the grammar allows (RFC 3261 25.1) are gone, since
// sipgo's parser trips over all of these.
type rawMessage struct {
	start   string
	headers []header
	body    []byte
}

type header struct{ name, value string }

var (
	errNoEnd      = errors.New("the headers do not end with an empty line")
	errStrayByte  = errors.New("a control character stands in the headers")
	errNoColon    = errors.New("a header line has no colon")
	errHeaderName = errors.New("a header name is not a token")
	errTooMany    = errors.New("there are too many headers")
)

// scan cuts a message. What comes after the empty line is the body, whatever
// Content-Length says; validate judges that.
func scan(b []byte) (*rawMessage, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, errNoEnd
	}
	m := &rawMessage{body: b[end+4:]}
	for i, line := range strings.Split(string(b[:end]), "\r\n") {
		if strings.ContainsAny(line, "\r\n\x00") {
			return nil, errStrayByte
		}
		if i == 0 {
			m.start = line
			continue
		}
		if line[0] == ' ' || line[0] == '\t' { // never empty: the first empty line ended the headers
			if len(m.headers) == 0 {
				return nil, errNoColon
			}
			last := &m.headers[len(m.headers)-1]
			last.value = strings.TrimSpace(last.value + " " + strings.TrimSpace(line))
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, errNoColon
		}
		if name = strings.TrimRight(name, " \t"); !isToken(name) {
			return nil, errHeaderName
		}
		if len(m.headers) == maxHeaders {
			return nil, errTooMany
		}
		m.headers = append(m.headers, header{longName(name), strings.TrimSpace(value)})
	}
	m.tidy()
	return m, nil
}

// tidy takes lists apart and squeezes spaces.
func (m *rawMessage) tidy() {
	out := make([]header, 0, len(m.headers))
	for _, h := range m.headers {
		switch h.name {
		case "From", "To":
			if a, err := parseAddress(h.value); err == nil { // else validate says no
				h.value = a.String()
			}
		case "Via", "Contact", "Route", "Record-Route":
			around := ";="
			if h.name == "Via" {
				around = ";=/:"
			}
			for _, v := range splitList(h.value, ',') {
				if v = squeeze(v, around); v != "" && h.name == "Via" {
					v = lowerParams(v)
				}
				if v != "" {
					out = append(out, header{h.name, v})
				}
			}
			continue
		case "CSeq":
			h.value = strings.Join(strings.Fields(h.value), " ")
		}
		out = append(out, h)
	}
	m.headers = out
}

// squeeze removes blanks next to the bytes in around and shortens other runs
// to one space, outside of quotes and <>.
func squeeze(s, around string) string {
	if !strings.ContainsAny(s, " \t") {
		return s
	}
	var b strings.Builder
	blank := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == ' ' || c == '\t' {
			blank = true
			continue
		}
		if blank {
			out := b.String()
			if len(out) > 0 && !strings.ContainsRune(around, rune(out[len(out)-1])) && !strings.ContainsRune(around, rune(c)) {
				b.WriteByte(' ')
			}
			blank = false
		}
		end := i
		switch c {
		case '"':
			if n := closingQuote(s[i:]); n > 0 {
				end = i + n
			}
		case '<':
			if n := strings.IndexByte(s[i:], '>'); n > 0 {
				end = i + n
			}
		}
		b.WriteString(s[i : end+1])
		i = end
	}
	return b.String()
}

// lowerParams writes the names of header parameters small: they are not case
// sensitive (RFC 3261 7.3.1), to sipgo they are. Empty ones are left out.
func lowerParams(s string) string {
	parts := splitList(s, ';')
	out := parts[:1]
	for _, p := range parts[1:] {
		name, rest, ok := strings.Cut(p, "=")
		name = strings.ToLower(name)
		if ok {
			name += "=" + rest
		}
		if name != "" {
			out = append(out, name)
		}
	}
	return strings.Join(out, ";")
}

// get returns the first value of a header and how many there are.
func (m *rawMessage) get(name string) (value string, count int) {
	for _, h := range m.headers {
		if h.name == name {
			if count == 0 {
				value = h.value
			}
			count++
		}
	}
	return value, count
}

// all returns every value of a header.
func (m *rawMessage) all(name string) []string {
	var out []string
	for _, h := range m.headers {
		if h.name == name {
			out = append(out, h.value)
		}
	}
	return out
}

// bytes writes the message again, tidy, with a Content-Length that is true.
func (m *rawMessage) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(m.start)
	b.WriteString("\r\n")
	for _, h := range m.headers {
		if h.name == "Content-Length" {
			continue
		}
		b.WriteString(h.name)
		b.WriteString(": ")
		b.WriteString(h.value)
		b.WriteString("\r\n")
	}
	b.WriteString("Content-Length: ")
	b.WriteString(strconv.Itoa(len(m.body)))
	b.WriteString("\r\n\r\n")
	b.Write(m.body)
	return b.Bytes()
}

// method is a request's method, or "" for a response.
func (m *rawMessage) method() string {
	if m.isResponse() {
		return ""
	}
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

func (m *rawMessage) isResponse() bool {
	return len(m.start) > 4 && strings.EqualFold(m.start[:4], "SIP/")
}

// tag returns the tag of From or To, "" when there is none.
func (m *rawMessage) tag(name string) string {
	v, _ := m.get(name)
	a, err := parseAddress(v)
	if err != nil {
		return ""
	}
	tag, _ := a.param("tag")
	return tag
}

// longName spells out compact forms (RFC 3261 7.3.3 and the IANA registry) and
// gives the headers that this package looks at their usual spelling.
func longName(name string) string {
	switch strings.ToLower(name) {
	case "v", "via":
		return "Via"
	case "f", "from":
		return "From"
	case "t", "to":
		return "To"
	case "i", "call-id":
		return "Call-ID"
	case "cseq":
		return "CSeq"
	case "m", "contact":
		return "Contact"
	case "l", "content-length":
		return "Content-Length"
	case "c", "content-type":
		return "Content-Type"
	case "e", "content-encoding":
		return "Content-Encoding"
	case "k", "supported":
		return "Supported"
	case "max-forwards":
		return "Max-Forwards"
	case "require":
		return "Require"
	case "route":
		return "Route"
	case "record-route":
		return "Record-Route"
	case "allow":
		return "Allow"
	case "reason":
		return "Reason"
	case "s":
		return "Subject"
	case "r":
		return "Refer-To"
	case "b":
		return "Referred-By"
	case "o":
		return "Event"
	case "u":
		return "Allow-Events"
	case "x":
		return "Session-Expires"
	}
	return name
}

// isToken checks RFC 3261's token.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-.!%*_+`'~", rune(c)) {
			return false
		}
	}
	return s != ""
}
