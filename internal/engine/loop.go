package engine

import (
	"context"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
)

// loop owns the engine's state until it returns.
func (e *Engine) loop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	asked := ctx.Done()
	var last <-chan time.Time // the farewell's end
	late := false             // which has come
	for {
		timer.Reset(e.untilNext())
		select {
		case <-e.mailbox.filled:
			for _, fn := range e.mailbox.take() {
				fn()
				e.carryOut()
			}
		case <-timer.C:
			e.tick(time.Now())
			e.carryOut()
		case <-asked:
			asked = nil
			e.quit(false)
			e.carryOut()
		case <-last:
			late = true
		}
		if e.quitting && last == nil {
			last = time.After(farewell)
		}
		e.retune()
		if e.quitting && (late || e.leaving == 0 && !e.owes()) {
			e.tell(e.closed)
			e.publish()
			e.dropAll()
			return
		}
		e.noteOwed()
		e.publish()
	}
}

// untilNext is the time until something wants the loop: a machine's timer,
// the meters, or a call's own deadline.
func (e *Engine) untilNext() time.Duration {
	now := time.Now()
	next := now.Add(time.Hour)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	for _, a := range e.accounts {
		sooner(a.machine.Next())
		sooner(a.resolveAt)
	}
	sooner(e.tone.until)
	sooner(e.readyBy)
	if e.recorder != nil {
		sooner(e.recorder.until)
	}
	sooner(e.nextTalk())
	for _, c := range e.calls {
		if c.replacing != nil {
			sooner(c.replacing.until)
		}
		if c.ready != nil {
			sooner(c.until)
		}
		sooner(c.unheardAt())
		if c.host.missing {
			sooner(now)
		}
		if c.stream != nil {
			sooner(c.lookAt)
			sooner(c.mapping.due)
		}
		if c.view.State == phone.Ringing && !c.answering {
			sooner(c.ringUntil)
		}
	}
	return max(next.Sub(now), 0)
}

func (e *Engine) tick(now time.Time) {
	if !e.readyBy.IsZero() && !now.Before(e.readyBy) {
		e.tellReady(true)
	}
	if r := e.recorder; r != nil && r.held != nil && !now.Before(r.until) {
		e.parts.Log.Warn("the disk of the history is slow; news are told before they are written")
		r.release()
	}
	for _, a := range e.accounts {
		if next := a.machine.Next(); !next.IsZero() && !now.Before(next) {
			e.step(a, roam.Tick{})
		}
		if !a.resolveAt.IsZero() && !now.Before(a.resolveAt) {
			a.resolve()
		}
	}
	e.tickTalks(now)
	e.then(e.forgetSettled)
	e.then(func() { e.tickCalls(now) })
}

// tickCalls has every call look at the time.
func (e *Engine) tickCalls(now time.Time) {
	for _, id := range e.order {
		c := e.calls[id]
		if c.acct.unplaced {
			c.lookAtPlace(now)
		}
		if c.stream != nil && !now.Before(c.lookAt) {
			c.measure(now)
			c.noticeSilence(now)
		}
		if at := c.mapping.due; c.stream != nil && !at.IsZero() && !now.Before(at) {
			c.lookAtMapping(now)
		}
		c.ringOut(now)
		c.hostMissing()
		c.replacingLate(now)
		c.doubt(now)
		if c.ready != nil && !now.Before(c.until) {
			c.dialWhenReady()
		}
	}
	for _, a := range e.accounts {
		a.unplaced = false
	}
}

// publish hands the state and the queued notices to every subscriber, by way of
// the history where there is one.
func (e *Engine) publish() {
	if !e.dirty {
		return
	}
	u := phone.Update{State: e.state(), Notices: e.notices}
	e.notices, e.dirty = nil, false
	if e.recorder != nil {
		e.recorder.pass(u)
		return
	}
	e.deliver(u)
}
