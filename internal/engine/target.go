package engine

import (
	"strings"

	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// target turns what a person typed into a URI: a URI, user@host, or a name or
// number in the account's own domain.
func target(typed string, acct *sip.Account) (sip.URI, error) {
	bad := func(why string) (sip.URI, error) {
		return sip.URI{}, &phone.Error{Code: phone.ErrUsage, Text: "cannot call " + quote(typed) + ": " + why, Hint: "give a number, a name, user@host or sip:user@host"}
	}
	u, err := wire.Dialled(typed, acct.AOR.HostPort())
	if err != nil {
		return bad(err.Error())
	}
	if u.Scheme == "sips" && acct.Transport != locate.TLS { // never downgraded (RFC 3261 26.2.2)
		return bad("sips: asks for encryption on the whole way, and this account has none")
	}
	return u, nil
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

func quote(s string) string { return "“" + s + "”" }

func (e *Engine) accountNames() string {
	var names []string
	for _, a := range e.accounts {
		names = append(names, a.cfg.Name)
	}
	return strings.Join(names, ", ")
}
