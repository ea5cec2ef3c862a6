package engine

import (
	"ramble/internal/history"
	"ramble/internal/leaf/phone"
)

// recorder writes what is over to the history, on a goroutine of its own. It
// is a subscriber like the screen: the loop never waits for it, and outcomes
// are never left out (see outlet). So a slow disk costs memory, at the rate at
// which people call, and nothing else.
type recorder struct {
	e       *Engine
	book    *history.Book
	updates <-chan phone.Update
	written map[phone.CallID]bool // a call may be told of again after its end
	warned  bool
}

// recall takes over what earlier runs left, before the loop begins.
func (e *Engine) recall() {
	past, notes := Recall(e.parts.History)
	e.past = past
	for _, n := range notes {
		e.say(phone.Warn, n, "nothing was changed; what can be read is there")
	}
	for i := len(past.Calls) - 1; i >= 0; i-- {
		if c := past.Calls[i]; c.Direction == phone.Outgoing && c.Peer != "" {
			e.lastDial = e.dialAgain(c)
			return
		}
	}
}

// dialAgain calls the other side of an earlier call, from the account of then
// if there is one of that name still.
func (e *Engine) dialAgain(c phone.Call) phone.Dial {
	again := phone.Dial{Target: c.Peer, Account: c.Account}
	if _, err := e.account(c.Account); err != nil {
		again.Account = ""
	}
	return again
}

// pastCall finds a call of an earlier run by its negative number.
func (e *Engine) pastCall(id phone.CallID) (phone.Call, bool) {
	if i := len(e.past.Calls) + int(id); id < 0 && i >= 0 {
		return e.past.Calls[i], true
	}
	return phone.Call{}, false
}

// run ends when the updates do, after the last record.
func (r *recorder) run() {
	for u := range r.updates {
		for _, n := range u.Notices {
			switch w := n.What.(type) {
			case phone.CallChanged:
				if w.Call.State == phone.Ended && !r.written[w.Call.ID] {
					r.written[w.Call.ID] = true
					r.trouble(r.book.AddCall(recordOfCall(w.Call)))
				}
			case phone.RoamChanged:
				if w.Step == nil && w.Roam.Phase != phone.RoamStarted {
					r.trouble(r.book.AddRoam(recordOfRoam(w.Roam)))
				}
			}
		}
	}
	if n := r.book.Pending(); n > 0 {
		if err := r.book.Flush(); err != nil {
			r.e.parts.Log.Warn("records are not in the history", "count", r.book.Pending(), "error", err)
		}
	}
}

// trouble tells of the first error; calls and their repair go on all the same.
func (r *recorder) trouble(err error) {
	if err == nil {
		return
	}
	r.e.parts.Log.Warn("the history is not written", "error", err, "waiting", r.book.Pending())
	if r.warned {
		return
	}
	r.warned = true
	r.e.post(func() {
		r.e.say(phone.Warn, "the history is not written: "+err.Error(), "calls work all the same; what waits is written when the disk takes it")
	})
}
