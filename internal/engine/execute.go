package engine

import (
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip/dialog"
)

// carryOut carries out what this turn has left to do, and what follows from it.
// The loop alone calls it.
func (e *Engine) carryOut() {
	for len(e.turn.due) > 0 || len(e.turn.touched) > 0 {
		for len(e.turn.due) > 0 {
			next := e.turn.due[0]
			e.turn.due = e.turn.due[1:]
			e.roams.change = next.change
			switch {
			case next.act != nil:
				e.execute(next.acct, next.act)
			case next.fact != nil:
				e.deal(next.of, next.fact)
			default:
				next.rest()
			}
			e.roams.change = 0
		}
		touched := e.turn.touched
		e.turn.touched = nil
		for _, s := range touched {
			if c := e.callOf(s); c != nil {
				c.tellMachine()
			}
		}
	}
	if e.current != 0 && !e.lives(e.current) {
		e.current = e.successor()
	}
	if e.turn.peers {
		e.turn.peers = false
		e.watchPeers()
	}
	for _, a := range e.accounts {
		a.showTrial(time.Now())
	}
}

// execute carries out one action of an account's machine. What takes time
// becomes a job; its result comes back as an event with the action's epoch.
func (e *Engine) execute(a *account, act roam.Action) {
	switch act := act.(type) {
	case roam.Open:
		a.open(act)
	case roam.Keep:
		a.stacks.Keep(act.Of, act.Epoch)
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
			c.askCaller(a.stacks.At(act.Epoch))
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
