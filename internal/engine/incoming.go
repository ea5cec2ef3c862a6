package engine

import (
	"context"
	"time"

	"ramble/audio/path"
	"ramble/internal/engine/fault"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/dialog"
	"ramble/sip/sdp"
)

// hearStack hears what a stack of an account reports.
func (e *Engine) hearStack(a *account, epoch roam.Epoch, ev sip.Event) {
	switch ev := ev.(type) {
	case sip.Arrived:
		if in, ok := ev.Take(time.Now(), a.options(sip.URI{})); ok {
			e.incoming(a, in)
		}
	case sip.Heard:
		if s := ev.Call(); s != nil {
			e.told(s, ev.Hear(time.Now()))
			e.then(func() { e.renamed(s) })
		}
	case sip.StackFailed:
		e.parts.Log.Warn("stack failed", "account", a.cfg.Name, "epoch", epoch, "error", ev.Err)
		sensing{look: e.watcher.Look}.trouble(ev.Stack.Local().Addr(), a.path.Interface, ev.Err)
		a.unheld(ev.Stack)
		e.step(a, roam.StackLost{Epoch: epoch, Why: []phone.Fact{{Kind: phone.StackLost, Fault: fault.Of(ev.Err)}}})
	case sip.Mapped:
		a.mapped(epoch, ev)
	case sip.AnsweredAnew:
		a.forgotten()
	case sip.Digit:
		if c := e.callOf(ev.Call); c != nil && !c.over() {
			e.tell(phone.DigitHeard{Call: c.view.ID, Digit: ev.Key, Duration: ev.Length, Method: "info"})
		}
	case sip.RefusedRequest:
		e.refused.Requests += uint64(ev.Count)
		e.refused.Last = ev.Source.String()
		e.dirty = true
	}
}

// incoming hears an INVITE that passed the signalling room's doorkeeper.
func (e *Engine) incoming(a *account, in sip.Incoming) {
	e.own(in.Call, a, nil)
	if old := e.callOf(in.Replaces); old != nil {
		old.takenOver(in.Call)
		return
	}
	if e.quitting || len(e.liveCalls()) >= e.parts.MaxCalls || in.Replaces != nil {
		e.reject(a, in.Call, 486, nil)
		return
	}
	c := e.newCall(a, in.Call, phone.Incoming)
	c.view.State = phone.Ringing
	c.ringUntil = c.view.Started.Add(ringLimit)
	if d := in.Call.Expires(); d > 0 {
		c.ringUntil = c.view.Started.Add(min(d, ringLimit))
	}
	if e.current == 0 {
		e.current = c.view.ID
	}
	c.rowTold = c.row()
	e.step(a, roam.CallAdded{Call: c.rowTold})
	if err := in.Call.Acceptable(); err != nil { // it never rings, but is told
		c.reject(failedBy(phone.Unusable, 488, err), err)
		return
	}
	c.changed()
	if offer, err := sdp.Parse(in.Call.Offer()); err == nil && offer.Audio.Host != "" {
		c.findHost(offer.Audio.Host) // while it rings
	}
	auto := a.cfg.AutoAnswer == AutoAlways || (a.cfg.AutoAnswer == AutoHeader && in.Call.AsksAutoAnswer())
	if auto {
		_ = c.answer()
		return
	}
	e.feed(in.Call, dialog.Ring{Code: 180})
}

// ringLimit is how long a call may ring here whose INVITE names no time:
// servers give up after three minutes (Timer C, RFC 3261 16.6), and tell us,
// unless that was lost.
const ringLimit = 4 * time.Minute

// askCaller asks who rings us whether they still do: their CANCEL may have been
// lost with the old path.
func (c *call) askCaller(st *stack) {
	if c.over() || c.answering || st == nil {
		return
	}
	c.e.moveTo(c.sip, st)
	c.e.feed(c.sip, dialog.Ask{})
}

// answer accepts a ringing call: media first, so that the 200 announces an
// address that already listens.
func (c *call) answer() error {
	e, a := c.e, c.acct
	switch {
	case c.over() || c.view.Direction != phone.Incoming || c.view.State == phone.Up:
		return wrongState(c, "answer", phone.NotRinging)
	case c.answering:
		return wrongState(c, "answer", phone.BeingAnswered)
	}
	st, err := a.stackFor()
	if err != nil {
		return err
	}
	e.holdOthers(c)
	c.answering = true
	e.moveTo(c.sip, st)
	e.current = c.view.ID
	source, iface := a.path.Source, a.path.Interface
	stun := sameFamily(a.stun, source)
	e.job("open media", mediaJobLimit, func(ctx context.Context) {
		sock, err := e.openMedia(ctx, source, iface, stun)
		if !e.post(func() { c.mediaForAnswer(sock, err) }) && sock != nil {
			_ = sock.Close()
		}
	})
	return nil
}

// mediaForAnswer accepts the call once its sockets listen.
func (c *call) mediaForAnswer(sock *path.Transport, err error) {
	switch {
	case err != nil:
		if !c.over() {
			c.reject(failedBy(phone.NoSocket, 500, err), nil)
		}
		return
	case c.over():
		_ = sock.Close()
		return
	}
	c.sock, c.view.LocalMedia = sock, sock.RTP()
	c.accept()
}

// accept sends the answer, once the sockets listen and the host at which the
// other side wants its audio is known: without one the call is refused (488), and
// that cannot be said after a 2xx.
func (c *call) accept() {
	if c.over() || !c.answering || c.sock == nil || c.host.sought || c.host.missing {
		return
	}
	c.e.feed(c.sip, dialog.Accept{Wish: c.wish()})
}
