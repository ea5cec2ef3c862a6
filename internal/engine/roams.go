package engine

import (
	"slices"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip/dialog"
)

// This file keeps the timelines of roams: one for each change of the network,
// with every account whose path it moved.

// roamsKept is how many roams stay in the state.
const roamsKept = 20

func (p *roamPart) view() *phone.RoamPart { return &p.of.Parts[p.at] }

// told is the roam with the part in front, as a value that the loop will not
// touch again.
func (p *roamPart) told() phone.Roam {
	v, part := copyRoam(p.of), p.view()
	v.Account, v.Epoch, v.From, v.To = part.Account, part.Epoch, part.From, part.To
	return v
}

// roamBegan opens a timeline, or joins that of the same change of the network.
func (e *Engine) roamBegan(a *account, act roam.Began) {
	if e.onlyFailsOver(a, act) {
		return
	}
	part := phone.RoamPart{Account: a.cfg.Name, Epoch: phone.Epoch(act.Epoch), From: act.From.String(), Started: act.At}
	if act.To.Valid() {
		part.To = act.To.String()
	}
	r := e.sameChange(a, act)
	if r == nil {
		e.roams.last++
		r = &phone.Roam{ID: e.roams.last, Why: act.Why, Started: act.At}
		e.roams.list = append(e.roams.list, r)
		e.roams.list = e.roams.list[max(0, len(e.roams.list)-roamsKept):]
	}
	r.Parts = append(r.Parts, part)
	a.roam = &roamPart{of: r, at: len(r.Parts) - 1, change: e.roams.change}
	if len(r.Parts) == 1 || e.callsOf(a) > 0 && e.callsNamed(r.Account) == 0 {
		r.Account, r.Epoch, r.From, r.To = part.Account, part.Epoch, part.From, part.To
	}
	a.view.Roaming = true
	a.view.WasSource, a.view.WasIface = act.From.Source, act.From.Interface
	e.recovering(a, phone.CallID(act.Call))
	a.changed()
	e.tell(phone.RoamChanged{Roam: a.roam.told()})
}

// oneChange marks what is told to all accounts until its end as one change.
func (e *Engine) oneChange() (end func()) {
	e.roams.changes++
	e.roams.change = e.roams.changes
	return func() { e.roams.change = 0 }
}

// onlyFailsOver: another server is tried on the same path, and no call that is
// up has to be carried along. The account shows it; the network did not move.
func (e *Engine) onlyFailsOver(a *account, act roam.Began) bool {
	up := slices.ContainsFunc(e.liveCalls(), func(c *call) bool { return c.acct == a && c.view.State == phone.Up })
	return act.From == act.To && !up &&
		slices.ContainsFunc(act.Why, func(f phone.Fact) bool { return f.Kind == phone.TryingServer })
}

// sameChange is the roam that the same verdict of the watcher began for another
// account, and that is still in progress.
func (e *Engine) sameChange(a *account, act roam.Began) *phone.Roam {
	for _, o := range e.accounts {
		p := o.roam
		if o == a || p == nil || act.Call != 0 || e.roams.change == 0 || p.change != e.roams.change {
			continue
		}
		if !slices.ContainsFunc(p.of.Parts, func(q phone.RoamPart) bool { return q.Account == a.cfg.Name }) {
			return p.of
		}
	}
	return nil
}

// callsOf counts the account's live calls.
func (e *Engine) callsOf(a *account) (n int) {
	for _, c := range e.liveCalls() {
		if c.acct == a {
			n++
		}
	}
	return n
}

func (e *Engine) callsNamed(account string) int {
	if a, err := e.account(account); err == nil {
		return e.callsOf(a)
	}
	return 0
}

