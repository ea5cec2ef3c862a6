package engine

import (
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/locate"
)

// warn says, once and then for as long as it is so, that nobody checks whom
// the phone talks to.
func (a *account) warn(st *stack) {
	was := a.unverified
	a.unverified = st.Transport() == locate.TLS && a.sip.TLS.Unverified
	if a.unverified && !was {
		a.e.say(phone.Warn, a.cfg.Name+": "+unverified+", anybody could be the server", "set tls_verify = true, and tls_ca for a CA of your own")
	}
	a.changed()
}

// heedListing says, when it changes, whether the registrar lists us. A 2xx that
// does not is believed as far as it goes: calls out work. One that lists nobody
// is common, and worth a word only.
func (a *account) heedListing(res sip.Registered) {
	is := listed
	switch {
	case res.Missing():
		is = missing
	case !res.Listed:
		is = mute
	}
	was := a.listing
	a.listing = is
	a.changed()
	switch {
	case is == was:
	case is == missing:
		a.e.say(phone.Warn, a.cfg.Name+": the registrar answered 200 OK but does not list this phone, incoming calls may not arrive",
			"call yourself to try; "+askOperator)
	case is == mute:
		a.e.say(phone.Info, a.cfg.Name+": the registrar accepts the registration without listing it", "if calls do not arrive, "+askOperator)
	case was == missing:
		a.e.say(phone.Info, a.cfg.Name+": the registrar lists this phone now", "")
	}
}

const askOperator = "check how many devices the account may have, and whether another phone uses it; then register again"
