package engine

import (
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
)

// This file shows how the search for a server that answers goes.

// showTrial derives the search from what the machine waits for. It begins with
// the first sign of silence and ends when a server answers, or nothing is sought.
func (a *account) showTrial(now time.Time) {
	t := &a.view.Trying
	if !a.machine.Seeks() && a.doubted.IsZero() || !a.path.Valid() {
		*t = phone.Trial{}
		return
	}
	if t.Since.IsZero() {
		t.Since = now
		if !a.doubted.IsZero() {
			t.Since = a.doubted
		}
	}
	t.Server, t.Next = "", a.machine.NextTry()
	if a.chosen.Addr.IsValid() {
		t.Server = a.chosen.Addr.String()
	}
}

// unheardAt is when a call that was placed raises a doubt whether its server is
// there: in tryLimit an INVITE is sent four times over UDP.
func (c *call) unheardAt() time.Time {
	a := c.acct
	if c.view.Direction != phone.Outgoing || c.view.State != phone.Dialing || c.unheard || c.sip.Stack() == nil ||
		a.view.State != phone.Registered || !a.machine.Wanted() {
		return time.Time{}
	}
	return c.view.Started.Add(tryLimit)
}

// doubt asks the server for a sign of life, by a REGISTER, once for each call.
// Until that is answered the account is not shown as registered.
func (c *call) doubt(now time.Time) {
	at := c.unheardAt()
	if at.IsZero() || now.Before(at) {
		return
	}
	c.unheard = true
	c.acct.doubted = c.view.Started
	c.acct.showTrial(now) // before the state changes, which is told
	c.e.step(c.acct, roam.Forced{What: roam.ForceRegister})
}
