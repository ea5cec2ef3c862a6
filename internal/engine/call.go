package engine

import (
	"context"
	"time"

	"ramble/audio/path"
	"ramble/audio/stream"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/sdp"
)

// call is one call at run time. It outlives stacks, paths, media sockets and
// dialogs.
type call struct {
	e    *Engine
	acct *account
	sip  *sip.Call // its dialog
	ear
	placing
	want      sdp.Direction // what the user wishes for
	act       *roam.Repair  // asked for and not reported yet
	waiting   bool          // it waits for our question to a STUN server
	replacing *replacing    // an INVITE of ours that is to take the dialog's place; nil: none
	answering bool
	silenced  bool
	ringUntil time.Time // incoming: the INVITE is good until then
	rangAt    time.Time // outgoing: when it began to ring; zero until then
	rowTold   roam.Call // what the policy knows
	view      phone.Call
}

// book is all calls, those that are over for a while too, and their dialogs.
type book struct {
	calls    map[phone.CallID]*call
	order    []phone.CallID // calls by number
	lastCall phone.CallID
	lastDial phone.Dial
	talks    talks
}

// ear is a call's sound and what was agreed on about it.
type ear struct {
	sock       *path.Transport // newest; the stream owns it once there is one
	stream     *stream.Stream
	stopStream context.CancelFunc
	mediaPath  netwatch.Path
	mediaEpoch roam.Epoch // of the newest sockets
	mapping    mapping
	terms      sdp.Negotiated // as agreed last
	host       mediaHost      // of the other side, where it names one
	agreed     sdp.Direction  // what both sides settled on, seen from here
	remoteHold bool
	silent     bool // no audio arrives although it should; the policy knows
	looked     time.Time
	reported   time.Time
}

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

// forgetOld keeps the list of ended calls short.
func (e *Engine) forgetOld() {
	over := 0
	for _, id := range e.order {
		if e.calls[id].over() {
			over++
		}
	}
	kept := e.order[:0]
	for _, id := range e.order {
		if over > e.parts.OldMax && e.calls[id].over() {
			over--
			delete(e.calls, id)
			continue
		}
		kept = append(kept, id)
	}
	e.order = kept
}

func (c *call) over() bool { return c.view.State == phone.Ended }

// liveCalls are the calls that have not ended, by number.
func (e *Engine) liveCalls() []*call {
	var live []*call
	for _, id := range e.order {
		if c := e.calls[id]; !c.over() {
			live = append(live, c)
		}
	}
	return live
}

// changed tells of the call.
func (c *call) changed() { c.e.tell(phone.CallChanged{Call: c.view}) }

// dial places a call.
func (e *Engine) dial(cmd phone.Dial) (phone.CallID, error) {
	a, err := e.account(cmd.Account)
	if err != nil {
		return 0, err
	}
	to, err := target(cmd.Target, a.sip)
	if err != nil {
		return 0, err
	}
	if _, err := a.stackFor(); err != nil {
		return 0, err
	}
	for _, other := range e.liveCalls() {
		if other.view.State == phone.Up && other.want.Sends() {
			other.hold(true) // one conversation at a time
		}
	}
	o := a.options()
	o.Target = to
	c := e.newCall(a, sip.NewCall(a.sip, a.auth, o), phone.Outgoing)
	c.target = to
	e.lastDial = cmd
	e.current = c.view.ID
	c.rowTold = c.row()
	e.step(a, roam.CallAdded{Call: c.rowTold})
	c.changed()
	c.place()
	return c.view.ID, nil
}

// place opens media and sends the INVITE.
func (c *call) place() {
	st, err := c.acct.stackFor()
	if err != nil {
		c.end(failedBy(phone.RequestFailed, 0, err))
		return
	}
	c.invite(st)
}

// end is the end of the call on our side: no more sound, no more repairs. How
// far the call had come is added to how it ended.
func (c *call) end(how phone.End) {
	if c.over() {
		return
	}
	c.endMedia()
	wasUp := c.view.State == phone.Up
	c.ended(how)
	c.view.Recovering, c.view.KeepUntil = false, time.Time{}
	c.view.Held = phone.HeldByNone
	c.endReplacing()
	c.dropGhosts()
	c.changed()
	e := c.e
	e.step(c.acct, roam.CallGone{ID: roam.CallID(c.view.ID)})
	if !wasUp && c.view.Direction == phone.Outgoing && how.Code >= 400 {
		e.busyTone()
	}
	if e.current == c.view.ID {
		e.current = e.successor()
	}
	e.watchPeers()
}

// grace is how long calls and their ends are kept after.
func (a *account) grace() time.Duration {
	if d := a.cfg.Policy.KeepFor; d > 0 {
		return d
	}
	return roam.DefaultPolicy().KeepFor
}
