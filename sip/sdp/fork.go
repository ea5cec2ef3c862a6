package sdp

import "slices"

// Fork is a session of its own that begins as l is: each dialog that an INVITE
// makes has its own offer and answer (RFC 3261 13.2.2.4), and its own versions.
func (l *Local) Fork() *Local {
	f := *l
	f.formats, f.events, f.lines = slices.Clone(l.formats), slices.Clone(l.events), slices.Clone(l.lines)
	f.answered = nil // it would write from l
	return &f
}
