package sip

import (
	"cmp"
	"math/rand/v2"
	"time"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// This file is an INVITE from outside of dialogs.

// Arrived is an INVITE from outside of dialogs: hand it to Take on the goroutine
// that owns the account's calls.
type Arrived struct {
	st   *Stack
	in   *inbound
	from wire.Address
}

// Incoming is a new call. Until it is rung for, accepted or rejected the caller
// hears nothing but a 100.
type Incoming struct {
	Call *Call
	// Replaces is the call that this one takes the place of (RFC 3891): the
	// peer lost its half of it. Accept answers for both; end the old one then.
	Replaces *Call
}

// invited looks at an INVITE from outside of dialogs, on the reader's goroutine.
func (s *Stack) invited(in *inbound) {
	from, err := wire.ParseAddress(valueOf(in, "From"))
	user, _ := wire.ParseURI(in.req.Recipient.String())
	switch {
	case err != nil || wire.ContactOf(in.req) == "":
		s.refuse(in, 400, "Bad Request: Contact")
		return
	case user.Scheme == "sips" && s.transport != locate.TLS: // somebody before us let it down (RFC 5630 5.3)
		s.refuse(in, 480, "Temporarily Unavailable", wire.Header{Name: "Warning", Value: `380 ramble "SIPS Not Allowed"`})
		return
	}
	in.onCancel(func(cancel *inbound) { s.emit(Heard{st: s, in: cancel, of: in}) })
	s.emit(Arrived{st: s, in: in, from: s.asserted(in, from)})
}

// Take makes the call, which rings from now on. False: it was refused.
func (a Arrived) Take(now time.Time, o CallOptions) (Incoming, bool) {
	s, in := a.st, a.in
	callID, fromTag := valueOf(in, "Call-ID"), in.raw.Tag("From")
	old, refusal := s.replaced(in, a.from)
	switch {
	case s.dialogs.merged(callID, fromTag): // another was read while this one waited for us
		s.refuse(in, 482, "Loop Detected")
		return Incoming{}, false
	case refusal != nil:
		s.refuse(in, refusal.Code, refusal.Reason)
		return Incoming{}, false
	case old == nil && s.busy(in.flow.remote().Addr()):
		s.refuse(in, 486, "Busy Here")
		return Incoming{}, false
	}
	c := newCall(s.o.Account, s.o.Auth)
	user, _ := wire.ParseURI(in.req.Recipient.String())
	c.first, c.dialogs, c.peer, c.secure = in, s.dialogs, a.from, user.Scheme == "sips"
	c.id.callID, c.id.tag = callID, wire.RandomToken()
	c.id.local, c.id.remote = withoutTag(valueOf(in, "To")), withoutTag(valueOf(in, "From"))
	c.use(s)
	r := c.requestOf(Heard{st: s, in: in})
	c.signalling = in.flow.remote()
	routes := in.raw.All("Record-Route")
	c.m = dialog.Answering(dialog.Config{Session: o.Session, Between: o.Between, Keep: o.Keep, RSeq: rand.Uint32N(1 << 30)}, dialog.Dialog{
		RemoteTag: fromTag, Target: r.Contact.URI, Routes: routes, Server: s.serves(firstHop(routes, r.Contact.URI))}, r)
	s.dialogs.add(c, now)
	s.dialogs.look(c)
	return Incoming{Call: c, Replaces: old}, true
}

// asserted is who the server says the caller is (RFC 3325 5): its word counts
// more than the caller's own. From anybody else it is not heard.
func (s *Stack) asserted(in *inbound, from wire.Address) wire.Address {
	if !s.o.Server.Addr.IsValid() || in.flow.remote().Addr() != s.o.Server.Addr.Addr() {
		return from
	}
	for _, v := range wire.SplitList(valueOf(in, "P-Asserted-Identity"), ',') {
		a, err := wire.ParseAddress(v)
		if err != nil {
			continue
		}
		if u, err := wire.ParseURI(a.URI); err == nil {
			return wire.Address{Name: cmp.Or(a.Name, from.Name), URI: u.Bare()}
		}
	}
	return from
}

func valueOf(in *inbound, name string) string {
	v, _ := in.raw.Get(name)
	return v
}

// withoutTag is a From or To as it goes into our requests.
func withoutTag(v string) string {
	a, err := wire.ParseAddress(v)
	if err != nil {
		return v
	}
	out := "<" + a.URI + ">"
	if a.Name != "" {
		out = wire.Quote(a.Name) + " " + out
	}
	return out
}
