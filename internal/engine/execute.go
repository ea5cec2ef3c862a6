package engine

import (
	"context"
	"strings"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
)

// roamsKept is how many roams stay in the state.
const roamsKept = 20

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
			lost.Drop() // without a word: there is nobody to say it to
		}
	case roam.KeepCalls:
		e.keepCalls(a, act.Until)
	case roam.Began:
		e.roamBegan(a, act)
	case roam.Routed:
		if a.roam != nil {
			a.roam.To = act.To.String()
			e.tell(phone.RoamChanged{Roam: copyRoam(a.roam)})
		}
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

func (e *Engine) roamBegan(a *account, act roam.Began) {
	e.lastRoam++
	from := act.From.String()
	to := ""
	if act.To.Valid() {
		to = act.To.String()
	}
	a.roam = &phone.Roam{
		ID: e.lastRoam, Account: a.cfg.Name, Epoch: phone.Epoch(act.Epoch), From: from, To: to,
		Reasons: act.Reasons, Started: act.At,
	}
	e.roams = append(e.roams, a.roam)
	if len(e.roams) > roamsKept {
		e.roams = e.roams[len(e.roams)-roamsKept:]
	}
	a.view.Roaming = true
	a.view.WasSource, a.view.WasIface = act.From.Source, act.From.Interface
	for _, c := range e.liveCalls() {
		if c.acct != a || (act.Call != 0 && c.view.ID != phone.CallID(act.Call)) {
			continue
		}
		if c.stream != nil {
			c.stream.Began()
		}
		if c.view.State == phone.Up {
			c.view.Recovering = true
			c.view.Roams++
			c.changed()
		}
	}
	a.changed()
	e.tell(phone.RoamChanged{Roam: copyRoam(a.roam)})
}

func (e *Engine) roamStepped(a *account, act roam.Stepped) {
	if a.roam == nil || a.roam.Epoch != phone.Epoch(act.Epoch) {
		return
	}
	step := phone.RoamStep{
		Name: phone.StepName(act.Name), Offset: act.Offset, Duration: act.Duration,
		Running: act.Running, OK: act.OK, Detail: act.Detail, Call: phone.CallID(act.Call),
	}
	replaced := false
	for i := range a.roam.Steps {
		if s := &a.roam.Steps[i]; s.Running && s.Name == step.Name && s.Call == step.Call {
			*s, replaced = step, true
			break
		}
	}
	if !replaced {
		a.roam.Steps = append(a.roam.Steps, step)
	}
	e.tell(phone.RoamChanged{Roam: copyRoam(a.roam), Step: &step})
}

func (e *Engine) roamFinished(a *account, act roam.Finished) {
	r := a.roam
	if r == nil || r.Epoch != phone.Epoch(act.Epoch) {
		return
	}
	a.roam = nil
	r.Phase = map[roam.Outcome]phone.RoamPhase{
		roam.Done: phone.RoamDone, roam.Failed: phone.RoamFailed, roam.Superseded: phone.RoamSuperseded,
	}[act.How]
	r.Total, r.Failure = act.Total, act.Failure
	for _, g := range act.Calls {
		cost := phone.RoamCall{Call: phone.CallID(g.Call), GapIn: g.GapIn, GapOut: g.GapOut, LostIn: g.LostIn, Measured: g.Measured}
		if c := e.calls[cost.Call]; c != nil {
			cost.Peer, cost.Name = c.view.Peer, c.view.Name
			if g.Measured {
				c.view.LongestGap = max(c.view.LongestGap, g.GapIn, g.GapOut)
			}
		}
		r.Calls = append(r.Calls, cost)
	}
	if act.How == roam.Failed {
		r.FailedStep, r.Next = blame(r.Steps, e.lostSince(a, r.Started))
	}
	e.tell(phone.RoamChanged{Roam: copyRoam(r)})
	if act.How == roam.Superseded {
		return // the next roam has begun and carries on
	}
	if act.How == roam.Failed {
		e.say(phone.Failure, "roam failed: "+act.Failure, "press ! to restart everything, calls kept")
	}
	a.view.Roaming, a.view.WasIface = false, ""
	a.view.WasSource = a.path.Source
	for _, c := range e.liveCalls() {
		if c.acct == a && c.view.Recovering {
			c.view.Recovering = false
			c.changed()
			c.sync() // what was wished for meanwhile
		}
	}
	a.changed()
}

