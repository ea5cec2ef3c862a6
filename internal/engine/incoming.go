package engine

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/sdp"
)

// maxCalls bounds the calls that exist at once; an INVITE past it is answered
// 486. A person handles two.
const maxCalls = 8

// sipEvent hears what a stack of an account reports.
func (e *Engine) sipEvent(a *account, epoch roam.Epoch, ev sip.Event) {
	switch ev := ev.(type) {
	case sip.Incoming:
		e.incoming(a, ev)
	case sip.Offered:
		if c := e.callOf(ev.Call); c != nil {
			c.offered(ev)
			return
		}
		e.job("refuse offer", modifyLimit, func(context.Context) { _ = ev.Refuse(481) })
	case sip.Answered:
		if c := e.callOf(ev.Call); c != nil && !c.over() {
			if n, err := c.acceptAnswer(ev.SDP); err == nil {
				c.negotiated(n)
			}
		}
	case sip.Ended:
		if c := e.callOf(ev.Call); c != nil {
			c.hungUp(ev)
		}
	case sip.StackFailed:
		e.parts.Log.Warn("stack failed", "account", a.cfg.Name, "epoch", epoch, "error", ev.Err)
		sensing{look: e.watcher.Look}.trouble(ev.Stack.Local().Addr(), a.path.Interface, ev.Err)
		e.step(a, roam.StackLost{Epoch: epoch, Why: []phone.Fact{{Kind: phone.StackLost, Fault: fault(ev.Err)}}})
	case sip.Mapped:
		a.mapped(epoch, ev)
	case sip.RefusedRequest:
		e.refused.Requests += uint64(ev.Count)
		e.refused.Last = ev.Source.String()
		e.dirty = true
	}
}

// callOf finds the call of a dialog.
func (e *Engine) callOf(s *sip.Call) *call {
	for _, id := range e.order {
		if c := e.calls[id]; c.sip == s {
			return c
		}
	}
	return nil
}

// incoming hears an INVITE that passed the signalling room's doorkeeper.
func (e *Engine) incoming(a *account, ev sip.Incoming) {
	refuse := func(code int) {
		e.job("refuse call", 10*time.Second, func(ctx context.Context) { _ = ev.Call.Reject(ctx, code, "") })
	}
	if old := e.callOf(ev.Replaces); old != nil && ev.Replaces != nil {
		old.takenOver(ev)
		return
	}
	if e.quitting || len(e.liveCalls()) >= maxCalls || ev.Replaces != nil {
		refuse(486)
		return
	}
	var offer *sdp.Session
	if body := ev.Call.Offer(); len(body) > 0 {
		s, err := sdp.Parse(body)
		if err != nil {
			refuse(488)
			return
		}
		offer = &s
	}
	c := e.newCall(a, ev.Call, phone.Incoming)
	c.offer = offer
	c.view.State = phone.Ringing
	c.ringUntil = c.view.Started.Add(ringLimit)
	if d := ev.Call.Expires(); d > 0 {
		c.ringUntil = c.view.Started.Add(min(d, ringLimit))
	}
	if e.current == 0 {
		e.current = c.view.ID
	}
	e.step(a, roam.CallAdded{Call: c.row()})
	c.changed()
	auto := a.cfg.AutoAnswer == AutoAlways || (a.cfg.AutoAnswer == AutoHeader && ev.Call.AsksAutoAnswer())
	if auto {
		_ = c.answer()
		return
	}
	e.job("ring", 10*time.Second, func(ctx context.Context) { _ = ev.Call.Ring(ctx, 180) })
}

// ringLimit is how long a call may ring here whose INVITE names no time:
// servers give up after three minutes (Timer C, RFC 3261 16.6), and tell us,
// unless that was lost.
const ringLimit = 4 * time.Minute

// ringOut ends a call that rang for as long as its INVITE was good.
func (c *call) ringOut(now time.Time) {
	if c.ringUntil.IsZero() || now.Before(c.ringUntil) || c.over() || c.view.State != phone.Ringing || c.answering {
		return
	}
	c.reject(phone.End{By: phone.ByUs, Cause: phone.RangOut, Code: 487, After: now.Sub(c.view.Started)})
}

