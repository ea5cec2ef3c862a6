package engine

import (
	"context"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/sdp"
)

// modifyLimit bounds one re-INVITE or UPDATE: Timer B (RFC 3261 17.1.1.2).
const modifyLimit = 32 * time.Second

// hold wishes for hold or its end; sync makes it so.
func (c *call) hold(on bool) {
	c.want = sdp.SendRecv
	if on {
		c.want = sdp.SendOnly
	}
	c.sync()
}

// sync sends a re-INVITE when what we wish for is not what was agreed on. It
// is level-triggered: whoever changes a wish, or finishes a modification,
// calls it.
func (c *call) sync() {
	if c.view.State != phone.Up || c.modifying || c.confirming > 0 || c.repairNext != nil || c.view.Recovering {
		return
	}
	if c.want == c.asked || time.Now().Before(c.syncAt) {
		return
	}
	c.modify(sip.Reinvite, func(err error) {
		if err == nil {
			c.glares = 0
			return
		}
		f := failure(err)
		if f.Kind == roam.Cancelled || c.acct.roam != nil && f.Kind != roam.Answered {
			return // its path went: the repair carries the wish along
		}
		if wait, again := c.syncAgain(f); again {
			c.glares++
			c.syncAt = time.Now().Add(wait)
			return
		}
		text, hint := sip.Explain(err)
		c.e.say(phone.Warn, "hold or resume failed: "+text, hint)
		c.want, c.glares = c.asked, 0
	})
}

// syncAgain says whether a hold or resume that came to nothing is tried again:
// both sides changed the call at once (RFC 3261 14.1: 491, 14.2: 500), or the
// socket said no, which a roam often begins with.
func (c *call) syncAgain(f roam.Failure) (wait time.Duration, again bool) {
	glare := f.Kind == roam.Answered && (f.Code == 491 || f.Code == 500)
	if c.glares >= maxGlares || !glare && f.Kind != roam.Transport {
		return 0, false
	}
	return max(c.acct.cfg.Policy.GlareWait(c.sip.OwnsCallID()), f.RetryAfter), true
}

// maxGlares is how often a hold or resume is tried again when it crosses a
// change of the peer's.
const maxGlares = 4

// modify sends one offer with the present media address and hands the
// outcome to done, on the loop. One at a time (RFC 3261 14.1). What is left of
// an offer before it is cleared away first.
func (c *call) modify(m sip.Method, done func(error)) {
	e, s := c.e, c.sip
	c.modifying = true
	asked, said := c.want, c.mapping.said
	offer := c.describe(asked)
	run, abort := context.WithCancel(e.ctx)
	c.abort = abort
	if !c.repairing {
		c.tellMachine()
	}
	e.job(m.String(), modifyLimit, func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(run, cancel)()
		if s.Unfinished() {
			settle, settled := context.WithTimeout(ctx, settlePatience)
			_ = s.Settle(settle) // 500 and 491 to what follows are expected
			settled()
		}
		ans, err := s.Modify(ctx, m, offer)
		e.post(func() {
			abort()
			if c.over() || c.sip != s {
				return // it ended, or another dialog took its place
			}
			if err != nil && !c.repairing {
				c.mapping.said = said // the peer took nothing
			}
			c.modified(asked, ans, err, done)
		})
	})
}

// modified hears the answer to an offer of ours.
func (c *call) modified(asked sdp.Direction, ans sip.Answer, err error, done func(error)) {
	c.modifying, c.repairing, c.abort = false, false, nil
	if err == nil {
		c.asked = asked
	}
	if err == nil && len(ans.SDP) > 0 {
		var n sdp.Negotiated
		if n, err = c.acceptAnswer(ans.SDP); err == nil {
			c.negotiated(n)
		}
	}
	c.nextOffer()
	done(err)
	c.tellMachine()
	if next := c.repairNext; next != nil {
		c.repairNext = nil
		c.repair(*next)
		return
	}
	c.sync()
}

// repair carries out roam.Repair: the call moves to the epoch's stack and is
// refreshed there.
func (c *call) repair(act roam.Repair) {
	a := c.acct
	st := a.stacks[act.Epoch]
	if c.over() {
		return
	}
	c.act, c.repairNext = &act, nil
	if st == nil {
		c.outcome(&act, "", &noConnection{})
		return
	}
	switch {
	case act.How == roam.ByNewInvite:
		c.inviteAnew(&act, st)
		return
	case act.How == roam.ByReplaces:
		c.replace(&act, st)
		return
	case c.modifying, c.awaitsMapping():
		// Ours is out on another stack: if that one died it fails at once and its
		// end starts this repair. Or a STUN server is to say what to describe.
		c.repairNext = &act
		return
	case act.How == roam.ByAnswer:
		c.answerAgain(&act, st)
		return
	}
	c.refreshBy(&act, st)
}

// refreshBy sends the refresh of a repair.
func (c *call) refreshBy(act *roam.Repair, st *stack) {
	c.sip.Move(st.Stack)
	m := sip.Reinvite
	if act.How == roam.ByEarlyUpdate || act.How == roam.ByUpdate && c.sip.PeerAllows("UPDATE") {
		m = sip.Update
	}
	if act.How == roam.ByPlainCodecs {
		c.sdp.Narrow()
	}
	c.refreshWith(act, m)
}

