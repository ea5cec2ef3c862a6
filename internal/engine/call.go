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

// call is one call at run time. It outlives stacks, paths and media sockets.
type call struct {
	e     *Engine
	acct  *account
	sip   *sip.Call
	sdp   *sdp.Local
	offer *sdp.Session // theirs, while it waits for an answer

	sock       *path.Transport // newest; the stream owns it once there is one
	stream     *stream.Stream
	stopStream context.CancelFunc
	mediaPath  netwatch.Path
	mediaEpoch roam.Epoch // of the newest sockets
	mapping    mapping

	want       sdp.Direction // what we wish for
	asked      sdp.Direction // what we last offered or answered with
	agreed     sdp.Direction // what both sides settled on, seen from here
	remoteHold bool
	modifying  bool               // a re-INVITE or UPDATE of ours is out
	repairing  bool               // and it is a repair's own
	confirming int                // offers of theirs that are answered and not yet acknowledged
	glares     int                // in a row, of a hold or resume
	syncAt     time.Time          // not before: the wait after a glare; zero: none
	abort      context.CancelFunc // of the modification that is out
	theirs     *sip.Offered       // waits until the loop has heard of the answer to ours, see offered
	act        *roam.Repair       // asked for and not reported yet
	repairNext *roam.Repair       // waits until our modification is back, or our question to a STUN server
	placing    int                // counts INVITEs of ours, so that an older one knows
	anew       *roam.Repair       // the unanswered INVITE went out anew, nothing was heard of it yet
	ghosts     []*sip.Call        // INVITEs that were lost with their path, oldest first
	answered   bool               // a reliable provisional response held the answer
	replacing  context.CancelFunc // of our INVITE with Replaces that is out
	parted     *sip.Ended         // the end of the old dialog, heard while replacing
	silenced   bool
	silent     bool // no audio arrives although it should; the policy knows
	answering  bool
	accepting  bool      // and our 200 is out
	ringUntil  time.Time // incoming: the INVITE is good until then
	target     sip.URI

	view     phone.Call
	rangAt   time.Time // outgoing: when it began to ring; zero until then
	looked   time.Time
	reported time.Time
}

func (e *Engine) newCall(a *account, s *sip.Call, d phone.Direction) *call {
	e.lastCall++
	uri, name := s.Peer()
	c := &call{
		e: e, acct: a, sip: s, want: sdp.SendRecv, asked: sdp.SendRecv, agreed: sdp.SendRecv,
		view: phone.Call{
			ID: e.lastCall, Account: a.cfg.Name, Direction: d, Peer: uri, Name: name,
			SIPCallID: s.CallID(), Started: time.Now(),
		},
	}
	c.sdp = c.newSession()
	e.calls[c.view.ID] = c
	e.order = append(e.order, c.view.ID)
	e.forgetOld()
	return c
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

// row is the call as the roaming policy sees it.
func (c *call) row() roam.Call {
	r := roam.Call{
		ID: roam.CallID(c.view.ID), OwnsCallID: c.sip.OwnsCallID(),
		AudioDue: c.agreed.Receives() && !c.remoteHold,
	}
	isUp := c.view.State == phone.Up
	switch {
	case isUp && c.modifying && !c.repairing:
		r.State = roam.OfferPending
	case isUp && !c.modifying && c.sip.Unfinished():
		r.State, r.OfferLost = roam.OfferPending, true
	case isUp && c.confirming > 0, c.accepting:
		r.State = roam.AnswerDue
	case isUp:
		r.State = roam.Idle
	case c.view.Direction == phone.Incoming:
		r.State = roam.RingingHere
	default:
		r.State, r.Early = roam.Calling, c.stream != nil && c.sip.EarlyUpdate()
	}
	r.Replaceable = r.State != roam.Calling && c.sip.Replaceable()
	return r
}

// tellMachine keeps the policy's picture of the call true.
func (c *call) tellMachine() {
	if !c.over() {
		c.e.step(c.acct, roam.CallChanged{Call: c.row()})
	}
}

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
	c := e.newCall(a, sip.NewCall(a.sip, a.auth, to), phone.Outgoing)
	c.target = to
	e.lastDial = cmd
	e.current = c.view.ID
	e.step(a, roam.CallAdded{Call: c.row()})
	c.changed()
	c.place()
	return c.view.ID, nil
}

// ask runs fn on the loop and waits for what it says; false also once the loop
// has ended. For jobs only.
func ask[T any](e *Engine, fn func() (T, bool)) (T, bool) {
	type said struct {
		v  T
		ok bool
	}
	answer := make(chan said, 1)
	accepted := e.post(func() {
		v, ok := fn()
		answer <- said{v, ok}
	})
	if !accepted {
		var zero T
		return zero, false
	}
	s := <-answer // the loop runs all that it accepted
	return s.v, s.ok
}

// describe makes an offer with the present media address.
func (c *call) describe(d sdp.Direction) []byte {
	return c.sdp.Offer(c.transport(), d)
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
	if c.replacing != nil {
		c.replacing()
	}
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
