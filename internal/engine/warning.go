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
		a.say(phone.Warn, phone.News{Kind: phone.Unverified})
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
		a.say(phone.Warn, phone.News{Kind: phone.Unlisted})
	case is == mute:
		a.say(phone.Info, phone.News{Kind: phone.ListsNobody})
	case was == missing:
		a.say(phone.Info, phone.News{Kind: phone.ListedNow})
	}
}