func (c *call) refreshWith(act *roam.Repair, m sip.Method) {
	c.repairing = true
	c.modify(m, func(err error) {
		if err != nil && c.accepting {
			// The caller has not heard our 200 yet, by whatever it says.
			err = &unheardError{err}
		}
		c.outcome(act, repairWord(m)+" 200 OK", err)
	})
}

// unheardError is an answer to what the other side could not place.
type unheardError struct{ err error }

func (e *unheardError) Error() string { return "our answer is not confirmed: " + e.err.Error() }

// Unwrap makes it a silence, after which it is tried again.
func (*unheardError) Unwrap() error { return sip.ErrTimeout }

// outcome reports a repair, unless another took its place.
func (c *call) outcome(act *roam.Repair, detail string, err error) {
	if c.act != act {
		return
	}
	c.act = nil
	e := c.e
	if err != nil {
		e.step(c.acct, roam.RepairFailed{Epoch: act.Epoch, Call: act.Call, Failure: failure(err)})
		return
	}
	c.view.KeepUntil = time.Time{}
	c.changed()
	e.step(c.acct, roam.Repaired{Epoch: act.Epoch, Call: act.Call, Detail: detail})
}

// noConnection: the stack of a repair is not there.
type noConnection struct{}

func (*noConnection) Error() string { return "no connection" }

// Unwrap makes it an end of ours.
func (*noConnection) Unwrap() error { return sip.ErrStackClosed }

// ackPatience is how long an answer of ours may go unacknowledged, once it was
// repeated by the new path, until the refresh follows: the ACK may have been
// lost on the old one, or the peer may have moved as well.
const ackPatience = 500 * time.Millisecond

// answerAgain repeats our answer to an offer of theirs, by the new path and
// with the new address, and refreshes the call after the ACK: which of the two
// answers the peer has heard is not known. Nor does an ACK that it kept reach
// us, since that goes to where we were; so the refresh comes after a while even
// without one. In a call that rang here, and is none before the ACK, an UPDATE
// is in order at that point (RFC 3311 5.1), where the peer knows it.
func (c *call) answerAgain(act *roam.Repair, st *stack) {
	e, s := c.e, c.sip
	s.Move(st.Stack)
	if body := c.sdp.Elsewhere(c.transport()); body != nil {
		s.Reanswer(body)
	}
	acked := s.Acknowledged()
	e.job("wait for the ACK", modifyLimit, func(ctx context.Context) {
		enough := time.NewTimer(ackPatience)
		defer enough.Stop()
		select {
		case <-acked:
		case <-enough.C:
		case <-s.Over():
		case <-ctx.Done():
		}
		e.post(func() {
			switch {
			case c.over() || c.sip != s || c.act != act:
			case c.modifying:
				c.repairNext = act
			case c.accepting && s.PeerAllows("UPDATE"):
				c.refreshWith(act, sip.Update)
			default:
				c.refreshWith(act, sip.Reinvite)
			}
		})
	})
}

func repairWord(m sip.Method) string {
	if m == sip.Update {
		return "UPDATE"
	}
	return "re-INVITE"
}

// offered answers a re-INVITE or UPDATE of the peer (RFC 3261 14.2).
func (c *call) offered(ev sip.Offered) {
	e := c.e
	if c.over() || c.sock == nil {
		e.farewellJob("refuse offer", func(context.Context) { _ = ev.Refuse(481) })
		return
	}
	if c.sdp.Offering() && (c.modifying || c.view.State != phone.Up && c.view.Direction == phone.Outgoing) {
		// A dialog takes no offer while one of ours is out, so the answer to that
		// is here, and overtaken on its way to the loop: first things first.
		c.theirs = &ev
		return
	}
	if len(ev.Offer) == 0 { // delayed offer: ours goes into the 2xx
		body := c.describe(c.want)
		c.confirm(ev, body)
		return
	}
	remote, err := sdp.Parse(ev.Offer)
	if err == nil {
		var body []byte
		var n sdp.Negotiated
		if body, n, err = c.sdp.Answer(remote, c.transport(), c.want); err == nil {
			c.asked = c.want
			c.negotiated(n)
			c.tellMachine()
			c.confirm(ev, body)
			return
		}
	}
	e.say(phone.Warn, "refused a change the other side asked for: "+err.Error(), "")
	e.job("refuse offer", modifyLimit, func(context.Context) { _ = ev.Refuse(488) })
}

// nextOffer answers the offer that came before its turn.
func (c *call) nextOffer() {
	if ev := c.theirs; ev != nil {
		c.theirs = nil
		c.offered(*ev)
	}
}

// confirm sends our half of an exchange that the peer began. Until it has
// acknowledged, an offer of ours would cross its own (RFC 3261 14.1).
func (c *call) confirm(ev sip.Offered, body []byte) {
	c.confirming++
	c.tellMachine()
	s := c.sip
	c.e.job("answer offer", modifyLimit, func(ctx context.Context) {
		_ = ev.Answer(ctx, body)
		c.e.post(func() {
			if c.sip == s { // else another dialog took its place
				c.confirming--
			}
			c.tellMachine()
			c.followFamily()
			c.sync()
		})
	})
}

// showHold derives what people see from the two directions.
func (c *call) showHold() {
	local := !c.want.Receives()
	switch {
	case local && c.remoteHold:
		c.view.Held = phone.HeldBoth
	case local:
		c.view.Held = phone.HeldLocal
	case c.remoteHold:
		c.view.Held = phone.HeldRemote
	default:
		c.view.Held = phone.HeldByNone
	}
}
