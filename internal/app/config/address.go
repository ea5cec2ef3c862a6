package config

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
)

// Address is an address of record: sip:user@host, with a port where the
// provider asks for one.
type Address struct {
	Secure bool // sips: TLS or nothing
	User   string
	Host   string // a name, or an IP address without brackets
	Port   uint16 // 0: not given
}

// String returns the address as a URI, "" for the zero value.
func (a Address) String() string {
	if a.Host == "" {
		return ""
	}
	return schemeOf(a.Secure) + a.User + "@" + hostPort(a.Host, a.Port)
}

// Server is a registrar or an outbound proxy.
type Server struct {
	Secure    bool   // sips: TLS or nothing
	Host      string // a name, or an IP address without brackets
	Port      uint16 // 0: found by DNS, else 5060
	Transport Transport
}

// IsZero reports whether no server was given.
func (s Server) IsZero() bool { return s.Host == "" }

// String returns the server as a URI, "" for the zero value.
func (s Server) String() string {
	if s.IsZero() {
		return ""
	}
	out := schemeOf(s.Secure) + hostPort(s.Host, s.Port)
	if s.Transport != "" && s.Transport != TransportAuto {
		out += ";transport=" + string(s.Transport)
	}
	return out
}

func schemeOf(secure bool) string {
	if secure {
		return "sips:"
	}
	return "sip:"
}

func hostPort(host string, port uint16) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == 0 {
		return host
	}
	return host + ":" + strconv.Itoa(int(port))
}

func asAddress(raw any) (Address, error) {
	const hint = `write your address like "sip:alice@example.com"`
	s, err := asText(raw)
	if err != nil {
		return Address{}, err
	}
	rest, secure, err := scheme(s, hint)
	if err != nil {
		return Address{}, err
	}
	rest, params, _ := strings.Cut(rest, ";")
	user, host, ok := strings.Cut(rest, "@")
	switch {
	case !ok || user == "":
		return Address{}, wrongf(hint, "%q has no user part", s)
	case strings.ContainsAny(user, " \"<>@[]\\"):
		return Address{}, wrongf(hint, "%q is no user name", user)
	case params != "":
		return Address{}, wrongf("say it with the keys transport, registrar or proxy", "%q carries parameters", s)
	}
	a := Address{User: user, Secure: secure}
	a.Host, a.Port, err = splitHost(host, hint)
	return a, err
}

func asServer(raw any) (Server, error) {
	const hint = `write "sip:host", "sip:host:5060" or "sip:host;transport=tls"`
	s, err := asText(raw)
	if err != nil || s == "" {
		return Server{}, err
	}
	rest, secure, err := scheme(s, hint)
	if err != nil {
		return Server{}, err
	}
	host, params, _ := strings.Cut(rest, ";")
	if strings.Contains(host, "@") {
		return Server{}, wrongf(hint, "%q names a user, a server has none", s)
	}
	out := Server{Transport: TransportAuto, Secure: secure}
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "", "lr":
		case "transport":
			now := []Transport{TransportTLS, TransportTCP, TransportUDP}
			value := Transport(strings.ToLower(value))
			if out.Transport, err = oneOf(value, now, []Transport{"ws", "wss"}); err != nil {
				return Server{}, err
			}
		default:
			return Server{}, wrongf(hint, "unknown parameter %q", name)
		}
	}
	out.Host, out.Port, err = splitHost(host, hint)
	return out, err
}

// scheme cuts "sip:" or "sips:" off.
func scheme(s, hint string) (rest string, secure bool, err error) {
	name, rest, found := strings.Cut(s, ":")
	switch {
	case found && strings.EqualFold(name, "sip"):
		return rest, false, nil
	case found && strings.EqualFold(name, "sips"):
		return rest, true, nil
	case s == "":
		return "", false, wrongf(hint, "empty")
	}
	return "", false, wrongf(hint, `%q does not begin with "sip:"`, s)
}

// splitHost takes "name", "name:port", "192.0.2.1:port" and "[2001:db8::1]:port".
func splitHost(s, hint string) (string, uint16, error) {
	var host, port string
	if inner, ok := strings.CutPrefix(s, "["); ok {
		var rest string
		if host, rest, ok = strings.Cut(inner, "]"); !ok {
			return "", 0, wrongf(hint, "%q has no closing bracket", s)
		}
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() {
			return "", 0, wrongf(hint, "%q is no IPv6 address", host)
		}
		if addr.IsLinkLocalUnicast() {
			return "", 0, wrongf("use a global or a private (fd...) address", "%q is a link-local address, which means something only together with an interface", host)
		}
		if port, ok = strings.CutPrefix(rest, ":"); !ok && rest != "" {
			return "", 0, wrongf(hint, "%q after the bracket", rest)
		}
	} else {
		var found bool
		if host, port, found = strings.Cut(s, ":"); found && strings.Contains(port, ":") {
			return "", 0, wrongf("put an IPv6 address into brackets: [2001:db8::1]", "%q is no host", s)
		}
		if !hostname(host) {
			return "", 0, wrongf(hint, "%q is no host name", host)
		}
	}
	if port == "" {
		return host, 0, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", 0, wrongf("ports go from 1 to 65535", "%q is no port", port)
	}
	return host, uint16(n), nil
}

// hostname accepts what RFC 3261 25.1 does, and the underscore that people
// have in their networks.
func hostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
			if !letter && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}

// STUN is a STUN server (RFC 8489), asked over UDP.
type STUN struct {
	Host string // a name or a literal address
	Port uint16
}

// String is the server as the configuration writes it; empty for the zero STUN.
func (s STUN) String() string {
	if s.Host == "" {
		return ""
	}
	return "stun:" + hostPort(s.Host, s.Port)
}

// stunPort is that of RFC 8489 18.6.
const stunPort = 3478

func asSTUN(raw any) (STUN, error) {
	const hint = `write "stun:host" or "stun:host:3478" (RFC 7064)`
	s, err := asText(raw)
	if err != nil || s == "" {
		return STUN{}, err
	}
	rest, found := strings.CutPrefix(s, "stun:")
	if !found && strings.HasPrefix(s, "stuns:") {
		return STUN{}, wrongf(hint, "%q asks for STUN over TLS, which says nothing about UDP sockets", s)
	}
	host, port, err := splitHost(rest, hint)
	return STUN{host, cmp.Or(port, stunPort)}, err
}
