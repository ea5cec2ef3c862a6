package sdp

import (
	"bytes"
	"strconv"
	"strings"
)

// scanned is a description cut into lines, with only those kept that are
// read later. pion's grammar is strict about order, about words that it does
// not know and about the last line's end, where real phones are not; so it is
// given one session and at most one stream, in the order that it wants.
type scanned struct {
	origin, conn string // o= and c= of the session; conn may be empty
	attributes   []string
	sections     []section
}

// section is one m= line and what belongs to it.
type section struct {
	line       Line
	formats    []string
	conn       string
	attributes []string
}

func scan(b []byte) (scanned, error) {
	var sc scanned
	if len(b) > maxBytes {
		return sc, unsuitable("the session description is too long")
	}
	count := 0
	for len(b) > 0 {
		var raw []byte
		if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
			raw, b = b[:i], b[i+1:]
		} else {
			raw, b = b, nil
		}
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		if count++; count > maxLines {
			return sc, unsuitable("the session description has too many lines")
		}
		if err := sc.add(string(raw), count == 1); err != nil {
			return sc, err
		}
	}
	if sc.origin == "" {
		return sc, malformed("no o= line")
	}
	return sc, nil
}

// add files one line; what no reader asks for is dropped here.
func (sc *scanned) add(line string, first bool) error {
	if len(line) < 2 || line[1] != '=' {
		return malformed("a line is not of the form x=value")
	}
	value := strings.TrimSpace(line[2:])
	if first {
		if line[0] != 'v' || value != "0" {
			return malformed("it does not begin with v=0")
		}
		return nil
	}
	var sec *section
	if n := len(sc.sections); n > 0 {
		sec = &sc.sections[n-1]
	}
	switch line[0] {
	case 'o':
		if sc.origin == "" && sec == nil {
			sc.origin = value
		}
	case 'c':
		switch {
		case sec == nil && sc.conn == "":
			sc.conn = value
		case sec != nil && sec.conn == "":
			sec.conn = value
		}
	case 'a':
		switch {
		case !wanted(value):
		case sec == nil:
			sc.attributes = append(sc.attributes, value)
		case strings.EqualFold(sec.line.Media, "audio"):
			sec.attributes = append(sec.attributes, value)
		}
	case 'm':
		return sc.addMedia(value)
	}
	return nil
}

// wanted says whether an attribute is one that Parse reads.
func wanted(attribute string) bool {
	key, value, _ := strings.Cut(attribute, ":")
	switch key {
	case "sendrecv", "sendonly", "recvonly", "inactive", "rtcp", "rtcp-mux", "ptime", "maxptime", "rtpmap":
		return len(value) <= 2*maxToken
	case "fmtp":
		return len(value) <= maxFmtp
	}
	return false
}

// addMedia reads "audio 49170/1 RTP/AVP 0 8 101" (RFC 4566 5.14). A port
// that is no uint16 is kept as it is, to be refused only if it matters.
func (sc *scanned) addMedia(value string) error {
	if len(sc.sections) == maxMedia {
		// Each line must be answered (RFC 3264 6), so leaving some out is no way.
		return unsuitable("too many media lines")
	}
	f := strings.Fields(value)
	if len(f) < 4 {
		return malformed("an m= line has too few words")
	}
	port, _, _ := strings.Cut(f[1], "/")
	n, err := strconv.Atoi(port)
	if err != nil {
		return malformed("the port of an m= line is not a number")
	}
	if !isToken(f[0]) || !isToken(strings.ReplaceAll(f[2], "/", "")) || !isToken(f[3]) {
		return malformed("an m= line holds odd characters")
	}
	formats := f[3:]
	if len(formats) > maxFormats {
		formats = formats[:maxFormats]
	}
	sc.sections = append(sc.sections, section{
		line:    Line{Media: f[0], Port: n, Protocol: f[2], Format: f[3]},
		formats: formats,
	})
	return nil
}

// head is the session's text for pion, with one section if there is one.
func (sc *scanned) head(sec *section) string {
	var b strings.Builder
	write := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteString("\r\n")
	}
	write("v=0")
	write("o=", sc.origin)
	write("s=-")
	if sc.conn != "" && sec != nil && sec.conn == "" {
		write("c=", sc.conn)
	}
	write("t=0 0")
	if sec == nil {
		return b.String()
	}
	for _, a := range sc.attributes {
		write("a=", a)
	}
	write("m=audio ", strconv.Itoa(sec.line.Port), " ", strings.ToUpper(sec.line.Protocol), " ", strings.Join(sec.formats, " "))
	if sec.conn != "" {
		write("c=", sec.conn)
	}
	for _, a := range sec.attributes {
		write("a=", a)
	}
	return b.String()
}

// isToken says whether s is a short token (RFC 4566 9): printable ASCII
// without separators, fit to be echoed in an answer and shown.
func isToken(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`"(),/:;<=>?@[\]`, c) >= 0 {
			return false
		}
	}
	return true
}
