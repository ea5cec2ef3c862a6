package sip

import (
	"strings"

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

// Replacements prepares calls to target that take this one's place at the peer
// (RFC 3891), one for each dialog that the peer may hold: the answered one, or
// what rings, the newest first, three at most. Invite them one after the other:
// 481 says that the peer does not hold that dialog, or did not answer it; 420
// that it cannot. Replaceable says whether an answered call's peer can.
func (c *Call) Replacements(target wire.URI) []*Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	var tags []string
	if c.state == up {
		tags = append(tags, c.d.remoteTag)
	}
	for i := len(c.earlies) - 1; c.state == calling && i >= 0 && len(tags) < maxReplacements; i-- {
		tags = append(tags, c.earlies[i].d.remoteTag)
	}
	var out []*Call
	for _, tag := range tags {
		n := NewCall(c.acct, c.auth, target)
		n.replaces = replaces{callID: c.d.callID, toTag: tag, fromTag: c.d.localTag}.String()
		n.peer.Name = c.peer.Name
		out = append(out, n)
	}
	return out
}

// Replaceable says whether the peer said that it knows Replaces.
func (c *Call) Replaceable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == up && c.supports.replaces
}

// replaced finds the call that an INVITE wants to take the place of (RFC 3891
// 3). A flaw says how the INVITE is refused; neither: it replaces nothing.
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
	c.mu.Lock()
	defer c.mu.Unlock()
	state, ours := c.state, c.d.remoteTag == r.fromTag
	for _, e := range c.earlies {
		ours = ours || state == calling && e.d.remoteTag == r.fromTag
	}
	switch {
	case !ours:
		return nil, gone
	case !sameParty(c.peer.URI, from.URI):
		return nil, &wire.Flaw{Code: 403, Reason: "Forbidden"}
	case state == leaving, state == ended && c.wasUp:
		return nil, &wire.Flaw{Code: 603, Reason: "Decline"}
	case state == up && r.earlyOnly:
		return nil, &wire.Flaw{Code: 486, Reason: "Busy Here"}
	case state == up, state == calling:
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
	c := s.dialogs.find(r.callID, r.toTag)
	return c != nil && !c.isOver() && c.remoteTag() == r.fromTag && c.isDirect()
}
