package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"ramble/audio/path"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip"
	"ramble/sip/dialog"
)

// This file places calls, and places them anew when their path goes before
// they are answered. It also gives a call another dialog (RFC 3891), because one
// side or both lost the way of the old one: the row, the sound and the sockets
// stay.

const (
	// settlePatience bounds the wait for the answer to a CANCEL by a new path;
	// what follows does not depend on it.
	settlePatience = time.Second
	// maxGhosts bounds the INVITEs of one call whose fate is unknown.
	maxGhosts = 3
)

// invite opens media on a stack's path; the INVITE follows.
func (c *call) invite(st *stack) {
	e, a := c.e, c.acct
	source, iface := a.path.Source, a.path.Interface
	stun := sameFamily(a.stun, source)
	c.count++
	c.ready = nil
	n := c.count
	e.job("open media", mediaJobLimit, func(ctx context.Context) {
		sock, err := e.openMedia(ctx, source, iface, stun)
		if !e.post(func() { c.mediaForInvite(n, st, sock, err) }) && sock != nil {
			_ = sock.Close()
		}
	})
}

func (c *call) mediaForInvite(n int, st *stack, sock *path.Transport, err error) {
	a := c.acct
	switch {
	case err != nil:
		if !c.over() && a.stacks.At(a.machine.Epoch()) == st { // else the path went, and it is placed anew
			c.end(failedBy(phone.NoSocket, 0, err))
		}
		return
	case c.over() || c.count != n || c.view.State == phone.Up:
		_ = sock.Close()
		return
	}
	if c.sock != nil && c.stream == nil {
		_ = c.sock.Close()
	}
	c.sock, c.view.LocalMedia, c.ready = sock, sock.RTP(), st
	c.dialWhenReady()
}

// dialWhenReady dials once the media are there and the CANCELs of what was lost
// are answered.
func (c *call) dialWhenReady() {
	if c.over() || c.ready == nil {
		return
	}
	if time.Now().Before(c.until) && slices.ContainsFunc(c.ghosts, func(g *sip.Call) bool { return !g.IsOver() }) {
		return
	}
	c.until = time.Time{}
	if len(c.ghosts) > 0 {
		c.list = nil
		for _, g := range slices.Backward(c.ghosts) {
			c.list = append(c.list, g.Replacements(func() sip.CallOptions { return c.acct.options(c.target) })...)
		}
		c.list = append(c.list, sip.NewCall(c.acct.sip, c.acct.auth, c.acct.options(c.target)))
	}
	st := c.ready
	c.ready = nil
	c.dialNext(st)
}

// dialNext dials the next of the list.
func (c *call) dialNext(st *stack) {
	if len(c.list) > 0 {
		c.sip, c.list = c.list[0], c.list[1:]
		c.view.SIPCallID = c.sip.CallID()
	}
	c.view.NextHop, _ = st.Leads(c.target)
	c.e.own(c.sip, c.acct, c)
	c.e.told(c.sip, c.sip.Dial(time.Now(), st.Stack, c.wish()))
}

// notReplaced says that a plain INVITE is to follow one that was to replace
// another (RFC 3891 3): the peer did not answer that one, cannot replace it, or
// takes it for over; or a server on the way says no. What a person said stands.
func notReplaced(err error) bool {
	var res *sip.ResponseError
	var refused *sip.RefusedError
	if !errors.As(err, &res) || errors.As(err, &refused) {
		return false
	}
	switch res.Code {
	case 486, 600, 607:
		return false
	}
	return true
}

// notTaken hears that the present INVITE came to nothing; false: that is the
// end of the call.
func (c *call) notTaken(e dialog.Ended) bool {
	if len(c.list) == 0 || e.How != dialog.Rejected || !notReplaced(e.Err) {
		return false
	}
	st, err := c.acct.stackFor()
	if err != nil {
		return false
	}
	if e.Code != 481 { // a phone that does not know Replaces must not have the call twice
		for _, g := range c.ghosts {
			c.e.feed(g, dialog.PartForks{})
		}
	}
	c.dialNext(st)
	return true
}

