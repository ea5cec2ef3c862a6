package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// URI is a SIP or SIPS URI (RFC 3261 19.1). It is a value: compare and copy it
// freely. The zero URI means "none".
type URI struct {
	Scheme string // "sip" or "sips"
	User   string // as written, escapes kept; empty when there is none
	Host   string // lower case; an IPv6 literal has no brackets
	Port   uint16 // 0: none written
	Params string // as written, with the leading ';' of each, or empty
}

// IsZero says that there is no URI.
func (u URI) IsZero() bool { return u.Host == "" }

// String writes the URI as it stands in a request line. The zero URI is "".
func (u URI) String() string {
	if u.IsZero() {
		return ""
	}
	return u.Bare() + u.Params
}

// Bare is the URI without parameters.
func (u URI) Bare() string {
	if u.IsZero() {
		return ""
	}
	var b strings.Builder
	b.WriteString(u.Scheme)
	b.WriteByte(':')
	if u.User != "" {
		b.WriteString(u.User)
		b.WriteByte('@')
	}
	b.WriteString(u.HostPort())
	return b.String()
}

// HostPort is host or host:port as they stand in the URI.
func (u URI) HostPort() string {
	host := u.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.Port == 0 {
		return host
	}
	return host + ":" + strconv.Itoa(int(u.Port))
}

// Addr returns the host as an address when it is a literal.
func (u URI) Addr() (netip.Addr, bool) {
	a, err := netip.ParseAddr(u.Host)
	return a.Unmap(), err == nil
}

// Param returns a URI parameter, name in lower case. A parameter without a
// value is "" and true.
func (u URI) Param(name string) (string, bool) {
	for p := range strings.SplitSeq(u.Params, ";") {
		k, v, _ := strings.Cut(p, "=")
		if k != "" && strings.EqualFold(k, name) {
			return v, true
		}
	}
	return "", false
}

// SameAddress compares user, host and port, which is what tells one contact
// binding from another (a looser test than RFC 3261 19.1.4).
func (u URI) SameAddress(v URI) bool {
	return u.User == v.User && u.Host == v.Host && u.PortOrDefault() == v.PortOrDefault()
}

// PortOrDefault is the port, or that which the scheme stands for.
func (u URI) PortOrDefault() uint16 {
	switch {
	case u.Port != 0:
		return u.Port
	case u.Scheme == "sips":
		return 5061
	}
	return 5060
}

// ParseURI reads what a person or a header says: "sip:alice@example.com:5060;
// transport=tcp", "alice@example.com", "<sip:alice@example.com>". Its errors
// are sentences for a person. Headers after '?' are dropped: nothing that a
// stranger wrote there belongs in a request of ours (RFC 3261 19.1.5).
func ParseURI(s string) (URI, error) {
	u, rest, err := parseURI(s)
	if err == nil && rest.password {
		return URI{}, errors.New("a password does not belong in an address; leave out what follows the ':' before the @")
	}
	return u, err
}

func foreignScheme(scheme string) error {
	return fmt.Errorf("%s: addresses are not supported; write it like sip:alice@example.com", scheme)
}

// leftOut is what a URI had that URI does not keep.
type leftOut struct{ password, headers bool }

// parseURI reads a URI by the grammar of RFC 3261 25.1: the first @ ends the
// user, in which ';', '?' and '/' may stand.
func parseURI(s string) (URI, leftOut, error) {
	var left leftOut
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") {
		s = s[1 : len(s)-1]
	}
	if s == "" {
		return URI{}, left, errors.New("the address is empty; write it like alice@example.com")
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("<>\"\\^`{|}", r) }); i >= 0 {
		return URI{}, left, fmt.Errorf("%q has a character that no SIP address may have at position %d", s, i+1)
	}
	u := URI{Scheme: "sip"}
	if scheme, rest, ok := strings.Cut(s, ":"); ok {
		switch strings.ToLower(scheme) {
		case "sip", "sips":
			u.Scheme, s = strings.ToLower(scheme), rest
		case "tel", "mailto", "http", "https", "file", "urn", "xmpp", "im", "h323":
			return URI{}, left, foreignScheme(scheme)
		}
	}
	if user, rest, ok := strings.Cut(s, "@"); ok {
		if user == "" || user[0] == ':' {
			return URI{}, left, errors.New("there is nothing before the @; write it like alice@example.com")
		}
		u.User, _, left.password = strings.Cut(user, ":")
		s = rest
	}
	s, _, left.headers = strings.Cut(s, "?")
	hostport := s
	if i := strings.IndexByte(s, ';'); i >= 0 {
		hostport, u.Params = s[:i], s[i:]
	}
	return u, left, u.setHostPort(hostport)
}

// Target reads a Request-URI. It has no headers (RFC 3261 19.1.1, table 1); a
// password in it is left out.
func Target(s string) (URI, error) {
	u, left, err := parseURI(s)
	if err == nil && left.headers {
		err = errors.New("a request URI has no headers")
	}
	return u, err
}

// SameUser compares the users of two URIs, escapes resolved (RFC 3261 19.1.4),
// in any case of letters: servers are known to change that.
func SameUser(a, b string) bool { return strings.EqualFold(unescape(a), unescape(b)) }

// unescape resolves escapes; what is none stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func (u *URI) setHostPort(s string) error {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return fmt.Errorf("%q lacks the closing ] of an IPv6 address", s)
		}
		host, port = s[1:end], s[end+1:]
		a, err := netip.ParseAddr(host)
		switch {
		case err != nil || !a.Is6():
			return fmt.Errorf("%q is not an IPv6 address", host)
		case a.Zone() != "":
			return fmt.Errorf("%q is the IPv6 address of one interface (after the %%); use a global or a private (fd...) one", host)
		}
		host = a.String() // one way of writing each: they are compared
		if port != "" && port[0] != ':' {
			return fmt.Errorf("%q: only :port may follow the ]", s)
		}
		port = strings.TrimPrefix(port, ":")
		if s[end+1:] == ":" {
			return fmt.Errorf("%q ends with a ':' but no port", s)
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		if host, port = s[:i], s[i+1:]; port == "" {
			return fmt.Errorf("%q ends with a ':' but no port", s)
		}
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("%q is not a port; ports are 1 to 65535", port)
		}
		u.Port = uint16(n)
	}
	if host == "" {
		return errors.New("the domain is missing; write it like alice@example.com")
	}
	if !strings.Contains(host, ":") && strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return fmt.Errorf("%q is not a domain name or an IP address", host)
	}
	u.Host = strings.ToLower(host)
	return nil
}
