package engine

import (
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
)

// This file dials: what a person typed becomes a call.

// dial places a call.
func (e *Engine) dial(cmd phone.Dial) (phone.CallID, error) {
	a, err := e.account(cmd.Account)
	if err != nil {
		return 0, err
	}
	to, err := target(cmd.Target, a.sip)
	if err != nil {
		return 0, err
	}
	if _, err := a.stackFor(); err != nil {
		return 0, err
	}
	e.holdOthers(nil)
	c := e.newCall(a, sip.NewCall(a.sip, a.auth, a.options(to)), phone.Outgoing)
	c.target = to
	e.lastDial = cmd
	e.current = c.view.ID
	c.rowTold = c.row()
	e.step(a, roam.CallAdded{Call: c.rowTold})
	c.changed()
	c.place()
	return c.view.ID, nil
}

// holdOthers has one conversation at a time: all but c are held.
func (e *Engine) holdOthers(c *call) {
	for _, other := range e.liveCalls() {
		if !e.parts.KeepOthers && other != c && other.view.State == phone.Up && other.want.Sends() {
			other.hold(true)
		}
	}
}

// place opens media and sends the INVITE.
func (c *call) place() {
	st, err := c.acct.stackFor()
	if err != nil {
		c.end(failedBy(phone.RequestFailed, 0, err))
		return
	}
	c.invite(st)
}
