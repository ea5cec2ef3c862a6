package engine

import (
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip/dialog"
)

// execute carries out one action of an account's machine. What takes time
// becomes a job; its result comes back as an event with the action's epoch.
func (e *Engine) execute(a *account, act roam.Action) {
	switch act := act.(type) {
	case roam.Open:
		a.open(act)
	case roam.Keep:
		a.keep(act)
	case roam.Close:
		a.close(act.Epoch)
	case roam.Register:
		a.register(act)
	case roam.Unregister:
		a.unregister(act.Epoch, func(err error) { a.unregistered(act.Epoch, err) })
	case roam.Announce:
		a.announce(act)
	case roam.MoveMedia:
		if c := e.calls[phone.CallID(act.Call)]; c != nil {
			c.moveMedia(act)
		}
	case roam.SwitchMedia:
		if c := e.calls[phone.CallID(act.Call)]; c != nil {
			c.switchMedia()
		}
	case roam.Repair:
		if c := e.calls[phone.CallID(act.Call)]; c != nil {
			c.repair(act)
		}
	case roam.Probe:
		a.probe(act)
	case roam.AskCaller:
		if c := e.calls[phone.CallID(act.Call)]; c != nil {
			c.askCaller(a.stacks[act.Epoch])
		}
	case roam.EndCall:
		if c := e.calls[phone.CallID(act.Call)]; c != nil {
			c.hangup(phone.End{By: phone.ByNetwork, Cause: phone.NoPath, After: act.After})
		}
	case roam.LoseCall:
		if c := e.calls[phone.CallID(act.Call)]; c != nil {
			c.view.NeedsRedial = true
			lost := c.sip
			c.end(phone.End{By: phone.ByPeer, Cause: phone.LostToPeer, Code: act.Code})
			e.own(lost, a, nil)
			e.feed(lost, dialog.Drop{}) // without a word: there is nobody to say it to
			a.forgotten()
		}
	case roam.KeepCalls:
		e.keepCalls(a, act.Until)
	case roam.Began:
		e.roamBegan(a, act)
	case roam.Routed:
		e.roamRouted(a, act)
	case roam.Stepped:
		e.roamStepped(a, act)
	case roam.Finished:
		e.roamFinished(a, act)
	}
}

// keepCalls shows the time left to calls without a network.
func (e *Engine) keepCalls(a *account, until time.Time) {
	for _, c := range e.liveCalls() {
		if c.acct == a {
			c.view.KeepUntil = until
			c.changed()
		}
	}
}

// networkChanged hears a verdict of the watcher.
func (e *Engine) networkChanged(c netwatch.Change) {
	if e.quitting {
		return
	}
	why := signs(c.Reasons)
	e.networkSeen(c.New)
	if len(why) > 0 {
		e.network.Why, e.network.Changed = why, c.At
		e.parts.Log.Info("network changed", "reasons", c.String())
	}
	defer e.oneChange()()
	for _, a := range e.accounts {
		before := a.machine.Epoch()
		a.lookAtPath(why, c.At)
		if len(a.servers.List()) == 0 && a.cfg.Enabled {
			a.resolve()
		}
		if slept := sleep(why); slept.Kind != phone.NoFact && e.parts.AfterSleep && a.machine.Epoch() == before {
			e.forceAccount(a, roam.Forced{What: roam.ForceNetwork, Why: slept})
		}
	}
	for _, call := range e.liveCalls() {
		call.lookAtMediaPath(why, c.At)
	}
	e.tellNetwork(c.New) // after the accounts: who uses what has changed
}

// networkSeen takes over the interface list.
func (e *Engine) networkSeen(s netwatch.State) {
	e.network.Interfaces = e.interfaces(s)
	e.dirty = true
}
