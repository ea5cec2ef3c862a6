package engine

import (
	"time"

	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/sdp"
)

// This file makes calls, with what their account lets them offer.

func (e *Engine) newCall(a *account, s *sip.Call, d phone.Direction) *call {
	e.lastCall++
	uri, name := s.Peer()
	c := &call{
		e: e, acct: a, sip: s, want: sdp.SendRecv, ear: ear{agreed: sdp.SendRecv},
		view: phone.Call{
			ID: e.lastCall, Account: a.cfg.Name, Direction: d,
			Whom: phone.Whom{Peer: uri, Name: name, SIPCallID: s.CallID()}, Times: phone.Times{Started: time.Now()},
		},
	}
	e.own(s, a, c)
	e.calls[c.view.ID] = c
	e.order = append(e.order, c.view.ID)
	e.forgetOld()
	return c
}

// options are what a dialog with a target is made of; incoming ones have none.
func (a *account) options(target sip.URI) sip.CallOptions {
	l := sdp.NewLocal(a.path.Source, uint64(time.Now().UnixNano()), a.codecs)
	l.Prefer(a.e.parts.Media.Frame)
	return sip.CallOptions{Target: target, Session: l, Between: a.cfg.Policy.Between, Keep: a.cfg.Policy.KeepFor}
}
