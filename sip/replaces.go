package sip

import (
	"strings"

	"ramble/sip/dialog"
	"ramble/sip/wire"
)

// A call may take the place of another (RFC 3891). Here that repairs what a
// lost path left in doubt: an INVITE that was perhaps answered, and two phones
// that moved at once and cannot find each other at their old addresses.

// maxReplacements bounds how many forks of one INVITE are asked.
const maxReplacements = 3

// replaces names a dialog, as its receiver sees it.
type replaces struct {
	callID, toTag, fromTag string
	earlyOnly              bool
}

func (r replaces) String() string {
	return r.callID + ";to-tag=" + r.toTag + ";from-tag=" + r.fromTag
}

// parseReplaces reads a Replaces header; false when it is not one.
func parseReplaces(v string) (replaces, bool) {
	id, params, _ := strings.Cut(v, ";")
	r := replaces{callID: strings.TrimSpace(id)}
	for _, p := range wire.ParseParams(params) {
		switch strings.ToLower(p.Name) {
		case "to-tag":
			r.toTag = p.Value
		case "from-tag":
			r.fromTag = p.Value
		case "early-only":
			r.earlyOnly = true
		}
	}
	return r, wire.IsWord(r.callID) && wire.IsWord(r.toTag) && wire.IsWord(r.fromTag)
}

// Replacements prepares calls that take this one's place at the peer (RFC 3891),
// one for each dialog that the peer may hold: the answered one, or what rings,
// the newest first, three at most. Dial them one after the other: 481 says that
// the peer does not hold that dialog, or did not answer it; 420 that it cannot.
// Replaceable says whether an answered call's peer can. options makes those of
// each.
func (c *Call) Replacements(options func() CallOptions) (out []*Call) {
	tags := c.m.Tags()
	for _, tag := range tags[:min(len(tags), maxReplacements)] {
		r := replaces{callID: c.id.callID, toTag: tag, fromTag: c.id.tag}
		out = append(out, newOutgoing(c.acct, c.auth, options(), r.String(), c.peer.Name))
	}
	return out
}

// Replaceable says whether the peer said that it knows Replaces.
func (c *Call) Replaceable() bool {
	return (c.m.State() == dialog.Up || c.m.State() == dialog.Accepted) && c.m.Supports("replaces")
}

// replaced finds the call that an INVITE wants to take the place of (RFC 3891
// 3). A flaw says how the INVITE is refused; neither: it replaces nothing. It
// runs on the goroutine that owns the calls.
func (s *Stack) replaced(in *inbound, from wire.Address) (*Call, *wire.Flaw) {
	all := in.raw.All("Replaces")
	if len(all) == 0 {
		return nil, nil
	}
	r, ok := parseReplaces(all[0])
	if !ok || len(all) > 1 {
		return nil, wire.BadRequest("Replaces")
	}
	gone := &wire.Flaw{Code: 481, Reason: "Call/Transaction Does Not Exist"}
	c := s.dialogs.find(r.callID, r.toTag)
	if c == nil {
		return nil, gone
	}
	state := c.m.State()
	switch {
	case !c.m.Had(r.fromTag):
		return nil, gone
	case !sameParty(c.peer.URI, from.URI):
		return nil, &wire.Flaw{Code: 403, Reason: "Forbidden"}
	case state >= dialog.Leaving && c.m.Passed():
		return nil, &wire.Flaw{Code: 603, Reason: "Decline"}
	case (state == dialog.Up || state == dialog.Accepted) && r.earlyOnly:
		return nil, &wire.Flaw{Code: 486, Reason: "Busy Here"}
	case state == dialog.Up, state == dialog.Accepted, state == dialog.Calling:
		return c, nil
	}
	return nil, gone // it rings here, which is not theirs to pick up, or it is over
}

// sameParty compares addresses of record: user and domain.
func sameParty(a, b string) bool {
	x, err1 := wire.ParseURI(a)
	y, err2 := wire.ParseURI(b)
	return err1 == nil && err2 == nil && x.User == y.User && strings.EqualFold(x.Host, y.Host)
}

// mayReplace says whether an INVITE from an untrusted source is let in, because
// it names a dialog with a peer that talks to us directly and may have roamed.
// Both tags are secrets of that dialog, as in mayComeFrom.
func (s *Stack) mayReplace(m *wire.Message) bool {
	v, n := m.Get("Replaces")
	if n == 0 {
		return false
	}
	r, ok := parseReplaces(v)
	if !ok {
		return false
	}
	return s.dialogs.believes(r.callID, r.toTag, r.fromTag)
}