// inviteAnew takes the place of an INVITE that was lost with its path. The
// server may still hold it: CANCEL by the new path (RFC 3261 9.1). It may also
// have been answered, its 2xx lost, and a 200 to the CANCEL does not deny that
// (RFC 3261 9.2); so where it rang, the peer is asked to replace what it holds,
// and only if it holds nothing it rings again. The row stays the same.
func (c *call) inviteAnew(act *roam.Repair, st *stack) {
	e := c.e
	if c.ghosts = append(c.ghosts, c.sip); len(c.ghosts) > maxGhosts {
		e.feed(c.ghosts[0], dialog.Drop{})
		c.ghosts = c.ghosts[1:]
	}
	c.view.State = phone.Dialing
	if c.stream != nil { // early media of the old dialog
		e.parts.Desk.Remove(int(c.view.ID))
		c.stopStream()
		c.stream, c.sock = nil, nil
	}
	c.changed()
	c.anew, c.ready, c.list = act, nil, nil
	c.until = time.Now().Add(settlePatience)
	c.sip = sip.NewCall(c.acct.sip, c.acct.auth, c.acct.options(c.target))
	for _, g := range slices.Clone(c.ghosts) {
		e.moveTo(g, st)
		e.feed(g, dialog.Hangup{Spare: true})
	}
	c.invite(st)
}

// placedAnew reports the first word heard of an INVITE that was sent anew.
func (c *call) placedAnew() {
	if act := c.anew; act != nil {
		c.anew = nil
		c.e.step(c.acct, roam.Repaired{Epoch: act.Epoch, Call: act.Call})
	}
}

// dropGhosts forgets the INVITEs that were lost: what took their place was
// answered. A 2xx that still comes to one is acknowledged and hung up.
func (c *call) dropGhosts() {
	ghosts := c.ghosts
	c.ghosts, c.list = nil, nil
	for _, g := range ghosts {
		if g != c.sip {
			c.e.own(g, c.acct, nil)
			c.e.feed(g, dialog.Drop{})
		}
	}
}

// replaceLimit bounds one INVITE with Replaces: phones answer it unasked.
const replaceLimit = 4 * time.Second

var errNotReplaceable = errors.New("there is no dialog to replace")

// replace asks the peer, at its address of record, to take a new dialog for the
// one whose refresh stays unanswered: it may have moved as well.
func (c *call) replace(act *roam.Repair, st *stack) {
	e := c.e
	e.feed(c.sip, dialog.Forgo{}) // the refresh that nobody answers
	c.endReplacing()
	target, err := sip.ParseURI(c.view.Peer)
	list := c.sip.Replacements(func() sip.CallOptions { return c.acct.options(target) })
	if err != nil || len(list) == 0 || c.sock == nil {
		c.outcome(act, "", errors.Join(errNotReplaceable, err))
		return
	}
	next := list[0]
	c.replacing = &replacing{by: next, act: act, until: time.Now().Add(replaceLimit)}
	e.own(next, c.acct, c)
	e.told(next, next.Dial(time.Now(), st.Stack, c.wish()))
}

// hearReplacing hears of it.
func (c *call) hearReplacing(act dialog.Action) {
	r := c.replacing
	switch act := act.(type) {
	case dialog.Apply:
		r.terms = &act.Negotiated
	case dialog.Established:
		c.replaced(r)
	case dialog.Ended:
		c.replacing = nil
		c.e.own(r.by, c.acct, nil)
		c.notReplaced(r, act.Err)
	default: // how it rings there is of no interest, and the rest is not ours
	}
}

