package engine

import (
	"cmp"
	"context"
	"time"

	"ramble/internal/engine/fault"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
)

// This file is the senses that need neither the system's word nor a timer of
// the server's: audio that stops, and a server that is asked whether it is there.

const (
	// silenceLimit is how long audio may be missing before the server is asked.
	silenceLimit = 2 * time.Second
	// probeLimit is how long the server may take to answer: over UDP the
	// question is sent three times within it (RFC 3261 17.1.2.2).
	probeLimit = 2 * time.Second
)

// noticeSilence tells the policy when the call's audio stops or comes back.
func (c *call) noticeSilence(now time.Time) {
	limit := cmp.Or(c.e.parts.Silence, silenceLimit)
	if limit < 0 {
		return
	}
	stopped := c.stream.Stopped()
	id := roam.CallID(c.view.ID)
	switch {
	case !c.silent && stopped >= limit && c.view.State == phone.Up:
		c.silent = true
		c.e.parts.Log.Info("no audio arrives", "call", id, "for", stopped)
		c.e.step(c.acct, roam.AudioStopped{Call: id, For: stopped.Truncate(100 * time.Millisecond)})
	case c.silent && stopped < limit:
		c.silent = false
		c.e.step(c.acct, roam.AudioBack{Call: id})
	}
	next := now.Add(lookEvery) // that it is back is told as soon
	if !c.silent {
		next = now.Add(limit - stopped) // it may be silence by then
	}
	if next.After(now) && next.Before(c.lookAt) {
		c.lookAt = next
	}
}

// probe carries out roam.Probe.
func (a *account) probe(act roam.Probe) {
	e, st := a.e, a.stacks.At(act.Epoch)
	if st == nil {
		e.step(a, roam.ProbeFailed{Epoch: act.Epoch, Failure: roam.Failure{Kind: roam.Cancelled}})
		return
	}
	e.job("probe "+a.cfg.Name, probeLimit, func(ctx context.Context) {
		took, err := st.Ping(ctx)
		e.post(func() {
			if err != nil {
				e.step(a, roam.ProbeFailed{Epoch: act.Epoch, Failure: fault.Failure(err)})
				return
			}
			e.step(a, roam.ProbeAnswered{Epoch: act.Epoch, Detail: "OPTIONS answered after " + took.Round(time.Millisecond).String()})
		})
	})
}
