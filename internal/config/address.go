package config

import (
	"net/netip"
	"strconv"
	"strings"
)

// Address is an address of record: sip:user@host, with a port where the
// provider asks for one.
type Address struct {
	User string
	Host string // a name, or an IP address without brackets
	Port uint16 // 0: not given
}

// String returns the address as a URI, "" for the zero value.
func (a Address) String() string {
	if a.Host == "" {
		return ""
	}
	return "sip:" + a.User + "@" + hostPort(a.Host, a.Port)
}

// Server is a registrar or an outbound proxy.
type Server struct {
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
	out := "sip:" + hostPort(s.Host, s.Port)
	if s.Transport != "" && s.Transport != TransportAuto {
		out += ";transport=" + string(s.Transport)
	}
	return out
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
	rest, err := scheme(s, hint)
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
	a := Address{User: user}
	a.Host, a.Port, err = splitHost(host, hint)
	return a, err
}

func asServer(raw any) (Server, error) {
	const hint = `write "sip:host", "sip:host:5060" or "sip:host;transport=tcp"`
	s, err := asText(raw)
	if err != nil || s == "" {
		return Server{}, err
	}
	rest, err := scheme(s, hint)
	if err != nil {
		return Server{}, err
	}
	host, params, _ := strings.Cut(rest, ";")
	if strings.Contains(host, "@") {
		return Server{}, wrongf(hint, "%q names a user, a server has none", s)
	}
	out := Server{Transport: TransportAuto}
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "", "lr":
		case "transport":
			now := []Transport{TransportUDP, TransportTCP}
			value := Transport(strings.ToLower(value))
			if out.Transport, err = oneOf(value, now, []Transport{"tls", "ws", "wss"}); err != nil {
				return Server{}, err
			}
		default:
			return Server{}, wrongf(hint, "unknown parameter %q", name)
		}
	}
	out.Host, out.Port, err = splitHost(host, hint)
	return out, err
}

// scheme cuts "sip:" off.
func scheme(s, hint string) (string, error) {
	name, rest, found := strings.Cut(s, ":")
	switch {
	case found && strings.EqualFold(name, "sip"):
		return rest, nil
	case found && strings.EqualFold(name, "sips"):
		return "", wrongf(`use "sip:"`, "sips: is not available yet in this version")
	case s == "":
		return "", wrongf(hint, "empty")
	}
	return "", wrongf(hint, `%q does not begin with "sip:"`, s)
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
