package sip

import (
	"net/netip"
	"time"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// Account is one address of record as SIP sees it. It is immutable.
type Account struct {
	AOR         wire.URI
	DisplayName string
	AuthUser    string                 // empty: the AOR's user
	Password    func() (string, error) // asked for when a challenge needs it; nil: no password
	Realm       string                 // besides the AOR's domain, the realm credentials are for; empty: learnt from the registrar
	Registrar   wire.URI               // zero: the AOR's domain
	Proxy       wire.URI               // outbound proxy, becomes a Route; zero: none
	Transport   locate.Transport
	TLS         locate.TLSPolicy
	Expires     time.Duration  // asked lifetime of the binding; 0: 10 minutes
	InstanceID  string         // "urn:uuid:..." (RFC 5626 4.1); empty: no outbound
	GRUU        bool           // dialogs take the GRUU that the registrar gives (RFC 5627)
	AllowFrom   []netip.Prefix // who may call besides the server
	AllowAny    bool           // anyone may call
	Trunk       bool           // it does not register: the server knows where it is, and calls any number here
}

func (a *Account) registrar() wire.URI {
	if !a.Registrar.IsZero() {
		return a.Registrar
	}
	return wire.URI{Scheme: a.AOR.Scheme, Host: a.AOR.Host, Port: a.AOR.Port}
}

// secureOnly says that the account is to be used over TLS or not at all.
func (a *Account) secureOnly() bool {
	return a.AOR.Scheme == "sips" || a.Registrar.Scheme == "sips" || a.Proxy.Scheme == "sips"
}

func (a *Account) authUser() string {
	if a.AuthUser != "" {
		return a.AuthUser
	}
	return a.AOR.User
}

// nameAddr is the account as it stands in From and To, without a tag.
func (a *Account) nameAddr() string {
	if a.DisplayName == "" {
		return "<" + a.AOR.Bare() + ">"
	}
	return wire.Quote(a.DisplayName) + " <" + a.AOR.Bare() + ">"
}

// allows says whether src may make this account's phone ring by configuration.
func (a *Account) allows(src netip.Addr) bool {
	if a.AllowAny {
		return true
	}
	for _, p := range a.AllowFrom {
		if p.Contains(src) {
			return true
		}
	}
	return false
}
