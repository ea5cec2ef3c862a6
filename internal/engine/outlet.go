package engine

import (
	"slices"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// noticesKept bounds what a subscriber that does not read can pile up. A
// minute of the busiest demo stays far below it; past it, media reports and
// then the oldest notices fall, outcomes last.
const noticesKept = 4096

func newOutlet() *outlet { return &outlet{ch: make(chan phone.Update, 1)} }

// Subscribe is Join without an end but that of the run.
func (e *Engine) Subscribe() <-chan phone.Update {
	updates, _ := e.Join()
	return updates
}

// Join subscribes, at any time: before Run, while it runs, and after it. The
// first update has the whole state, which is all that a newcomer needs; each
// later one the newest state and the notices since the last update read. A
// newcomer after the end is told of the last state, and that the phone is
// closed. The channel is closed by leave, and when Run returns. leave may be
// called more than once.
func (e *Engine) Join() (updates <-chan phone.Update, leave func()) {
	o := newOutlet()
	if e.post(func() { e.newcomers, e.dirty = append(e.newcomers, o), true }) {
		return o.ch, func() { e.post(func() { e.leave(o) }) }
	}
	<-e.stopped
	o.send(e.last)
	close(o.ch)
	return o.ch, func() {}
}

// leave closes an outlet unless that is done.
func (e *Engine) leave(o *outlet) {
	for _, list := range []*[]*outlet{&e.outlets, &e.newcomers} {
		if i := slices.Index(*list, o); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
			close(o.ch)
		}
	}
}

// closeOutlets tells those who came at the end how it ended, and everybody
// that nothing follows.
func (e *Engine) closeOutlets() {
	for _, o := range e.newcomers {
		o.send(e.last)
	}
	for _, o := range slices.Concat(e.outlets, e.newcomers) {
		close(o.ch)
	}
	e.outlets, e.newcomers = nil, nil
}

// send never blocks.
func (o *outlet) send(u phone.Update) {
	select {
	case unread := <-o.ch:
		u = merged(unread, u)
	default:
	}
	o.ch <- u
}

// merged is two updates in one.
func merged(older, newer phone.Update) phone.Update {
	newer.Dropped += older.Dropped
	newer.Notices = append(older.Notices[:len(older.Notices):len(older.Notices)], newer.Notices...)
	newer.Notices, newer.Dropped = shed(newer.Notices, newer.Dropped)
	return newer
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

// say queues something for a person.
func (e *Engine) say(l phone.Level, n phone.News) {
	text, hint := words.News(n)
	e.parts.Log.Info(text, "level", l, "hint", hint)
	e.tell(phone.Said{Level: l, News: n})
}

// deliver sends an update to those who were there, and its state to those who
// came meanwhile.
func (e *Engine) deliver(u phone.Update) {
	for _, o := range e.outlets {
		o.send(u)
	}
	for _, o := range e.newcomers {
		o.send(phone.Update{State: u.State})
	}
	e.outlets, e.newcomers = append(e.outlets, e.newcomers...), nil
}