// askCaller asks who rings us whether they still do: their CANCEL may have been
// lost with the old path. Two answers of 481 are needed, since the first may
// have overtaken what tells the caller our tag.
func (c *call) askCaller(st *stack) {
	if c.over() || c.answering || st == nil {
		return
	}
	e, s := c.e, c.sip
	s.Move(st.Stack)
	e.job("ask the caller", modifyLimit, func(ctx context.Context) {
		for try := 0; ; try++ {
			var res *sip.ResponseError
			if err := s.Ask(ctx); !errors.As(err, &res) || res.Code != 481 {
				return
			}
			if try > 0 {
				break
			}
			select {
			case <-time.After(askAgain):
			case <-ctx.Done():
				return
			}
		}
		e.post(func() {
			if c.sip == s && c.view.State == phone.Ringing && !c.answering {
				s.Drop()
				c.end(phone.End{By: phone.ByPeer, Cause: phone.CallerGone, Code: 481})
			}
		})
	})
}

// askAgain is between the two questions of askCaller.
const askAgain = 500 * time.Millisecond

// answer accepts a ringing call: media first, so that the 200 announces an
// address that already listens.
func (c *call) answer() error {
	e, a := c.e, c.acct
	switch {
	case c.over() || c.view.Direction != phone.Incoming || c.view.State == phone.Up:
		return wrongState(c, "answer", "only a ringing call can be answered")
	case c.answering:
		return wrongState(c, "answer", "it is being answered")
	}
	st, err := a.stackFor()
	if err != nil {
		return err
	}
	for _, other := range e.liveCalls() {
		if other != c && other.view.State == phone.Up && other.want.Sends() {
			other.hold(true)
		}
	}
	c.answering = true
	c.sip.Move(st.Stack)
	e.current = c.view.ID
	source, iface := a.path.Source, a.path.Interface
	stun := a.stunFor(source)
	s := c.sip
	e.job("answer", 40*time.Second, func(ctx context.Context) {
		sock, err := e.openMedia(ctx, source, iface, stun)
		if err != nil {
			e.post(func() { c.end(failedBy(phone.NoSocket, 500, err)) })
			_ = s.Reject(ctx, 500, "no media socket")
			return
		}
		body, ok := ask(e, func() ([]byte, bool) {
			if c.over() {
				return nil, false
			}
			c.sock, c.view.LocalMedia = sock, sock.RTP()
			body, err := c.answerBody()
			if err != nil {
				c.sock = nil
				c.reject(failedBy(phone.Unusable, 488, err))
				return nil, false
			}
			c.accepting = true
			c.tellMachine()
			return body, true
		})
		if !ok {
			_ = sock.Close()
			return
		}
		err = s.Accept(ctx, body)
		e.post(func() { c.accepted(s, err) })
	})
	return nil
}

// answerBody is the answer to their offer, or our offer where they made none.
func (c *call) answerBody() ([]byte, error) {
	c.asked = c.want
	if c.offer == nil {
		return c.describe(c.want), nil
	}
	body, n, err := c.sdp.Answer(*c.offer, c.transport(), c.want)
	if err != nil {
		return nil, err
	}
	c.negotiated(n)
	return body, nil
}

func (c *call) accepted(s *sip.Call, err error) {
	if c.over() || c.sip != s { // or the caller replaced the dialog
		return
	}
	c.answering, c.accepting = false, false
	if err != nil && failure(err).Kind != roam.Cancelled {
		c.end(notAccepted(err))
		c.bye() // the 200 was sent; without its ACK the dialog stands all the same (RFC 3261 13.3.1.4)
		return
	}
	c.up()
	c.tellMachine()
	c.followFamily()
	c.sync()
}

// interfaces is the interface list as people see it.
func (e *Engine) interfaces(s netwatchState) []phone.Interface {
	var list []phone.Interface
	for _, i := range s.Interfaces {
		v := phone.Interface{Name: i.Name, Up: i.Up, Ignored: i.Ignored}
		for _, a := range i.Addrs {
			if !a.Prefix.Addr().IsLinkLocalUnicast() {
				v.Addresses = append(v.Addresses, a.Prefix.Addr())
			}
		}
		for _, a := range e.accounts {
			if a.path.Valid() && a.path.Interface == i.Name {
				v.UsedBy = append(v.UsedBy, a.cfg.Name)
			}
			if a.view.WasIface == i.Name && a.view.WasSource.IsValid() && !hasAddr(v.Addresses, a.view.WasSource) {
				v.Lost = append(v.Lost, a.view.WasSource)
			}
		}
		list = append(list, v)
	}
	return list
}

func hasAddr(list []netip.Addr, a netip.Addr) bool {
	for _, x := range list {
		if x == a {
			return true
		}
	}
	return false
}

func quote(s string) string { return "“" + s + "”" }

func (e *Engine) accountNames() string {
	var names []string
	for _, a := range e.accounts {
		names = append(names, a.cfg.Name)
	}
	return strings.Join(names, ", ")
}