// lostSince says that a call of the account was lost to the other side since
// then and wants to be dialled again.
func (e *Engine) lostSince(a *account, since time.Time) bool {
	for _, c := range e.calls {
		if c.acct == a && c.view.NeedsRedial && !c.view.Ended.Before(since) {
			return true
		}
	}
	return false
}

// copyRoam makes a value that the loop will not touch again.
func copyRoam(r *phone.Roam) phone.Roam {
	v := *r
	v.Steps = append([]phone.RoamStep(nil), r.Steps...)
	v.Calls = append([]phone.RoamCall(nil), r.Calls...)
	return v
}

// networkChanged hears a verdict of the watcher.
func (e *Engine) networkChanged(c netwatch.Change) {
	if e.quitting {
		return
	}
	reasons := inWords(c.Reasons)
	e.networkSeen(c.New)
	if len(reasons) > 0 {
		e.network.Reasons, e.network.Changed = reasons, c.At
		e.parts.Log.Info("network changed", "reasons", strings.Join(reasons, ", "))
	}
	if c.Has(netwatch.Slept) && e.parts.AfterSleep {
		e.force(roam.ForceNetwork)
	}
	for _, a := range e.accounts {
		a.lookAtPath(reasons, c.At)
		if len(a.servers.list) == 0 && a.cfg.Enabled {
			a.resolve()
		}
	}
	for _, call := range e.liveCalls() {
		call.lookAtMediaPath(reasons, c.At)
	}
	e.tellNetwork(c.New) // after the accounts: who uses what has changed
}

// inWords are the reasons for a person: what became of a path follows from
// what became of its address, and of that only the most telling is said.
func inWords(reasons []netwatch.Reason) []string {
	addresses := map[string]bool{}
	for _, r := range reasons {
		if r.Kind == netwatch.AddressLost || r.Kind == netwatch.AddressAdded {
			addresses[r.Interface] = true
		}
	}
	var words []string
	for _, r := range reasons {
		switch r.Kind {
		case netwatch.PathFound, netwatch.PathLost, netwatch.PathMoved:
			if len(addresses) > 0 {
				continue
			}
		case netwatch.InterfaceUp, netwatch.InterfaceDown, netwatch.InterfaceAppeared, netwatch.InterfaceGone:
			if addresses[r.Interface] {
				continue
			}
		}
		words = append(words, r.String())
	}
	return words
}

// networkSeen takes over the interface list.
func (e *Engine) networkSeen(s netwatch.State) {
	e.network.Interfaces = e.interfaces(s)
	e.dirty = true
}

// mediaJobLimit bounds opening a pair of sockets, which waits for nothing.
const mediaJobLimit = 5 * time.Second

// moveMedia carries out roam.MoveMedia.
func (c *call) moveMedia(act roam.MoveMedia) {
	e := c.e
	source, iface := act.Path.Source, act.Path.Interface
	if remote := c.view.RemoteMedia.Addr(); remote.IsValid() {
		if p := e.pathTo(remote); p.Valid() {
			source, iface = p.Source, p.Interface
		}
	}
	stun := c.acct.stunFor(source)
	e.job("open media", mediaJobLimit, func(ctx context.Context) {
		sock, err := e.openMedia(ctx, source, iface, stun)
		if !e.post(func() { c.mediaMoved(act, sock, err) }) && sock != nil {
			_ = sock.Close()
		}
	})
}
