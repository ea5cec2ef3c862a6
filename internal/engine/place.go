package engine

import (
	"context"
	"errors"
	"time"

	"ramble/audio/path"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/sdp"
)

// This file places calls, and places them anew when their path goes before
// they are answered.

const (
	// inviteLimit bounds an outgoing call that nobody answers: Timer C is three
	// minutes in RFC 3261 16.6.
	inviteLimit = 3 * time.Minute
	// settlePatience bounds the wait for the answer to a CANCEL by a new path;
	// what follows does not depend on it.
	settlePatience = time.Second
	// maxGhosts bounds the INVITEs of one call whose fate is unknown.
	maxGhosts = 3
)

// place opens media and sends the INVITE.
func (c *call) place() {
	st, err := c.acct.stackFor()
	if err != nil {
		c.end(failedBy(phone.RequestFailed, 0, err))
		return
	}
	first := c.sip
	c.invite(st, func(context.Context) []*sip.Call { return []*sip.Call{first} })
}

// invite opens media and sends an INVITE for each candidate, until one is
// answered other than by 481 and the like. prepare, which runs on the job,
// names the candidates, of which the last one replaces nothing.
func (c *call) invite(st *stack, prepare func(context.Context) []*sip.Call) {
	e, a := c.e, c.acct
	source, iface := a.path.Source, a.path.Interface
	stun := a.stunFor(source)
	c.placing++
	placing, ghosts := c.placing, append([]*sip.Call(nil), c.ghosts...)
	e.job("INVITE", inviteLimit, func(ctx context.Context) {
		list := prepare(ctx)
		sock, err := e.openMedia(ctx, source, iface, stun)
		if err != nil {
			e.post(func() {
				if a.stacks[a.machine.Epoch()] == st { // else the path went, and it is placed anew
					c.end(failedBy(phone.NoSocket, 0, err))
				}
			})
			return
		}
		if !c.takeSocket(placing, sock) {
			_ = sock.Close()
			return
		}
		for i, candidate := range list {
			offer, ok := ask(e, func() ([]byte, bool) { return c.offerOf(placing, candidate) })
			if !ok {
				return
			}
			ans, err := candidate.Invite(ctx, st.Stack, offer, func(p sip.Progress) {
				e.post(func() { c.progress(candidate, p) })
			})
			if i < len(list)-1 && notReplaced(err) {
				c.cannotReplace(ctx, err, ghosts)
				continue
			}
			e.post(func() { c.invited(candidate, ans, err) })
			return
		}
	})
}

// takeSocket gives a call that is placed its media socket.
func (c *call) takeSocket(placing int, sock *path.Transport) bool {
	_, ok := ask(c.e, func() (struct{}, bool) {
		if c.over() || c.placing != placing || c.view.State == phone.Up {
			return struct{}{}, false
		}
		if c.sock != nil && c.stream == nil {
			_ = c.sock.Close()
		}
		c.sock, c.view.LocalMedia = sock, sock.RTP()
		return struct{}{}, true
	})
	return ok
}

// offerOf makes a candidate the call's dialog, with a session of its own.
func (c *call) offerOf(placing int, candidate *sip.Call) ([]byte, bool) {
	if c.over() || c.placing != placing || c.view.State == phone.Up {
		return nil, false
	}
	if c.sip != candidate {
		c.sip = candidate
		c.view.SIPCallID = candidate.CallID()
		c.sdp, c.answered = c.newSession(), false
	}
	return c.describe(c.want), true
}

// newSession is our half of a dialog's session.
func (c *call) newSession() *sdp.Local {
	l := sdp.NewLocal(c.acct.path.Source, uint64(time.Now().UnixNano()), c.acct.codecs())
	l.Prefer(c.e.parts.Frame)
	return l
}

// notReplaced says that the peer did not answer the INVITE that was to be
// replaced, or cannot replace it: then a plain one follows (RFC 3891 3).
func notReplaced(err error) bool {
	var res *sip.ResponseError
	if !errors.As(err, &res) {
		return false
	}
	switch res.Code {
	case 403, 420, 481:
		return true
	}
	return false
}

// cannotReplace ends what a phone may hold that does not know Replaces, so that
// it does not have the call twice.
func (c *call) cannotReplace(ctx context.Context, err error, ghosts []*sip.Call) {
	if failure(err).Code == 481 {
		return // it holds nothing
	}
	ctx, done := context.WithTimeout(ctx, settlePatience)
	defer done()
	for _, g := range ghosts {
		g.HangUpForks(ctx)
	}
}

