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
	u, err := wire.Dialled(typed, acct.AOR.HostPort())
	if err != nil {
		return sip.URI{}, &phone.Error{Why: phone.TargetUnfit, Name: typed, Text: err.Error()}
	}
	if u.Scheme == "sips" && acct.Transport != locate.TLS { // never downgraded (RFC 3261 26.2.2)
		return sip.URI{}, &phone.Error{Why: phone.TargetNotSecure, Name: typed}
	}
	return u, nil
}
