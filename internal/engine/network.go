package engine

import (
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
)

// This file hears the network's verdicts and has every account and call look.

// networkChanged hears a verdict of the watcher.
func (e *Engine) networkChanged(c netwatch.Change) {
	if e.quitting {
		return
	}
	why := signs(c.Reasons)
	e.takeNetwork(c.New)
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
	e.then(func() {
		for _, call := range e.liveCalls() {
			call.lookAtMediaPath(why, c.At)
		}
		e.tellNetwork(c.New) // after the accounts: who uses what has changed
	})
}