// replaced takes over the dialog that the peer accepted for the old one, which
// it hangs up where it can (RFC 3891 3).
func (c *call) replaced(r *replacing) {
	old := c.adopt(r.by)
	c.e.own(old, c.acct, nil)
	c.e.feed(old, dialog.Drop{})
	if r.terms != nil {
		c.negotiated(*r.terms)
	}
	c.outcome(r.act, "INVITE with Replaces 200 OK", nil)
}

// notReplaced: it came to nothing.
func (c *call) notReplaced(r *replacing, err error) {
	if r.parted != nil { // it was no more than a hang-up
		c.endBy(*r.parted)
		return
	}
	if err == nil {
		err = sip.ErrTimeout
	}
	c.outcome(r.act, "", err)
}

// endReplacing gives up an INVITE that is to replace the dialog.
func (c *call) endReplacing() (r *replacing) {
	if r = c.replacing; r == nil {
		return nil
	}
	c.replacing = nil
	c.e.own(r.by, c.acct, nil)
	c.e.feed(r.by, dialog.Hangup{})
	return r
}

// replacingLate ends it when nobody answers.
func (c *call) replacingLate(now time.Time) {
	if c.replacing == nil || now.Before(c.replacing.until) {
		return
	}
	c.notReplaced(c.endReplacing(), sip.ErrTimeout)
}

// hungUp hears the end of the call's dialog. While an INVITE of ours asks to
// replace it, that may be the peer doing so: its BYE to the old dialog (RFC 3891
// 3) can overtake its 2xx to the new one.
func (c *call) hungUp(e dialog.Ended) {
	switch {
	case c.replacing != nil && c.view.State == phone.Up && e.By == dialog.Peer:
		c.replacing.parted = &e
	case c.notTaken(e):
	default:
		c.endBy(e)
	}
}

// adopt makes a dialog the call's own and returns the one before.
func (c *call) adopt(next *sip.Call) (old *sip.Call) {
	old = c.sip
	c.sip = next
	c.e.own(next, c.acct, c)
	c.replacing, c.answering, c.waiting = nil, false, false
	c.view.SIPCallID = next.CallID()
	c.changed()
	return old
}

// takenOver answers an INVITE that replaces the call: the peer moved while we
// did, or never heard our answer. It is answered unasked where the call is up
// or our answer to it is out; where it still rings there, it is the peer that
// answers by this.
func (c *call) takenOver(next *sip.Call) {
	e := c.e
	refuse := func(code int) { e.reject(c.acct, next, code, nil) }
	switch {
	case c.over() || c.sock == nil:
		refuse(603)
		return
	case c.replacing != nil && c.sip.OwnsCallID(): // both at once: who made the Call-ID wins
		refuse(491)
		return
	}
	e.own(next, c.acct, nil)
	acts := next.Step(time.Now(), dialog.Accept{Wish: c.wish()})
	if next.State() != dialog.Accepted {
		return // it refused an offer that cannot be used
	}
	c.endReplacing()
	act, up, unheard := c.act, c.view.State == phone.Up, c.sip.State() == dialog.Accepted
	c.count++ // whatever is being placed
	old := c.adopt(next)
	e.own(old, c.acct, nil)
	switch {
	case up: // RFC 3891 3; once, since its address is most likely gone
		e.feed(old, dialog.Hangup{Once: true})
	case unheard:
		e.feed(old, dialog.Drop{})
	default:
		e.feed(old, dialog.Hangup{})
	}
	e.told(next, acts)
	e.then(func() {
		if !up {
			c.up()
		}
		c.say(phone.Info, phone.News{Kind: phone.CallTakenUp, Name: words.Who(c.view)})
		c.tellMachine()
		if act != nil {
			// What was asked for was the old dialog's; the refresh comes again, in
			// the new one.
			c.outcome(act, "", &replacedError{})
		}
	})
}

// replacedError ends a repair whose dialog the peer replaced.
type replacedError struct{}

func (*replacedError) Error() string { return "the other side replaced the dialog" }

// Unwrap makes it an end of ours: it is tried again at once.
func (*replacedError) Unwrap() error { return sip.ErrCancelled }
