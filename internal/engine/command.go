package engine

import (
	"fmt"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip/dialog"
)

// do carries out one command on the loop. An error means that nothing changed.
func (e *Engine) do(cmd phone.Command) (phone.Reply, error) {
	if e.quitting {
		return phone.Reply{}, &phone.Error{Why: phone.Stopping}
	}
	switch cmd := cmd.(type) {
	case phone.Dial:
		id, err := e.dial(cmd)
		return phone.Reply{Call: id}, err
	case phone.Redial:
		return e.redial(cmd)
	case phone.HangupAll:
		for _, c := range e.liveCalls() {
			c.hangup(byUser())
		}
		return phone.Reply{}, nil
	case phone.Swap:
		return e.swap()
	case phone.Register:
		return phone.Reply{}, e.eachAccount(cmd.Account, func(a *account) {
			if a.machine.Wanted() {
				e.step(a, roam.Forced{What: roam.ForceRegister})
				return
			}
			e.step(a, roam.WantRegistration{On: true})
		})
	case phone.Unregister:
		return phone.Reply{}, e.eachAccount(cmd.Account, func(a *account) {
			e.step(a, roam.WantRegistration{On: false})
		})
	case phone.NetworkSign:
		e.force(roam.ForceNetwork)
		return phone.Reply{}, nil
	case phone.Restart:
		e.force(roam.ForceRestart)
		return phone.Reply{}, nil
	case phone.Remark:
		e.say(phone.Info, phone.News{Kind: phone.Remarked, Text: cmd.Text})
		return phone.Reply{}, nil
	case phone.Quit:
		e.quit(true)
		return phone.Reply{}, nil
	}
	return e.doCall(cmd)
}

// doCall carries out the commands that mean one call.
func (e *Engine) doCall(cmd phone.Command) (phone.Reply, error) {
	var id phone.CallID
	var act func(*call) error
	switch cmd := cmd.(type) {
	case phone.Answer:
		id, act = e.ringing(cmd.Call), (*call).answer
	case phone.Decline:
		id, act = e.ringing(cmd.Call), func(c *call) error { return c.decline(cmd.Code) }
	case phone.Hangup:
		id, act = cmd.Call, func(c *call) error { c.hangup(byUser()); return nil }
	case phone.HoldCall:
		id, act = cmd.Call, inCall("hold", func(c *call) error { c.hold(true); return nil })
	case phone.ResumeCall:
		id, act = cmd.Call, inCall("resume", func(c *call) error { return c.resume() })
	case phone.Mute:
		id, act = cmd.Call, func(c *call) error { c.mute(true); return nil }
	case phone.Unmute:
		id, act = cmd.Call, func(c *call) error { c.mute(false); return nil }
	case phone.SendDTMF:
		id, act = cmd.Call, func(c *call) error { return c.digits(cmd.Digits) }
	case phone.Refresh:
		id, act = cmd.Call, inCall("refresh", func(c *call) error { return c.refresh(cmd.Update) })
	case phone.Silence:
		id, act = e.ringing(cmd.Call), func(c *call) error { c.silenced = true; return nil }
	case phone.Focus:
		id, act = cmd.Call, func(c *call) error { e.current = c.view.ID; return nil }
	default:
		return phone.Reply{}, &phone.Error{Why: phone.UnknownCommand, Name: fmt.Sprintf("%T", cmd)}
	}
	c, err := e.callFor(id)
	if err != nil {
		return phone.Reply{}, err
	}
	if err := act(c); err != nil {
		return phone.Reply{}, err
	}
	e.dirty = true
	return phone.Reply{Call: c.view.ID}, nil
}

func inCall(command string, act func(*call) error) func(*call) error {
	return func(c *call) error {
		if c.view.State != phone.Up {
			return wrongState(c, command, phone.NotUp)
		}
		return act(c)
	}
}

func wrongState(c *call, command string, why phone.Refusal) error {
	return &phone.Error{Why: why, Command: command, Call: c.view.ID, State: c.view.State}
}

// callFor finds a live call; 0 is the current or only one.
func (e *Engine) callFor(id phone.CallID) (*call, error) {
	if id == 0 {
		id = e.current
	}
	if id == 0 {
		live := e.liveCalls()
		switch len(live) {
		case 0:
			return nil, &phone.Error{Why: phone.NoCall}
		case 1:
			return live[0], nil
		}
		return nil, &phone.Error{Why: phone.SeveralCalls, Calls: e.callNumbers()}
	}
	c := e.calls[id]
	if c == nil || c.over() {
		return nil, &phone.Error{Why: phone.NoSuchCall, Call: id, Calls: e.callNumbers()}
	}
	return c, nil
}

func (e *Engine) callNumbers() (list []phone.CallID) {
	for _, c := range e.liveCalls() {
		list = append(list, c.view.ID)
	}
	return list
}

