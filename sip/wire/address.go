package wire

import (
	"errors"
	"strings"
)

// Address is a name-addr or addr-spec with its header parameters (RFC 3261
// 20.10), parsed apart from sipgo, whose parser splits quoted parameters.
type Address struct {
	Name   string // display name, unquoted
	URI    string // exactly as written
	Params []Param
}

// Param is one parameter, its value unquoted.
type Param struct{ Name, Value string } // value unquoted

// String writes the address in the one form that needs no cleverness to read.
func (a Address) String() string {
	var b strings.Builder
	if a.Name != "" {
		b.WriteString(Quote(a.Name) + " ")
	}
	b.WriteString("<" + a.URI + ">")
	for _, p := range a.Params {
		b.WriteString(";" + strings.ToLower(p.Name))
		switch {
		case p.Value == "":
		case IsWord(p.Value):
			b.WriteString("=" + p.Value)
		default:
			b.WriteString("=" + Quote(p.Value))
		}
	}
	return b.String()
}

// Param returns a header parameter, whatever the case of its name.
func (a Address) Param(name string) (string, bool) {
	for _, p := range a.Params {
		if strings.EqualFold(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

// ParseAddress reads one value of From, To, Contact, Route or Record-Route.
func ParseAddress(s string) (Address, error) {
	var a Address
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, `"`) {
		end := closingQuote(s)
		if end < 0 {
			return a, errors.New("the quoted name does not end")
		}
		a.Name, s = Unquote(s[:end+1]), strings.TrimSpace(s[end+1:])
		if !strings.HasPrefix(s, "<") {
			return a, errors.New("a name must be followed by an address in <>")
		}
	}
	rest := ""
	if open := strings.IndexByte(s, '<'); open >= 0 {
		end := strings.IndexByte(s, '>')
		if end < open {
			return a, errors.New("an address in < has no >")
		}
		if a.Name == "" {
			a.Name = strings.TrimSpace(s[:open])
		}
		a.URI, rest = strings.TrimSpace(s[open+1:end]), strings.TrimSpace(s[end+1:])
		if rest != "" && rest[0] != ';' {
			return a, errors.New("only parameters may follow the >")
		}
	} else {
		// Without <>, everything after ';' is a header parameter (RFC 3261 20.10).
		a.URI, rest, _ = strings.Cut(s, ";")
		a.URI = strings.TrimSpace(a.URI)
		if strings.ContainsAny(a.URI, `,?>"`) {
			return a, errors.New("an address with ',' or '?' stands in <>")
		}
	}
	if a.URI == "" {
		return a, errors.New("the address is empty")
	}
	a.Params = ParseParams(rest)
	return a, nil
}

// ParseParams reads parameters that are separated by ';'. Values lose their
// quotes; what has no name is left out.
func ParseParams(s string) []Param {
	var out []Param
	for _, p := range SplitList(s, ';') {
		k, v, _ := strings.Cut(p, "=")
		if k = strings.TrimSpace(k); k != "" {
			out = append(out, Param{k, Unquote(strings.TrimSpace(v))})
		}
	}
	return out
}

// SplitList splits at sep outside of quotes and <>, and trims the parts.
func SplitList(s string, sep byte) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			end := closingQuote(s[i:])
			if end < 0 {
				i = len(s)
				break
			}
			i += end
		case c == '<':
			depth++
		case c == '>' && depth > 0:
			depth--
		case c == sep && depth == 0:
			out = append(out, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(s[start:]))
}

// closingQuote returns the index of the quote that closes s[0], or -1.
func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// Unquote reads a quoted-string (RFC 3261 25.1); anything else stays as it is.
func Unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Quote writes s as a quoted-string (RFC 3261 25.1), control characters as
// quoted pairs. No line end can be quoted; one becomes a space.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\r' || c == '\n':
			b.WriteByte(' ')
		case c == '"' || c == '\\' || (c < ' ' && c != '\t') || c == 0x7f:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Lists says whether headers with comma-separated lists hold a token.
func Lists(values []string, token string) bool {
	for _, v := range values {
		for _, one := range SplitList(v, ',') {
			if strings.EqualFold(strings.TrimSpace(one), token) {
				return true
			}
		}
	}
	return false
}
