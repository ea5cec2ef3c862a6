package sip

import (
	"sync"
	"time"
)

// afterlife is how long an ended call stays known, so that what its peer sends
// late (a 2xx that crossed our CANCEL, a retransmission) is settled in order:
// 64*T1 (RFC 3261 17.1.1.2).
const afterlife = 32 * time.Second

// Dialogs knows an account's calls. All stacks of the account share it: a call
// that moved to a new stack still hears a BYE that arrives at the old one.
type Dialogs struct {
	mu    sync.Mutex
	calls map[dialogKey]*entry
}

// dialogKey names our half of a dialog. Our tag is random, so it alone is as
// good as all three parts; the peer's tag is checked by the call.
type dialogKey struct{ callID, localTag string }

type entry struct {
	call *Call
	gone time.Time // when the call ended; zero while it lives
}

// NewDialogs returns an empty table.
func NewDialogs() *Dialogs { return &Dialogs{calls: map[dialogKey]*entry{}} }

// Len is how many calls live.
func (d *Dialogs) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, e := range d.calls {
		if e.gone.IsZero() {
			n++
		}
	}
	return n
}

func (d *Dialogs) add(c *Call, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, e := range d.calls {
		if !e.gone.IsZero() && now.Sub(e.gone) > afterlife {
			delete(d.calls, k)
		}
	}
	d.calls[dialogKey{c.d.callID, c.d.localTag}] = &entry{call: c}
}

func (d *Dialogs) bury(callID, localTag string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.calls[dialogKey{callID, localTag}]; e != nil && e.gone.IsZero() {
		e.gone = now
	}
}

// find returns the call with our tag, ended ones included for a while.
func (d *Dialogs) find(callID, localTag string) *Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.calls[dialogKey{callID, localTag}]; e != nil {
		return e.call
	}
	return nil
}

// knows says whether a Call-ID belongs to a living call.
func (d *Dialogs) knows(callID string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, e := range d.calls {
		if k.callID == callID && e.gone.IsZero() {
			return true
		}
	}
	return false
}

// merged finds a living incoming call that the same INVITE already made by
// another way (RFC 3261 8.2.2.2).
func (d *Dialogs) merged(callID, fromTag string) bool {
	for _, c := range d.living() {
		if !c.outgoing && c.d.callID == callID && c.remoteTag() == fromTag {
			return true
		}
	}
	return false
}

func (d *Dialogs) living() []*Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*Call
	for _, e := range d.calls {
		if e.gone.IsZero() {
			out = append(out, e.call)
		}
	}
	return out
}

// ringing is how many incoming calls wait for an answer.
func (d *Dialogs) ringing() int {
	n := 0
	for _, c := range d.living() {
		if c.isRinging() {
			n++
		}
	}
	return n
}
