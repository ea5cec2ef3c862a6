package engine

import (
	"time"

	"ramble/internal/leaf/phone"
)

// noticesKept bounds what a subscriber that does not read can pile up. A
// minute of the busiest demo stays far below it; past it, media reports and
// then the oldest notices fall, outcomes last.
const noticesKept = 4096

// outlet is one subscriber's end: a channel that holds at most one update,
// the newest. The loop is its only sender, so taking the unread update back
// to merge it is safe without a lock: state is replaced, notices are appended.
type outlet struct{ ch chan phone.Update }

func newOutlet() *outlet { return &outlet{ch: make(chan phone.Update, 1)} }

// send never blocks.
func (o *outlet) send(u phone.Update) {
	select {
	case unread := <-o.ch:
		u.Dropped += unread.Dropped
		u.Notices = append(unread.Notices[:len(unread.Notices):len(unread.Notices)], u.Notices...)
		u.Notices, u.Dropped = shed(u.Notices, u.Dropped)
	default:
	}
	o.ch <- u
}

// shed drops media reports that are not final, then the oldest notices that
// are not outcomes, until at most noticesKept are left.
func shed(ns []phone.Notice, dropped int) ([]phone.Notice, int) {
	if len(ns) <= noticesKept {
		return ns, dropped
	}
	excess := len(ns) - noticesKept
	kept := make([]phone.Notice, 0, noticesKept)
	for _, n := range ns {
		if excess > 0 && !outcome(n.What) {
			excess--
			dropped++
			continue
		}
		kept = append(kept, n)
	}
	return kept, dropped
}

// outcome reports whether a notice must reach every subscriber.
func outcome(h phone.Happening) bool {
	switch h := h.(type) {
	case phone.CallChanged, phone.RegistrationChanged, phone.Ready, phone.Closed, phone.DigitHeard:
		return true
	case phone.RoamChanged:
		return h.Step == nil
	case phone.MediaReport:
		return h.Final
	case phone.Said:
		return h.Level == phone.Failure
	}
	return false
}

// tell queues a notice for the next publish.
func (e *Engine) tell(h phone.Happening) {
	e.notices = append(e.notices, phone.Notice{At: time.Now(), What: h})
	e.dirty = true
}

// say queues a line for a person.
func (e *Engine) say(l phone.Level, text, hint string) {
	e.parts.Log.Info(text, "level", l, "hint", hint)
	e.tell(phone.Said{Level: l, Text: text, Hint: hint})
}

// publish hands the state and the queued notices to every subscriber.
func (e *Engine) publish() {
	if !e.dirty {
		return
	}
	u := phone.Update{State: e.state(), Notices: e.notices}
	e.notices, e.dirty = nil, false
	for _, o := range e.outlets {
		o.send(u)
	}
}