// recovering marks the calls that a roam repairs; one: only that.
func (e *Engine) recovering(a *account, one phone.CallID) {
	for _, c := range e.liveCalls() {
		if c.acct != a || one != 0 && c.view.ID != one {
			continue
		}
		if c.stream != nil {
			c.stream.Began()
		}
		e.feed(c.sip, dialog.Moving{On: true})
		if c.view.State == phone.Up {
			c.view.Recovering = true
			c.view.Roams++
			c.changed()
		}
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

// roamRouted: the roam, begun without a path, now has one.
func (e *Engine) roamRouted(a *account, act roam.Routed) {
	if a.roam == nil {
		return
	}
	part := a.roam.view()
	part.To = act.To.String()
	if a.roam.of.Account == part.Account {
		a.roam.of.To = part.To
	}
	e.tell(phone.RoamChanged{Roam: a.roam.told()})
	e.keepCalls(a, time.Time{}) // there is a network: what they wait for now is their repair
}

func (e *Engine) roamStepped(a *account, act roam.Stepped) {
	if a.roam == nil || a.roam.view().Epoch != phone.Epoch(act.Epoch) {
		return
	}
	r := a.roam.of
	step := phone.RoamStep{
		Name: phone.StepName(act.Name), Account: a.cfg.Name, Offset: act.Offset + a.roam.view().Started.Sub(r.Started), Duration: act.Duration,
		Running: act.Running, OK: act.OK, Facts: act.Facts, Call: phone.CallID(act.Call),
	}
	same := func(s phone.RoamStep) bool {
		return s.Running && s.Name == step.Name && s.Call == step.Call && s.Account == step.Account
	}
	if i := slices.IndexFunc(r.Steps, same); i >= 0 {
		r.Steps[i] = step
	} else {
		r.Steps = append(r.Steps, step)
	}
	e.tell(phone.RoamChanged{Roam: a.roam.told(), Step: &step})
}

// roamFinished ends an account's part, and with the last of them the roam.
func (e *Engine) roamFinished(a *account, act roam.Finished) {
	p := a.roam
	if p == nil || p.view().Epoch != phone.Epoch(act.Epoch) {
		return
	}
	a.roam, a.unplaced = nil, true
	part, r := p.view(), p.of
	part.Phase = map[roam.Outcome]phone.RoamPhase{
		roam.Done: phone.RoamDone, roam.Failed: phone.RoamFailed, roam.Superseded: phone.RoamSuperseded,
	}[act.How]
	part.Total, part.Failures = act.Total, act.Failures
	r.Failures = append(r.Failures, act.Failures...)
	r.Total = max(r.Total, part.Started.Add(part.Total).Sub(r.Started))
	e.costs(r, act)
	if act.How == roam.Failed {
		own := slices.DeleteFunc(slices.Clone(r.Steps), func(s phone.RoamStep) bool { return s.Account != part.Account })
		r.FailedStep, r.Next = blame(own, e.lostSince(a, r.Started), e.lives)
	}
	if r.Phase = together(r.Parts); r.Phase != phone.RoamStarted {
		e.tell(phone.RoamChanged{Roam: copyRoam(r)})
	}
	if act.How == roam.Superseded {
		return // the next roam has begun and carries on
	}
	a.view.Roaming, a.view.WasIface = false, ""
	a.view.WasSource = a.path.Source
	for _, c := range e.liveCalls() {
		if c.acct != a {
			continue
		}
		if c.view.Recovering {
			c.view.Recovering = false
			c.changed()
		}
		e.feed(c.sip, dialog.Moving{}) // now comes what was wished for meanwhile
	}
	a.changed()
}

// costs takes over what a roam cost the calls of an account.
func (e *Engine) costs(r *phone.Roam, act roam.Finished) {
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
	for _, id := range act.HungUp {
		cost := phone.RoamCall{Call: phone.CallID(id), HungUp: true}
		if c := e.calls[cost.Call]; c != nil {
			cost.Peer, cost.Name = c.view.Peer, c.view.Name
		}
		r.Calls = append(r.Calls, cost)
	}
}

// together is how a roam stands by its parts: in progress while one is; else
// the worst of them.
func together(parts []phone.RoamPart) phone.RoamPhase {
	worst := phone.RoamDone
	for _, p := range parts {
		switch {
		case p.Phase == phone.RoamStarted:
			return phone.RoamStarted
		case p.Phase == phone.RoamFailed, worst == phone.RoamDone:
			worst = p.Phase
		}
	}
	return worst
}

// lostSince says that a call of the account is over since then because the
// other side lost it, or for want of a network, and wants to be dialled again.
func (e *Engine) lostSince(a *account, since time.Time) bool {
	for _, c := range e.calls {
		lost := c.view.NeedsRedial || c.view.End.Cause == phone.NoPath
		if c.acct == a && c.over() && lost && !c.view.Ended.Before(since) {
			return true
		}
	}
	return false
}

// lives says that a call is not over.
func (e *Engine) lives(id phone.CallID) bool {
	c := e.calls[id]
	return c != nil && !c.over()
}

// copyRoam makes a value that the loop will not touch again.
func copyRoam(r *phone.Roam) phone.Roam {
	v := *r
	v.Steps, v.Calls = slices.Clone(r.Steps), slices.Clone(r.Calls)
	v.Parts, v.Failures = slices.Clone(r.Parts), slices.Clone(r.Failures)
	return v
}

// signs are the reasons of a change as facts: what became of a path follows
// from what became of its address, and of that only the most telling is said.
func signs(reasons []netwatch.Reason) (list []phone.Fact) {
	addresses := map[string]bool{}
	for _, r := range reasons {
		if r.Kind == netwatch.AddressLost || r.Kind == netwatch.AddressAdded {
			addresses[r.Interface] = true
		}
	}
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
		if f := sign(r); f.Kind != phone.NoFact {
			list = append(list, f)
		}
	}
	return list
}

// sign is one reason of the watcher in the vocabulary of the phone.
func sign(r netwatch.Reason) phone.Fact {
	kind := map[netwatch.Kind]phone.FactKind{
		netwatch.InterfaceAppeared: phone.InterfaceCame, netwatch.InterfaceGone: phone.InterfaceWent,
		netwatch.InterfaceUp: phone.InterfaceUp, netwatch.InterfaceDown: phone.InterfaceDown,
		netwatch.AddressAdded: phone.AddressCame, netwatch.AddressLost: phone.AddressWent, netwatch.AddressFlagged: phone.AddressFlagged,
		netwatch.PathFound: phone.PathFound, netwatch.PathLost: phone.PathWent, netwatch.PathMoved: phone.PathMoved,
		netwatch.PathReturned: phone.PathBack, netwatch.HopMoved: phone.HopMoved, netwatch.Failed: phone.SocketFailed,
		netwatch.Started: phone.FirstLook, netwatch.Requested: phone.AskedToLook, netwatch.Slept: phone.Slept,
	}[r.Kind]
	f := phone.Fact{Kind: kind, Iface: r.Interface, Addr: r.Addr, Text: r.Detail}
	if kind == phone.Slept {
		f.For, _ = time.ParseDuration(r.Detail) // unreadable: it slept all the same
		f.Text = ""
	}
	return f
}

// sleep is the fact that the machine slept, if it is among them.
func sleep(why []phone.Fact) phone.Fact {
	if i := slices.IndexFunc(why, func(f phone.Fact) bool { return f.Kind == phone.Slept }); i >= 0 {
		return why[i]
	}
	return phone.Fact{}
}
