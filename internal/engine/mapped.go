package engine

import (
	"net/netip"

	"ramble/internal/engine/roam"
	"ramble/internal/phone"
	"ramble/sip"
)

// follows is the address of a stack whose Contact follows what others see;
// zero where it does not. Over TCP and TLS the port seen is that of a
// connection, at which nobody listens.
func (a *account) follows(st *stack) netip.AddrPort {
	if a.cfg.KeepContact || st.Transport() != sip.UDP {
		return netip.AddrPort{}
	}
	return st.Local()
}

// announce carries out roam.Announce.
func (a *account) announce(act roam.Announce) {
	st := a.stacks[act.Epoch]
	if st == nil {
		return
	}
	st.Announce(act.At)
	if act.At.IsValid() {
		a.e.say(phone.Info, a.cfg.Name+": reached at "+act.At.String()+" behind a NAT", "")
	}
}

// mapped hears where somebody outside sees a stack.
func (a *account) mapped(epoch roam.Epoch, ev sip.Mapped) {
	by := roam.ByServer
	if ev.STUN {
		by = roam.BySTUN
	}
	a.e.step(a, roam.Mapped{Epoch: epoch, By: by, At: ev.At})
}
