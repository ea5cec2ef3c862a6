package engine

import (
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
