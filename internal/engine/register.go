package engine

import (
	"context"
	"time"

	"ramble/internal/engine/fault"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
)

// This file registers, and removes bindings.

// longestBinding is how long a REGISTER may have bound something whose answer is
// not known: more is never asked for.
const longestBinding = 24 * time.Hour

// register carries out roam.Register.
func (a *account) register(act roam.Register) {
	st := a.stacks.At(act.Epoch)
	if st == nil {
		a.e.step(a, roam.RegisterFailed{Epoch: act.Epoch, Failure: roam.Failure{Kind: roam.Cancelled}})
		return
	}
	if a.view.State != phone.Registered || !a.doubted.IsZero() {
		a.view.State, a.view.Code, a.view.Fault = phone.Registering, 0, phone.Fault{}
	}
	a.changed()
	e := a.e
	var old []string
	if act.RemoveOld || a.cfg.Policy.RemoveOld && a.bindings.Inherited() {
		old = a.bindings.Besides(st.Contact(a.sip))
	}
	a.bindings.May(st.Contact(a.sip), time.Now().Add(longestBinding))
	written := e.noteOwed()
	e.job("register "+a.cfg.Name, a.patience(st.Server()), func(ctx context.Context) {
		onDisk(ctx, written) // a kill may come between the request and its answer
		if act.OldFirst {
			_ = a.reg.Unregister(ctx, st.Stack, old...) // the server has room for one: what it says now is the REGISTER's to tell
		}
		res, err := a.reg.Register(ctx, st.Stack, sip.RegisterOptions{Remove: old})
		e.post(func() { a.registered(act.Epoch, res, err) })
	})
}

func (a *account) registered(epoch roam.Epoch, res sip.Registered, err error) {
	a.bindings.May(res.Contact, time.Now().Add(longestBinding))
	if a.stacks.At(epoch) == nil { // its stack was closed meanwhile
		a.e.step(a, roam.RegisterFailed{Epoch: epoch, Failure: roam.Failure{Kind: roam.Cancelled}})
		return
	}
	if err != nil {
		a.registerFailed(epoch, err)
		return
	}
	a.accepted = time.Now().UTC().Truncate(24 * time.Hour)
	a.servers.Worked(a.stacks.At(epoch).Server())
	a.doubted = time.Time{}
	a.view.State, a.view.Code, a.view.Fault = phone.Registered, 200, phone.Fault{}
	a.view.Contact, a.view.Expires = res.Contact, res.Expires
	a.view.Until = time.Now().Add(res.Expires)
	a.view.Source, a.view.Interface = a.path.Source, a.path.Interface
	a.granted = res
	a.heedListing(res)
	a.e.step(a, roam.Registered{
		Epoch: epoch, RefreshIn: res.RefreshIn, Detail: "REGISTER 200 OK", Seen: res.Received, Outbound: res.ServerDoesOutbound,
		Missing: res.Missing(), Stale: a.bindings.Listed(res.Contact, res.Stored, a.view.Until, present(res)),
	})
}

// present are the Contacts that a 2xx lists as bound.
func present(res sip.Registered) (list []string) {
	for _, b := range res.Bindings {
		if b.Expires > 0 {
			list = append(list, b.URI)
		}
	}
	return list
}

func (a *account) registerFailed(epoch roam.Epoch, err error) {
	f := fault.Failure(err)
	if !a.accepted.IsZero() && f.Kind == roam.Answered && f.Code == 403 {
		f.Fault.Kind = phone.FaultPlace
	}
	a.view.Code, a.view.Fault = f.Code, f.Fault
	a.view.Contact, a.view.Expires, a.view.Until = "", 0, time.Time{}
	a.doubted = time.Time{} // the account shows it from here on
	a.e.step(a, roam.RegisterFailed{Epoch: epoch, Failure: f, Known: !a.accepted.IsZero()})
	a.e.then(func() {
		switch {
		case a.machine.Refused():
			a.view.State = phone.RegistrationRefused
		case f.Kind != roam.Cancelled:
			a.view.State = phone.RegistrationFailed
		}
		a.changed()
		if a.stacks.At(epoch) != nil && unanswered(f) {
			a.failOver(epoch, a.stacks.At(epoch).Server(), f.Fault)
		}
	})
}

// forgetsMost is how often a server that seems to have forgotten us is asked: one
// that answers so to everything must not make us register in a loop.
const forgetsMost = 5 * time.Second

// forgotten registers again at once: an answer says that a call is not known any
// more, or that the server was started anew, and such a server may have forgotten us.
func (a *account) forgotten() {
	if a.view.State != phone.Registered || !a.machine.Wanted() || a.e.quitting || time.Since(a.forgot) < forgetsMost {
		return
	}
	a.forgot = time.Now()
	a.e.parts.Log.Info("the server may have forgotten this phone", "account", a.cfg.Name)
	a.e.step(a, roam.Forced{What: roam.ForceRegister})
}

// unheld: the connection over which the account is registered is gone, so it is not
// shown as registered until the next 2xx.
func (a *account) unheld(st *sip.Stack) {
	present := a.stacks.At(a.machine.Epoch())
	if present != nil && present.Stack == st && a.view.State == phone.Registered {
		a.view.State, a.view.Code = phone.Registering, 0
		a.changed()
	}
}

// unregistered tells how a removal ended.
func (a *account) unregistered(epoch roam.Epoch, err error) {
	if err != nil {
		a.e.step(a, roam.UnregisterFailed{Epoch: epoch, Failure: fault.Failure(err)})
		return
	}
	a.e.step(a, roam.Unregistered{Epoch: epoch})
}
