package engine

import (
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
)

// This file keeps an account's stacks, by the epoch that they were opened for.

func (a *account) opened(epoch roam.Epoch, st *stack) {
	if a.stacks.Newest(epoch) != a.machine.Epoch() || a.e.quitting {
		st.drop()
		return
	}
	a.stacks.Opened(epoch, st)
	a.e.tellReady(false)
	if srv := st.Server(); srv != a.chosen {
		a.chosen = srv
		a.e.watchPeers()
	}
	if !a.machine.Wanted() && st.Transport() != locate.UDP { // no REGISTER will tell
		a.servers.Worked(st.Server())
	}
	a.view.Server, a.view.Transport = st.Server().Addr.String(), st.Transport().String()
	a.warn(st)
	a.e.step(a, roam.Opened{Epoch: epoch, Detail: way(st), Local: a.follows(st)})
	a.e.then(func() {
		if a.view.State == phone.RegistrationFailed { // to open it had failed, and nothing is to be registered
			a.view.State, a.view.Fault = phone.Unregistered, phone.Fault{}
			a.changed()
		}
		a.sayOwed()
		a.payDebts()
	})
}

// close drops the stack of an epoch, under every epoch that it served.
func (a *account) close(epoch roam.Epoch) {
	if st, ok := a.stacks.Close(epoch); ok {
		st.drop()
	}
}

// tellReady tells Ready, once: when every enabled account has its sockets, or
// at last with those that have.
func (e *Engine) tellReady(atLast bool) {
	if e.readyBy.IsZero() {
		return
	}
	ready, all := e.listening()
	if !all && !atLast {
		return
	}
	e.readyBy, e.isReady = time.Time{}, true
	e.tell(ready)
}
