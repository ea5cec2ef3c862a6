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
	fault   string // what is wrong with the lines; Validate tells it
}

// Header is one header field, its name in the long form.
type Header struct{ Name, Value string }

// What Scan cannot make a message of.
var (
	ErrNoEnd = errors.New("the headers do not end with an empty line")
	ErrEmpty = errors.New("there is nothing but line ends") // a keep-alive
)

// Scan cuts a message. Line ends before it are skipped (RFC 3261 7.5). What
// comes after the empty line is the body, whatever Content-Length says;
// Validate judges that, and lines that are no headers too. Errors are ErrNoEnd
// and ErrEmpty.
func Scan(b []byte) (*Message, error) {
	for bytes.HasPrefix(b, []byte("\r\n")) {
		b = b[2:]
	}
	if len(b) == 0 {
		return nil, ErrEmpty
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, ErrNoEnd
	}
	m := &Message{Body: b[end+4:]}
	for i, line := range strings.Split(string(b[:end]), "\r\n") {
		if strings.ContainsAny(line, "\r\n") {
			m.blame("a line ends in the wrong way")
			line = strings.NewReplacer("\r", " ", "\n", " ").Replace(line)
		}
		if strayNUL(line) {
			m.blame("NUL")
		}
		if i == 0 {
			m.Start = line
			continue
		}
		m.line(line)
	}
	m.tidy()
	return m, nil
}

// blame remembers the first thing that is wrong.
func (m *Message) blame(why string) {
	if m.fault == "" {
		m.fault = why
	}
}

// line takes one header line, which is never empty: the first empty line ended
// the headers.
func (m *Message) line(line string) {
	if line[0] == ' ' || line[0] == '\t' {
		if len(m.Headers) == 0 {
			m.blame("a header that begins with a blank")
			return
		}
		last := &m.Headers[len(m.Headers)-1]
		last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(line))
		return
	}
	name, value, ok := strings.Cut(line, ":")
	name = strings.TrimRight(name, " \t")
	switch {
	case !ok:
		m.blame("a header without a colon")
	case !IsToken(name):
		m.blame("the name of a header")
	case len(m.Headers) == maxHeaders:
		m.blame("too many headers")
	default:
		m.Headers = append(m.Headers, Header{longName(name), strings.TrimSpace(value)})
	}
}

// strayNUL finds a NUL that no backslash makes a quoted pair (RFC 3261 25.1).
func strayNUL(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case 0:
			return true
		}
	}
	return false
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
				if v = squeeze(v, around); h.Name == "Via" {
					if v = lowerParams(v); v == "" {
						m.blame("an empty Via")
					}
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

// Target is a request's Request-URI, or "" for a response.
func (m *Message) Target() string {
	if m.IsResponse() {
		return ""
	}
	_, rest, _ := strings.Cut(m.Start, " ")
	target, _, _ := strings.Cut(rest, " ")
	return target
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
	case "accept":
		return "Accept"
	case "content-disposition":
		return "Content-Disposition"
	case "replaces":
		return "Replaces"
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
