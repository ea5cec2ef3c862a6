package engine

import (
	"context"
	"errors"
	"time"

	"ramble/audio/path"
	"ramble/audio/stream"
	"ramble/internal/engine/roam"
	"ramble/internal/phone"
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

	sock       *path.Socket // newest; the stream owns it once there is one
	stream     *stream.Stream
	stopStream context.CancelFunc
	mediaPath  netwatch.Path
	mediaEpoch roam.Epoch // of the newest sockets

	want       sdp.Direction // what we wish for
	asked      sdp.Direction // what we last offered or answered with
	agreed     sdp.Direction // what both sides settled on, seen from here
	remoteHold bool
	modifying  bool         // a re-INVITE or UPDATE of ours is out
	repairing  bool         // and it is a repair's own
	confirming int          // offers of theirs that are answered and not yet acknowledged
	glares     int          // in a row, of a hold or resume
	syncAt     time.Time    // not before: the wait after a glare; zero: none
	repairNext *roam.Repair // waits until our modification is back
	anew       *roam.Repair // the unanswered INVITE went out anew, nothing was heard of it yet
	silenced   bool
	silent     bool // no audio arrives although it should; the policy knows
	answering  bool
	target     sip.URI

	view     phone.Call
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
	c.sdp = sdp.NewLocal(a.path.Source, uint64(time.Now().UnixNano()), a.codecs())
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
	switch {
	case c.view.State == phone.Up && c.modifying && !c.repairing:
		r.State = roam.OfferPending
	case c.view.State == phone.Up:
		r.State = roam.Idle
	case c.view.Direction == phone.Incoming:
		r.State = roam.RingingHere
	default:
		r.State = roam.Calling
	}
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

// inviteLimit bounds an outgoing call that nobody answers: Timer C is three
// minutes in RFC 3261 16.6.
const inviteLimit = 3 * time.Minute

// place opens media and sends the INVITE. It is also the second half of a
// repair when an unanswered INVITE was lost with its path.
func (c *call) place() {
	e, a := c.e, c.acct
	st, err := a.stackFor()
	if err != nil {
		c.end(0, err.Error())
		return
	}
	source, iface := a.path.Source, a.path.Interface
	old := c.sock
	ours := c.sip
	e.job("INVITE", inviteLimit, func(ctx context.Context) {
		sock, err := e.openMedia(ctx, source, iface)
		if err != nil {
			e.post(func() { c.end(0, err.Error()) })
			return
		}
		offer, ok := ask(e, func() ([]byte, bool) {
			if old != nil {
				_ = old.Close()
			}
			if c.over() {
				return nil, false
			}
			c.sock, c.view.LocalMedia = sock, sock.RTP()
			return c.describe(c.want), true
		})
		if !ok {
			_ = sock.Close()
			return
		}
		ans, err := ours.Invite(ctx, st.Stack, offer, func(p sip.Progress) {
			e.post(func() { c.progress(ours, p) })
		})
		e.post(func() { c.invited(ours, ans, err) })
	})
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
	return c.sdp.Offer(c.sock.RTP(), c.sock.RTCP(), d)
}

// progress hears a provisional response.
func (c *call) progress(of *sip.Call, p sip.Progress) {
	if c.over() || c.sip != of || c.view.State == phone.Up {
		return
	}
	c.view.Code, c.view.Reason = p.Code, p.Reason
	c.placedAnew()
	switch {
	case p.Code == 100:
		c.view.State = max(c.view.State, phone.Trying)
	case len(p.SDP) > 0:
		if n, err := c.acceptAnswer(p.SDP); err == nil {
			c.view.State = phone.Early
			c.negotiated(n)
		}
	default:
		if c.view.State != phone.Early {
			c.view.State = phone.Ringing
		}
	}
	c.changed()
}

func (c *call) acceptAnswer(body []byte) (sdp.Negotiated, error) {
	remote, err := sdp.Parse(body)
	if err != nil {
		return sdp.Negotiated{}, err
	}
	return c.sdp.Accept(remote)
}

// invited hears the final answer to the INVITE.
func (c *call) invited(of *sip.Call, ans sip.Answer, err error) {
	if c.sip != of {
		return // a newer INVITE took its place
	}
	if c.over() {
		if err == nil { // answered while we hung up: the 2xx crossed our CANCEL
			c.bye()
		}
		return
	}
	if err != nil {
		if errors.Is(err, sip.ErrStackClosed) {
			return // the path went under it: the policy places it anew, or ends it
		}
		text, hint := sip.Explain(err)
		c.view.Hint = hint
		c.end(failure(err).Code, text)
		return
	}
	c.placedAnew()
	if len(ans.SDP) > 0 {
		n, err := c.acceptAnswer(ans.SDP)
		if err != nil {
			c.up()
			c.hangup("the answer cannot be used: " + err.Error())
			return
		}
		c.negotiated(n)
	}
	c.up() // after the media, so that the first "up" names the codec
	c.tellMachine()
	c.sync()
}

func (c *call) up() {
	c.view.State, c.view.Code, c.view.Reason, c.view.Hint = phone.Up, 200, "", ""
	c.view.Answered = time.Now()
	c.view.SIPCallID = c.sip.CallID()
	c.mediaPath = netwatch.Path{}
	c.e.current = c.view.ID
	c.changed()
}

// hangup ends the call from our side, whatever its state.
func (c *call) hangup(reason string) {
	switch {
	case c.over():
		return
	case c.view.State == phone.Up:
		c.end(0, reason)
		c.bye()
	case c.view.Direction == phone.Incoming:
		c.reject(603, reason)
	default:
		s := c.sip
		c.end(0, reason)
		c.e.farewellJob("CANCEL", func(ctx context.Context) { _ = s.Cancel(ctx) })
	}
}

// bye says goodbye, now or when there is a way again.
func (c *call) bye() {
	a, s := c.acct, c.sip
	st, err := a.stackFor()
	if err != nil {
		a.byes = append(a.byes, s)
		return
	}
	s.Move(st.Stack)
	e := c.e
	e.farewellJob("BYE", func(ctx context.Context) {
		if err := s.Bye(ctx); err != nil && failure(err).Kind != roam.Answered {
			e.post(func() { a.byes = append(a.byes, s) })
		}
	})
}

func (c *call) reject(code int, reason string) {
	s := c.sip
	c.end(code, reason)
	c.e.farewellJob("reject", func(ctx context.Context) { _ = s.Reject(ctx, code, "") })
}

// farewellJob is a job that Quit waits for, within its two seconds.
func (e *Engine) farewellJob(name string, fn func(ctx context.Context)) {
	e.leaving++
	e.job(name, 10*time.Second, func(ctx context.Context) {
		fn(ctx)
		e.post(func() { e.leaving = max(e.leaving-1, 0) })
	})
}

// end is the end of the call on our side: no more sound, no more repairs.
func (c *call) end(code int, reason string) {
	if c.over() {
		return
	}
	c.endMedia()
	wasUp := c.view.State == phone.Up
	c.view.State, c.view.Code, c.view.Reason = phone.Ended, code, reason
	c.view.Ended = time.Now()
	c.view.Recovering, c.view.KeepUntil = false, time.Time{}
	c.view.Held = phone.HeldByNone
	c.changed()
	e := c.e
	e.step(c.acct, roam.CallGone{ID: roam.CallID(c.view.ID)})
	if !wasUp && c.view.Direction == phone.Outgoing && code >= 400 {
		e.busyTone()
	}
	if e.current == c.view.ID {
		e.current = 0
		if live := e.liveCalls(); len(live) > 0 {
			e.current = live[len(live)-1].view.ID
		}
	}
	e.watchPeers()
}
