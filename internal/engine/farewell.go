package engine

import (
	"context"
	"errors"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
)

// This file says goodbye: now, or when there is a way again.

// goodbye is the end of a call that its peer has not confirmed yet.
type goodbye struct {
	name  string
	call  *sip.Call
	say   func(context.Context) error
	until time.Time // no new try after it
	at    time.Time // of the next try; zero: one is out, or it waits for a path
	tries int
}

// goodbyeLimit bounds one try; a dead path shows sooner in a roam.
const goodbyeLimit = 10 * time.Second

// goodbyeWaits are between tries; the last one repeats.
func goodbyeWaits() []time.Duration {
	return []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
}

// hangup ends the call from our side, whatever its state.
func (c *call) hangup(how phone.End) {
	switch {
	case c.over():
		return
	case c.view.State == phone.Up, c.accepting:
		c.end(how)
		c.bye()
	case c.view.Direction == phone.Incoming:
		if how.Cause == phone.HungUp {
			how.Cause = phone.Declined
		}
		how.Code = 603
		c.reject(how)
	default:
		lost := append(c.ghosts, c.sip)
		c.ghosts = nil
		if how.Cause == phone.HungUp {
			how.Cause = phone.Cancelled
		}
		c.end(how)
		for _, s := range lost {
			c.acct.farewell("CANCEL", s, s.Abandon)
		}
	}
}

// bye ends the dialog.
func (c *call) bye() { c.acct.farewell("BYE", c.sip, c.sip.Bye) }

// reject refuses a call that rings here, with how.Code.
func (c *call) reject(how phone.End) {
	s := c.sip
	c.end(how)
	c.acct.farewell("refusal", s, func(ctx context.Context) error { return s.Reject(ctx, how.Code, "") })
}

// farewell says goodbye for a call that is over here, and goes on until the
// peer has confirmed or the grace time is over.
func (a *account) farewell(name string, s *sip.Call, say func(context.Context) error) {
	g := &goodbye{name: name, call: s, say: say, until: time.Now().Add(a.grace())}
	a.owed = append(a.owed, g)
	a.sayGoodbye(g)
}

// grace is how long calls and their ends are kept after.
func (a *account) grace() time.Duration {
	if d := a.cfg.Policy.KeepFor; d > 0 {
		return d
	}
	return roam.DefaultPolicy().KeepFor
}

// sayGoodbye tries once, if there is a way.
func (a *account) sayGoodbye(g *goodbye) {
	g.at = time.Time{}
	st, err := a.stackFor()
	if err != nil {
		return // it waits for a stack
	}
	g.call.Move(st.Stack)
	g.tries++
	a.e.farewellJob(g.name, func(ctx context.Context) {
		err := g.say(ctx)
		a.e.post(func() { a.goodbyeSaid(g, err) })
	})
}

func (a *account) goodbyeSaid(g *goodbye, err error) {
	f := roam.Failure{}
	if err != nil {
		f = failure(err)
	}
	unheard := err != nil && (f.Kind != roam.Answered && f.Kind != roam.Refused || f.Code == 408 || f.Code >= 500)
	waits := goodbyeWaits()
	wait := max(waits[min(g.tries, len(waits))-1], f.RetryAfter)
	next := time.Now().Add(wait)
	switch {
	case !unheard, a.e.quitting, errors.Is(err, sip.ErrEnded), errors.Is(err, sip.ErrWrongState):
		a.settled(g)
	case next.After(g.until) && a.stacks[a.machine.Epoch()] != nil:
		a.settled(g)
		a.e.parts.Log.Info("the other side did not confirm the end", "account", a.cfg.Name, "request", g.name, "error", err)
	default:
		g.at = next
	}
}

// settled forgets a goodbye.
func (a *account) settled(g *goodbye) {
	g.call.Drop()
	for i, o := range a.owed {
		if o == g {
			a.owed = append(a.owed[:i:i], a.owed[i+1:]...)
			return
		}
	}
}

// sayOwed repeats, on a new stack, what no peer has confirmed.
func (a *account) sayOwed() {
	for _, g := range append([]*goodbye(nil), a.owed...) {
		g.until = time.Now().Add(a.grace())
		if g.at.IsZero() && g.tries > 0 {
			g.call.Move(a.stacks[a.machine.Epoch()].Stack) // what is out ends with its stack, and comes again
			continue
		}
		a.sayGoodbye(g)
	}
}

// nextGoodbye is when the next try is due; zero: none is.
func (a *account) nextGoodbye() (next time.Time) {
	for _, g := range a.owed {
		if !g.at.IsZero() && (next.IsZero() || g.at.Before(next)) {
			next = g.at
		}
	}
	return next
}

func (a *account) sayDue(now time.Time) {
	for _, g := range append([]*goodbye(nil), a.owed...) {
		if !g.at.IsZero() && !now.Before(g.at) {
			a.sayGoodbye(g)
		}
	}
}

// farewellJob is a job that Quit waits for, within its two seconds.
func (e *Engine) farewellJob(name string, fn func(ctx context.Context)) {
	e.leaving++
	e.job(name, goodbyeLimit, func(ctx context.Context) {
		fn(ctx)
		e.post(func() { e.leaving = max(e.leaving-1, 0) })
	})
}
