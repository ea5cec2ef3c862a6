package engine

import (
	"time"

	"ramble/audio/codec"
	"ramble/internal/engine/roam"
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
			ID: e.lastCall, Account: a.cfg.Name, Direction: d, Peer: uri, Name: name,
			SIPCallID: s.CallID(), Started: time.Now(),
		},
	}
	e.own(s, a, c)
	e.calls[c.view.ID] = c
	e.order = append(e.order, c.view.ID)
	e.forgetOld()
	return c
}

// options are what a dialog of the call is made of.
func (c *call) options() sip.CallOptions {
	o := c.acct.options()
	o.Target = c.target
	return o
}

func (a *account) options() sip.CallOptions {
	l := sdp.NewLocal(a.path.Source, uint64(time.Now().UnixNano()), a.codecs())
	l.Prefer(a.e.parts.Media.Frame)
	return sip.CallOptions{Session: l, Between: a.cfg.Policy.Between, Keep: a.grace()}
}

// grace is how long calls and their ends are kept after.
func (a *account) grace() time.Duration {
	if d := a.cfg.Policy.KeepFor; d > 0 {
		return d
	}
	return roam.DefaultPolicy().KeepFor
}

// codecs builds the account's preferences for the offer.
func (a *account) codecs() []sdp.Codec {
	list := make([]sdp.Codec, 0, len(a.cfg.Codecs))
	for _, name := range a.cfg.Codecs {
		f, err := codec.Named(name)
		if err != nil {
			continue // the configuration was checked; a build may lack one
		}
		list = append(list, sdp.Codec{Name: f.Name, ClockRate: f.ClockRate, Channels: f.Channels, Fmtp: f.Fmtp})
	}
	return list
}
