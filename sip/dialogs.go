package sip

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"ramble/sip/dialog"
)

// afterlife is how long an ended call stays known, so that what its peer sends
// late (a 2xx that crossed our CANCEL, a retransmission) is settled in order:
// 64*T1 (RFC 3261 17.1.1.2).
const afterlife = 32 * time.Second

// Dialogs knows an account's calls. All stacks of the account share it: a call
// that moved to a new stack still hears a BYE that arrives at the old one. It is
// where the readers of the stacks and the owner of the calls meet; its lock
// guards the table, no state of a call.
type Dialogs struct {
	mu      sync.Mutex
	calls   map[dialogKey]*entry
	ringers ringers
}

// dialogKey names our half of a dialog. Our tag is random, so it alone is as
// good as all three parts; the peer's tag is checked by the call.
type dialogKey struct{ callID, localTag string }

type entry struct {
	call *Call
	gone time.Time // when the call ended; zero while it lives
	// believed are the peer's tags of a call without a proxy, whose requests may
	// come from anywhere: the peer may have roamed.
	believed []string
	// theirs is what is known of a call of theirs; nil: it is ours.
	theirs *theirs
}

// theirs is a call of theirs as the readers know it.
type theirs struct {
	tag   string // of From
	from  source
	rings bool
	// counted: it rings as one of its caller's, until it is answered.
	counted bool
}

// NewDialogs returns an empty table.
func NewDialogs() *Dialogs { return &Dialogs{calls: map[dialogKey]*entry{}, ringers: ringers{}} }

// Len is how many calls live.
func (d *Dialogs) Len() int { return d.count(func(dialogKey, *entry) bool { return true }) }

// count is how many living calls meet a condition.
func (d *Dialogs) count(meets func(dialogKey, *entry) bool) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, e := range d.calls {
		if e.gone.IsZero() && meets(k, e) {
			n++
		}
	}
	return n
}

// at is what is known of the call with our tag, an ended one included for a
// while; zero: nothing.
func (d *Dialogs) at(callID, localTag string) entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.calls[dialogKey{callID, localTag}]; e != nil {
		return *e
	}
	return entry{}
}

func (c *Call) key() dialogKey { return dialogKey{c.id.callID, c.id.tag} }

func (d *Dialogs) add(c *Call, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, e := range d.calls {
		if !e.gone.IsZero() && now.Sub(e.gone) > afterlife {
			delete(d.calls, k)
		}
	}
	e := &entry{call: c}
	if c.first != nil {
		e.theirs = &theirs{tag: c.first.raw.Tag("From")}
	}
	d.calls[c.key()] = e
}

func (d *Dialogs) bury(c *Call, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.calls[c.key()]; e != nil && e.gone.IsZero() {
		e.gone = now
	}
}

// refile keeps what the readers need to know of a call true.
func (d *Dialogs) refile(c *Call) {
	var tags []string
	if c.m.Direct() {
		tags = c.m.Tags()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.calls[c.key()]; e != nil {
		e.believed = tags
		if e.theirs != nil {
			e.theirs.rings = c.m.State() == dialog.Ringing
			if e.theirs.counted && c.m.State() == dialog.Up {
				e.theirs.counted = false
				d.ringers.answered(e.theirs.from)
			}
		}
	}
}

// find returns the call with our tag, ended ones included for a while.
func (d *Dialogs) find(callID, localTag string) *Call { return d.at(callID, localTag).call }

// believes says whether a request with these tags is believed although its
// source is not trusted: only where the route set is empty, so that the peer
// itself sends it, from wherever it roamed to.
func (d *Dialogs) believes(callID, localTag, remoteTag string) bool {
	e := d.at(callID, localTag)
	return e.gone.IsZero() && slices.Contains(e.believed, remoteTag)
}

// ring counts a call of theirs as one that its caller has ring.
func (d *Dialogs) ring(c *Call, from source, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ringers.ring(from, now)
	t := d.calls[c.key()].theirs
	t.from, t.counted = from, true
}

// wait is how long a caller has to, before its next call may ring.
func (d *Dialogs) wait(from source, now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ringers.wait(from, now)
}

// ringing is how many calls wait for an answer here: all, and those from src.
func (d *Dialogs) ringing(src netip.Addr) (all, from int) {
	all = d.count(func(_ dialogKey, e *entry) bool {
		rings := e.theirs != nil && e.theirs.rings
		if rings && e.theirs.from.addr == src {
			from++
		}
		return rings
	})
	return all, from
}

// merged finds a living call of theirs that the same INVITE already made by
// another way (RFC 3261 8.2.2.2).
func (d *Dialogs) merged(callID, fromTag string) bool {
	return d.count(func(k dialogKey, e *entry) bool {
		return k.callID == callID && e.theirs != nil && e.theirs.tag == fromTag
	}) > 0
}

// knows says whether a Call-ID belongs to a living call.
func (d *Dialogs) knows(callID string) bool {
	return d.count(func(k dialogKey, _ *entry) bool { return k.callID == callID }) > 0
}

// lives says whether a call with our tag lives.
func (d *Dialogs) lives(callID, localTag string) bool {
	e := d.at(callID, localTag)
	return e.call != nil && e.gone.IsZero()
}
