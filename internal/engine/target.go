package engine

import (
	"strings"

	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/locate"
)

// target turns what a person typed into a URI: a URI, user@host, or a name or
// number in the account's own domain.
func target(typed string, acct *sip.Account) (sip.URI, error) {
	bad := func(why string) (sip.URI, error) {
		return sip.URI{}, &phone.Error{Code: phone.ErrUsage, Text: "cannot call " + quote(typed) + ": " + why, Hint: "give a number, a name, user@host or sip:user@host"}
	}
	s := strings.TrimSpace(typed)
	if rest, ok := strings.CutPrefix(s, "tel:"); ok {
		s = rest
	}
	if !strings.Contains(s, "@") && !hasScheme(s) {
		if isNumber(s) {
			s = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "").Replace(s)
		}
		if s == "" {
			return bad("there is nothing to call")
		}
		if strings.ContainsAny(s, " <>\"") {
			return bad("it has spaces or brackets")
		}
		s += "@" + acct.AOR.HostPort()
	}
	if !hasScheme(s) {
		s = "sip:" + s
	}
	u, err := sip.ParseURI(s)
	if err != nil {
		return bad(err.Error())
	}
	if u.Scheme == "sips" && acct.Transport != locate.TLS { // never downgraded (RFC 3261 26.2.2)
		return bad("sips: asks for encryption on the whole way, and this account has none")
	}
	return u, nil
}

func hasScheme(s string) bool {
	s = strings.ToLower(s)
	return strings.HasPrefix(s, "sip:") || strings.HasPrefix(s, "sips:")
}

func isNumber(s string) bool {
	digits := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r == '*', r == '#':
			digits++
		case strings.ContainsRune("+ -().", r):
		default:
			return false
		}
	}
	return digits > 0
}

// nextHop is where an account's requests go: its outbound proxy, its
// registrar, or the domain of its address.
func nextHop(a *sip.Account) sip.URI {
	switch {
	case !a.Proxy.IsZero():
		return a.Proxy
	case !a.Registrar.IsZero():
		return a.Registrar
	}
	u := a.AOR
	u.User = ""
	return u
}
