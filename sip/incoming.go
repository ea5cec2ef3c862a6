package sip

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// This file is an INVITE from outside of dialogs.

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
	at, _ := netip.ParseAddrPort(in.req.Source()) // in.flow is where responses go
	from := s.sourceOf(in.raw, at)
	wait := s.dialogs.wait(from, now)
	switch {
	case s.dialogs.merged(callID, fromTag): // another was read while this one waited for us
		s.refuse(in, 482, "Loop Detected")
		return Incoming{}, false
	case refusal != nil:
		s.refuse(in, refusal.Code, refusal.Reason)
		return Incoming{}, false
	case tooShort(in): // RFC 4028 9
		s.refuse(in, 422, phrase(422), timerHeaders(dialog.Timer{Min: dialog.MinTimer})...)
		return Incoming{}, false
	case old == nil && (wait > 0 || s.busy(from)):
		f := tooMany(wait)
		s.refuse(in, f.Code, f.Reason, f.Headers...)
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
	if old == nil {
		s.dialogs.ring(c, from, now)
	}
	s.dialogs.refile(c)
	return Incoming{Call: c, Replaces: old}, true
}

// tooShort says that an INVITE asks for a session timer that we do not take.
func tooShort(in *inbound) bool {
	h := headerOf(in.req)
	return h.Timer.Every > 0 && h.Timer.Every < dialog.MinTimer && slices.ContainsFunc(h.Supported, func(o string) bool { return strings.EqualFold(o, "timer") })
}

// asserted is who the server says the caller is (RFC 3325 5): its word counts
// more than the caller's own. From anybody else it is not heard.
func (s *Stack) asserted(in *inbound, from wire.Address) wire.Address {
	a, _ := s.identity(in, from, "P-Asserted-Identity")
	return a
}

// identity is who the server says is at the other end; false: it says nothing.
func (s *Stack) identity(in *inbound, was wire.Address, headers ...string) (wire.Address, bool) {
	if !s.o.Server.Addr.IsValid() || in.flow.remote().Addr() != s.o.Server.Addr.Addr() {
		return was, false
	}
	for _, name := range headers {
		for _, v := range wire.SplitList(valueOf(in, name), ',') {
			a, err := wire.ParseAddress(v)
			if err != nil {
				continue
			}
			if u, err := wire.ParseURI(a.URI); err == nil {
				return wire.Address{Name: cmp.Or(a.Name, was.Name), URI: u.Bare()}, true
			}
		}
	}
	return was, false
}

// connected follows a server that put somebody else through, and says so in a
// request within the call: RFC 3325 5; Remote-Party-ID is older and common; else
// in From (RFC 4916), where another user than before counts, since servers write
// hosts of their own there. A name that it does not give is not that of the one
// before.
func (c *Call) connected(in *inbound) {
	if in.req.Method != sipgo.INVITE && in.req.Method != sipgo.UPDATE || !c.m.Knows(in.raw.Tag("From")) {
		return
	}
	now, said := in.st.identity(in, wire.Address{}, "P-Asserted-Identity", "Remote-Party-ID")
	if from, changed := c.fromChanged(in); !said && changed {
		now, said = in.st.identity(in, wire.Address{}, "From")
		c.id.remote = from // and To from now on (RFC 4916 4)
	}
	if !said {
		return
	}
	if now.Name == "" && sameParty(now.URI, c.peer.URI) {
		now.Name = c.peer.Name
	}
	c.peer = now
}

// fromChanged is the From of a request of the server's within the call where it
// names another user than before.
func (c *Call) fromChanged(in *inbound) (string, bool) {
	from := withoutTag(valueOf(in, "From"))
	was, err1 := wire.ParseAddress(c.id.remote)
	now, err2 := wire.ParseAddress(from)
	if err1 != nil || err2 != nil {
		return "", false
	}
	old, err1 := wire.ParseURI(was.URI)
	fresh, err2 := wire.ParseURI(now.URI)
	_, trusted := in.st.identity(in, wire.Address{}, "From")
	return from, trusted && err1 == nil && err2 == nil && fresh.User != "" && fresh.User != old.User
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