// inviteAnew takes the place of an INVITE that was lost with its path. The
// server may still hold it: CANCEL by the new path (RFC 3261 9.1). It may also
// have been answered, its 2xx lost, and a 200 to the CANCEL does not deny that
// (RFC 3261 9.2); so where it rang, the peer is asked to replace what it holds,
// and only if it holds nothing it rings again. The row stays the same.
func (c *call) inviteAnew(act *roam.Repair, st *stack) {
	a := c.acct
	if c.ghosts = append(c.ghosts, c.sip); len(c.ghosts) > maxGhosts {
		c.ghosts[0].Drop()
		c.ghosts = c.ghosts[1:]
	}
	ghosts := append([]*sip.Call(nil), c.ghosts...)
	c.view.State = phone.Dialing
	if c.stream != nil { // early media of the old dialog
		c.e.parts.Desk.Remove(int(c.view.ID))
		c.stopStream()
		c.stream, c.sock = nil, nil
	}
	c.changed()
	c.anew = act
	target := c.target
	c.invite(st, func(ctx context.Context) []*sip.Call {
		var list []*sip.Call
		for _, g := range ghosts {
			g.Move(st.Stack)
			settle, done := context.WithTimeout(ctx, settlePatience)
			_ = g.Cancel(settle) // whatever it says, see above
			done()
		}
		for i := len(ghosts) - 1; i >= 0; i-- {
			list = append(list, ghosts[i].Replacements(target)...)
		}
		return append(list, sip.NewCall(a.sip, a.auth, target))
	})
}

// placedAnew reports the first word heard of an INVITE that was sent anew.
func (c *call) placedAnew() {
	if act := c.anew; act != nil {
		c.anew = nil
		c.e.step(c.acct, roam.Repaired{Epoch: act.Epoch, Call: act.Call})
	}
}

// progress hears a provisional response.
func (c *call) progress(of *sip.Call, p sip.Progress) {
	if c.over() || c.sip != of || c.view.State == phone.Up {
		return
	}
	c.view.Code, c.view.Reason = p.Code, p.Reason
	c.placedAnew()
	if p.Code > 100 && c.rangAt.IsZero() {
		c.rangAt = time.Now()
	}
	switch {
	case p.Code == 100:
		c.view.State = max(c.view.State, phone.Trying)
	case len(p.SDP) > 0:
		c.early(p)
	default:
		if c.view.State != phone.Early {
			c.view.State = phone.Ringing
		}
	}
	c.changed()
	c.tellMachine()
}

// early takes what a provisional response says of the media: the answer where
// it is reliable, else a preview of it.
func (c *call) early(p sip.Progress) {
	remote, err := sdp.Parse(p.SDP)
	if err != nil {
		return
	}
	var n sdp.Negotiated
	if p.Reliable {
		n, err = c.sdp.Accept(remote)
		c.answered = c.answered || err == nil
	} else {
		n, err = c.sdp.Preview(remote)
	}
	if err == nil {
		c.view.State = phone.Early
		c.negotiated(n)
		c.nextOffer()
	}
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
		c.dropGhosts()
		c.end(c.notInvited(err))
		return
	}
	c.placedAnew()
	c.dropGhosts()
	if len(ans.SDP) > 0 && !c.answered { // else it repeats what a reliable 183 said (RFC 3262 5)
		n, err := c.acceptAnswer(ans.SDP)
		if err != nil {
			c.up()
			c.hangup(failedBy(phone.Unusable, 0, err))
			return
		}
		c.negotiated(n)
	}
	c.answered = false
	c.up() // after the media, so that the first "up" names the codec
	c.nextOffer()
	c.tellMachine()
	c.sync()
}

// dropGhosts forgets the INVITEs that were lost: what took their place was
// answered. A 2xx that still comes to one is acknowledged and hung up.
func (c *call) dropGhosts() {
	for _, g := range c.ghosts {
		if g != c.sip {
			g.Drop()
		}
	}
	c.ghosts = nil
}

func (c *call) up() {
	c.view.State, c.view.Code, c.view.Reason, c.view.Hint = phone.Up, 200, "", ""
	if c.view.Answered.IsZero() {
		c.view.Answered = time.Now()
	}
	c.view.SIPCallID = c.sip.CallID()
	c.mediaPath = netwatch.Path{}
	c.e.current = c.view.ID
	c.changed()
}
