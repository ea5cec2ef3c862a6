package wire

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// MaxMessage bounds a message, headers and body, on every transport.
const MaxMessage = 64 << 10

// maxHeaders bounds the header fields of a message; phones send about twenty.
const maxHeaders = 256

// Message is a message cut into lines, before anyone believes it. Names of
// headers are in their long form, folded lines are joined, lists of Via,
// Contact, Route and Record-Route are taken apart, and the spaces around ';',
// '=' and in Via that the grammar allows (RFC 3261 25.1) are gone, since
// sipgo's parser trips over all of these.
type Message struct {
	Start   string
	Headers []Header
	Body    []byte
}

// Header is one header field, its name in the long form.
type Header struct{ Name, Value string }

var (
	errNoEnd      = errors.New("the headers do not end with an empty line")
	errStrayByte  = errors.New("a control character stands in the headers")
	errNoColon    = errors.New("a header line has no colon")
	errHeaderName = errors.New("a header name is not a token")
	errTooMany    = errors.New("there are too many headers")
)

// Scan cuts a message. What comes after the empty line is the body, whatever
// Content-Length says; validate judges that.
func Scan(b []byte) (*Message, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, errNoEnd
	}
	m := &Message{Body: b[end+4:]}
	for i, line := range strings.Split(string(b[:end]), "\r\n") {
		if strings.ContainsAny(line, "\r\n\x00") {
			return nil, errStrayByte
		}
		if i == 0 {
			m.Start = line
			continue
		}
		if line[0] == ' ' || line[0] == '\t' { // never empty: the first empty line ended the headers
			if len(m.Headers) == 0 {
				return nil, errNoColon
			}
			last := &m.Headers[len(m.Headers)-1]
			last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(line))
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, errNoColon
		}
		if name = strings.TrimRight(name, " \t"); !IsToken(name) {
			return nil, errHeaderName
		}
		if len(m.Headers) == maxHeaders {
			return nil, errTooMany
		}
		m.Headers = append(m.Headers, Header{longName(name), strings.TrimSpace(value)})
	}
	m.tidy()
	return m, nil
}

// tidy takes lists apart and squeezes spaces.
func (m *Message) tidy() {
	out := make([]Header, 0, len(m.Headers))
	for _, h := range m.Headers {
		switch h.Name {
		case "From", "To":
			if a, err := ParseAddress(h.Value); err == nil { // else validate says no
				h.Value = a.String()
			}
		case "Via", "Contact", "Route", "Record-Route":
			around := ";="
			if h.Name == "Via" {
				around = ";=/:"
			}
			for _, v := range SplitList(h.Value, ',') {
				if v = squeeze(v, around); v != "" && h.Name == "Via" {
					v = lowerParams(v)
				}
				if v != "" {
					out = append(out, Header{h.Name, v})
				}
			}
			continue
		case "CSeq":
			h.Value = strings.Join(strings.Fields(h.Value), " ")
		}
		out = append(out, h)
	}
	m.Headers = out
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
	parts := SplitList(s, ';')
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

// Get returns the first value of a header and how many there are.
func (m *Message) Get(name string) (value string, count int) {
	for _, h := range m.Headers {
		if h.Name == name {
			if count == 0 {
				value = h.Value
			}
			count++
		}
	}
	return value, count
}

// All returns every value of a header.
func (m *Message) All(name string) []string {
	var out []string
	for _, h := range m.Headers {
		if h.Name == name {
			out = append(out, h.Value)
		}
	}
	return out
}

// Bytes writes the message again, tidy, with a Content-Length that is true.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(m.Start)
	b.WriteString("\r\n")
	for _, h := range m.Headers {
		if h.Name == "Content-Length" {
			continue
		}
		b.WriteString(h.Name)
		b.WriteString(": ")
		b.WriteString(h.Value)
		b.WriteString("\r\n")
	}
	b.WriteString("Content-Length: ")
	b.WriteString(strconv.Itoa(len(m.Body)))
	b.WriteString("\r\n\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

// Method is a request's method, or "" for a response.
func (m *Message) Method() string {
	if m.IsResponse() {
		return ""
	}
	method, _, _ := strings.Cut(m.Start, " ")
	return method
}

// IsResponse says whether the message is one, by its first line alone.
func (m *Message) IsResponse() bool {
	return len(m.Start) > 4 && strings.EqualFold(m.Start[:4], "SIP/")
}

// Tag returns the tag of From or To, "" when there is none.
func (m *Message) Tag(name string) string {
	v, _ := m.Get(name)
	a, err := ParseAddress(v)
	if err != nil {
		return ""
	}
	tag, _ := a.Param("tag")
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

// IsToken checks RFC 3261's token.
func IsToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-.!%*_+`'~", rune(c)) {
			return false
		}
	}
	return s != ""
}
