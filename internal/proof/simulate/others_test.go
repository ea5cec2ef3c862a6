package simulate

import (
	"context"
	"strings"
	"time"

	"ramble/sip/siptest"
)

// theirs is a step of the talker's. What waits for an answer does so beside the
// script.
func (w *world) theirs(s Step) (known bool) {
	who, arg, _ := strings.Cut(s.Arg, " ")
	var call *siptest.PeerCall
	for _, c := range w.talker.With(who) {
		if call == nil || c.CallID() < call.CallID() {
			call = c
		}
	}
	switch s.Verb {
	case "release":
		w.talker.Release(who)
		return true
	case "call":
		w.figures.Calls++
		_, _ = w.talker.Peer.Dial(w.ctx, "sip:"+who+"@"+realm)
		return true
	}
	if call == nil {
		return true
	}
	isUp := call.State().Phase == siptest.Up
	switch s.Verb {
	case "late":
		d, _ := time.ParseDuration(arg)
		w.talker.AnswerLate(call.CallID(), d)
	case "hangup":
		w.beside(func(ctx context.Context) { _ = call.Hangup(ctx) })
	case "hold", "resume", "reinvite", "update":
		if isUp {
			w.beside(func(ctx context.Context) { modify(ctx, call, s.Verb) })
		}
	default:
		return false
	}
	return true
}

// beside does what waits for an answer while the script goes on.
func (w *world) beside(fn func(ctx context.Context)) {
	w.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(w.ctx, 40*time.Second)
		defer cancel()
		fn(ctx)
	})
}

// modify: refused, unanswered or crossed, the call must be whole all the same.
func modify(ctx context.Context, c *siptest.PeerCall, verb string) {
	switch verb {
	case "hold":
		_ = c.Hold(ctx)
	case "resume":
		_ = c.Resume(ctx)
	case "reinvite":
		_ = c.Reinvite(ctx, nil)
	case "update":
		_ = c.Update(ctx, nil)
	}
}

func (w *world) servers(s Step) (known bool) {
	for _, h := range w.phones {
		h.rough, h.shaken = true, true
	}
	switch s.Verb {
	case "down":
		w.died = true
		w.serverDown()
	case "up":
		w.serverUp()
	case "deaf":
		w.registrar.Script(answerAll(siptest.Reply{Silent: true}))
	case "busy":
		w.registrar.Script(answerAll(siptest.Reply{Code: 503}))
	case "hears":
		w.registrar.Script(nil)
	default:
		return false
	}
	return true
}
