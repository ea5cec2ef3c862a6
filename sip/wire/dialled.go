package wire

import (
	"errors"
	"strings"
	"unicode"
)

// Dialled reads what a person typed or pasted as the address to call: a URI, a
// name and address from a mail, user@host, or a name or number in domain, a
// host with or without port. Numbers lose what makes them readable, and what no
// user part may hold is escaped (RFC 3261 25.1). Errors are the ends of
// sentences for a person.
func Dialled(typed, domain string) (URI, error) {
	s := plainText(typed)
	if strings.Contains(s, "<") {
		a, err := ParseAddress(s)
		if err != nil {
			return URI{}, err
		}
		s = a.URI
	}
	if s == "" {
		return URI{}, errors.New("there is nothing to call")
	}
	scheme, rest, ok := strings.Cut(s, ":")
	switch scheme = strings.ToLower(scheme); {
	case ok && (scheme == "sip" || scheme == "sips"):
		return dialledURI(scheme, rest, domain)
	case ok && (scheme == "tel" || scheme == "callto"):
		s = strings.TrimSpace(unescape(strings.TrimPrefix(rest, "//")))
		if scheme == "tel" { // RFC 3966: parameters are for gateways
			s, _, _ = strings.Cut(s, ";")
		}
		if strings.ContainsAny(s, ",pw") && isNumber(s[:strings.IndexAny(s, ",pw")]) {
			return URI{}, errors.New("what follows the comma is for the keypad once the call is answered; give the number alone")
		}
	}
	switch scheme {
	case "mailto", "http", "https", "file", "urn", "xmpp", "im", "h323":
		if ok {
			return URI{}, foreignScheme(scheme)
		}
	}
	if strings.Contains(s, "@") {
		return dialledURI("sip", s, domain)
	}
	if isNumber(s) {
		s = shortNumber(s)
	}
	switch {
	case s == "":
		return URI{}, errors.New("there is nothing to call")
	case strings.ContainsAny(s, " \t\""):
		return URI{}, errors.New("it has spaces or quotes")
	}
	return ParseURI("sip:" + escapeUser(s) + "@" + domain)
}

// dialledURI reads what follows the scheme.
func dialledURI(scheme, s, domain string) (URI, error) {
	// The last @ is meant: a person who types two has an address as a user.
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		if isNumber(s) && strings.ContainsAny(s, "+*#") { // sip:+49 30 1234 has no host
			return ParseURI(scheme + ":" + escapeUser(shortNumber(s)) + "@" + domain)
		}
		return ParseURI(scheme + ":" + s)
	}
	user := s[:i]
	if strings.Contains(user, ":") {
		return URI{}, errors.New("a password does not belong in an address; leave out what follows the ':' before the @")
	}
	if isNumber(user) {
		user = shortNumber(user)
	}
	if user = escapeUser(user); user == "" {
		return URI{}, errors.New("there is nothing before the @; write it like alice@example.com")
	}
	return ParseURI(scheme + ":" + user + "@" + s[i+1:])
}

// plainText has digits, signs, blanks and dashes of other scripts and of word
// processors in their ASCII form, and leaves out what cannot be seen.
func plainText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '\uff01' && r <= '\uff5e': // full width
			r -= 0xfee0
		case unicode.Is(unicode.Zs, r) || r == '\t':
			r = ' '
		case unicode.Is(unicode.Cf, r):
			continue
		case (r >= '\u2010' && r <= '\u2015') || r == '\u2212':
			r = '-'
		case r > 0x7f && unicode.Is(unicode.Nd, r):
			r = '0' + digitValue(r)
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// digitValue is the value of a decimal digit. Digits stand in blocks of ten.
func digitValue(r rune) rune {
	for _, block := range unicode.Nd.R16 {
		if r >= rune(block.Lo) && r <= rune(block.Hi) {
			return (r - rune(block.Lo)) % 10
		}
	}
	for _, block := range unicode.Nd.R32 {
		if r >= rune(block.Lo) && r <= rune(block.Hi) {
			return (r - rune(block.Lo)) % 10
		}
	}
	return 0
}

// isNumber says whether s is a number as people write them.
func isNumber(s string) bool {
	digits := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r == '*', r == '#':
			digits++
		case strings.ContainsRune("+ -./()", r):
		default:
			return false
		}
	}
	return digits > 0
}

// shortNumber leaves out what separates digits. The "(0)" behind a country code
// is for callers within the country.
func shortNumber(s string) string {
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "00") {
		s = strings.Replace(s, "(0)", "", 1)
	}
	return strings.NewReplacer(" ", "", "-", "", ".", "", "/", "", "(", "", ")", "").Replace(s)
}

// escapeUser escapes what a user part may not hold. Escapes that are there stay.
func escapeUser(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		letter := (c|0x20 >= 'a' && c|0x20 <= 'z') || (c >= '0' && c <= '9')
		escape := c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])
		if letter || escape || strings.IndexByte("-_.!~*'()&=+$,;?/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + hexDigits[c>>4:c>>4+1] + hexDigits[c&15:c&15+1])
	}
	return b.String()
}

func isHex(c byte) bool {
	return (c >= '0' && c <= '9') || (c|0x20 >= 'a' && c|0x20 <= 'f')
}
