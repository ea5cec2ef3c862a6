package engine

import (
	"context"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/phone"
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
		if failure(err).Code == 491 && c.glares < maxGlares {
			// Both sides changed the call at once (RFC 3261 14.1).
			c.glares++
			c.syncAt = time.Now().Add(c.acct.cfg.Policy.GlareWait(c.sip.OwnsCallID()))
			return
		}
		text, hint := sip.Explain(err)
		c.e.say(phone.Warn, "hold or resume failed: "+text, hint)
		c.want, c.glares = c.asked, 0
	})
}

// maxGlares is how often a hold or resume is tried again when it crosses a
// change of the peer's.
const maxGlares = 4

// modify sends one offer with the present media address and hands the
// outcome to done, on the loop. One at a time (RFC 3261 14.1).
func (c *call) modify(m sip.Method, done func(error)) {
	c.modifying = true
	asked := c.want
	offer := c.describe(asked)
	s := c.sip
	c.e.job(m.String(), modifyLimit, func(ctx context.Context) {
		ans, err := s.Modify(ctx, m, offer)
		c.e.post(func() {
			c.modifying, c.repairing = false, false
			if c.over() {
				return
			}
			if err == nil {
				c.asked = asked
			}
			if err == nil && len(ans.SDP) > 0 {
				var n sdp.Negotiated
				if n, err = c.acceptAnswer(ans.SDP); err == nil {
					c.negotiated(n)
				}
			}
			done(err)
			c.tellMachine()
			if next := c.repairNext; next != nil {
				c.repairNext = nil
				c.repair(*next)
				return
			}
			c.sync()
		})
	})
}

// repair carries out roam.Repair: the call moves to the epoch's stack and is
// refreshed there.
func (c *call) repair(act roam.Repair) {
	e, a := c.e, c.acct
	st := a.stacks[act.Epoch]
	if c.over() {
		return
	}
	if st == nil {
		e.step(a, roam.RepairFailed{Epoch: act.Epoch, Call: act.Call, Failure: roam.Failure{Kind: roam.Cancelled, Text: "no connection"}})
		return
	}
	if act.How == roam.ByNewInvite {
		c.inviteAnew(act, st)
		return
	}
	if c.modifying {
		// Ours is out on another stack. If that one died it fails at once and
		// its end starts this repair.
		c.repairNext = &act
		return
	}
	c.sip.Move(st.Stack)
	m := sip.Reinvite
	if act.How == roam.ByUpdate && c.sip.PeerAllows("UPDATE") {
		m = sip.Update
	}
	if act.How == roam.ByPlainCodecs {
		c.sdp.Narrow()
	}
	c.repairing = true
	c.modify(m, func(err error) {
		if err != nil {
			e.step(a, roam.RepairFailed{Epoch: act.Epoch, Call: act.Call, Failure: failure(err)})
			return
		}
		c.view.KeepUntil = time.Time{}
		c.changed()
		e.step(a, roam.Repaired{
			Epoch: act.Epoch, Call: act.Call,
			Detail: repairWord(m) + " 200 OK",
		})
	})
}

func repairWord(m sip.Method) string {
	if m == sip.Update {
		return "UPDATE"
	}
	return "re-INVITE"
}

// inviteAnew replaces an INVITE that was lost with its path: CANCEL by the
// new path, where the server may still hold it (RFC 3261 9.1), then a plain
// new INVITE in the same row.
func (c *call) inviteAnew(act roam.Repair, st *stack) {
	e, a, old := c.e, c.acct, c.sip
	c.sip = sip.NewCall(a.sip, a.auth, c.target)
	c.view.State, c.view.SIPCallID = phone.Dialing, c.sip.CallID()
	if c.stream != nil { // early media of the old dialog
		e.parts.Desk.Remove(int(c.view.ID))
		c.stopStream()
		c.stream, c.sock = nil, nil
	}
	c.sdp = sdp.NewLocal(a.path.Source, uint64(time.Now().UnixNano()), a.codecs())
	c.changed()
	e.job("CANCEL by the new path", modifyLimit, func(ctx context.Context) {
		old.Move(st.Stack)
		_ = old.Cancel(ctx)
	})
	c.anew = &act
	c.place()
}

// placedAnew reports the first word heard of an INVITE that was sent anew.
func (c *call) placedAnew() {
	if act := c.anew; act != nil {
		c.anew = nil
		c.e.step(c.acct, roam.Repaired{Epoch: act.Epoch, Call: act.Call, Detail: "INVITE answered on the new path"})
	}
}

// offered answers a re-INVITE or UPDATE of the peer (RFC 3261 14.2).
func (c *call) offered(ev sip.Offered) {
	e := c.e
	if c.over() || c.sock == nil {
		e.farewellJob("refuse offer", func(context.Context) { _ = ev.Refuse(481) })
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
		if body, n, err = c.sdp.Answer(remote, c.sock.RTP(), c.sock.RTCP(), c.want); err == nil {
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

// confirm sends our half of an exchange that the peer began. Until it has
// acknowledged, an offer of ours would cross its own (RFC 3261 14.1).
func (c *call) confirm(ev sip.Offered, body []byte) {
	c.confirming++
	c.e.job("answer offer", modifyLimit, func(ctx context.Context) {
		_ = ev.Answer(ctx, body)
		c.e.post(func() {
			c.confirming--
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