// ringing resolves 0 to the newest call that rings here.
func (e *Engine) ringing(id phone.CallID) phone.CallID {
	if id != 0 {
		return id
	}
	for _, c := range e.liveCalls() {
		if c.view.Direction == phone.Incoming && c.view.State == phone.Ringing {
			id = c.view.ID
		}
	}
	return id
}

func (c *call) decline(code int) error {
	if c.view.Direction != phone.Incoming || c.view.State == phone.Up || c.answering {
		return wrongState(c, "decline", phone.NotRinging)
	}
	if code == 0 {
		code = 603
	}
	if code < 400 || code > 699 {
		return &phone.Error{Why: phone.StatusUnfit, Status: code}
	}
	c.reject(phone.End{By: phone.ByUs, Cause: phone.Declined, Code: code}, nil)
	return nil
}

func (c *call) resume() error {
	for _, other := range c.e.liveCalls() {
		if other != c && other.view.State == phone.Up && other.want.Receives() {
			other.hold(true)
		}
	}
	c.hold(false)
	c.e.current = c.view.ID
	return nil
}

func (c *call) mute(on bool) {
	c.view.Muted = on
	c.e.parts.Desk.Mute(int(c.view.ID), on)
	c.changed()
}

func (c *call) digits(digits string) error {
	if c.stream == nil {
		return wrongState(c, "dtmf", phone.NoSoundYet)
	}
	if err := c.stream.Digits(digits); err != nil {
		return &phone.Error{Why: phone.DigitsUnfit, Text: err.Error()}
	}
	return nil
}

func (c *call) refresh(update bool) error {
	by := dialog.Reinvite
	if update {
		if by = dialog.Update; !c.sip.PeerAllows("UPDATE") {
			return wrongState(c, "update", phone.NoUpdateThere)
		}
	}
	if c.sip.Row() == dialog.Offering {
		return wrongState(c, "refresh", phone.ChangeUnderWay)
	}
	c.e.feed(c.sip, dialog.Want{Wish: c.wish(), Urgency: dialog.Once, By: by})
	return nil
}

func (e *Engine) swap() (phone.Reply, error) {
	for _, c := range e.liveCalls() {
		if c.view.ID != e.current && c.view.State == phone.Up {
			return phone.Reply{Call: c.view.ID}, c.resume()
		}
	}
	return phone.Reply{}, &phone.Error{Why: phone.NoOtherCall}
}

func (e *Engine) redial(cmd phone.Redial) (phone.Reply, error) {
	again := e.lastDial
	if c := e.calls[cmd.Call]; cmd.Call != 0 && c != nil {
		again = phone.Dial{Target: c.view.Peer, Account: c.acct.cfg.Name}
	} else if c, ok := e.pastCall(cmd.Call); ok {
		again = e.dialAgain(c)
	} else if cmd.Call != 0 {
		return phone.Reply{}, &phone.Error{Why: phone.NoCallToRedial, Call: cmd.Call}
	}
	if again.Target == "" {
		return phone.Reply{}, &phone.Error{Why: phone.NothingDialled}
	}
	id, err := e.dial(again)
	return phone.Reply{Call: id}, err
}

func (e *Engine) eachAccount(name string, fn func(*account)) error {
	if name != "" {
		a, err := e.account(name)
		if err == nil {
			fn(a)
		}
		return err
	}
	for _, a := range e.accounts {
		if a.cfg.Enabled {
			fn(a)
		}
	}
	return nil
}

// force makes every account act as if its network changed.
func (e *Engine) force(f roam.Force) {
	e.watcher.Look(netwatch.Reason{Kind: netwatch.Requested})
	defer e.oneChange()()
	for _, a := range e.accounts {
		e.forceAccount(a, roam.Forced{What: f})
	}
}

func (e *Engine) forceAccount(a *account, f roam.Forced) {
	if !a.cfg.Enabled {
		return
	}
	a.resolve() // beside: the name may point elsewhere on this network
	if a.path.Valid() {
		e.step(a, f)
	}
}

// quit begins the farewell: BYE to every call, bindings removed. asked: by a command.
func (e *Engine) quit(asked bool) {
	if e.quitting {
		return
	}
	e.closed = phone.Closed{Asked: asked}
	for _, c := range e.liveCalls() {
		c.hangup(phone.End{By: phone.ByUs, Cause: phone.PhoneClosed})
	}
	e.quitting = true
	for _, a := range e.accounts {
		if a.view.State != phone.Registered && a.view.State != phone.Registering && len(a.bindings.Besides("")) == 0 {
			continue
		}
		e.leaving++
		a.unregister(a.machine.Epoch(), func(error) { e.leaving = max(e.leaving-1, 0) })
	}
}

// dropAll closes every stack and every sound.
func (e *Engine) dropAll() {
	for _, id := range e.order {
		e.calls[id].endMedia()
	}
	for _, a := range e.accounts {
		for epoch := range a.stacks.All() {
			a.close(epoch)
		}
	}
}
