package engine

import (
	"slices"
	"time"

	"ramble/internal/history"
	"ramble/internal/leaf/phone"
)

// recorder writes what is over to the history before anybody is told of it:
// an update that has such news waits until they are on disk. The loop never
// waits for the disk. A disk that is slower than diskPatience is not waited for
// either: then what is told is written later, at the cost of memory at the rate
// at which people call. All but the box and the book belongs to the loop.
type recorder struct {
	e       *Engine
	book    *history.Book
	box     *mailbox // what is to be written, in order; emptied by run
	ended   bool     // run's: nothing follows
	written map[phone.CallID]bool

	held   *phone.Update // waits for the disk
	later  *phone.Update // came meanwhile
	batch  int           // the number of what held waits for
	until  time.Time     // held is not held longer
	open   []openCall    // the calls underway, as last written
	opened time.Time     // when that was
	warned bool
}

// openCall is what makes a call underway worth writing anew.
type openCall struct {
	id       phone.CallID
	callID   string
	answered bool
	roams    int
}

const (
	// diskPatience is how long news wait for the disk.
	diskPatience = 500 * time.Millisecond
	// stillAlive is how often calls underway are written as such: after a kill
	// their end is known to that.
	stillAlive = 10 * time.Second
)

func newRecorder(e *Engine, book *history.Book) *recorder {
	return &recorder{e: e, book: book, box: newMailbox(), written: map[phone.CallID]bool{}}
}

// recall takes over what earlier runs left, before the loop begins.
func (e *Engine) recall() {
	past, news := Recall(e.parts.History)
	e.past = past
	for _, n := range news {
		e.say(phone.Warn, n)
	}
	for i := len(past.Calls) - 1; i >= 0; i-- {
		if c := past.Calls[i]; c.Direction == phone.Outgoing && c.Peer != "" {
			e.lastDial = e.dialAgain(c)
			return
		}
	}
}

// dialAgain calls the other side of an earlier call, from the account of then
// if there is one of that name still.
func (e *Engine) dialAgain(c phone.Call) phone.Dial {
	again := phone.Dial{Target: c.Peer, Account: c.Account}
	if _, err := e.account(c.Account); err != nil {
		again.Account = ""
	}
	return again
}

// pastCall finds a call of an earlier run by its negative number.
func (e *Engine) pastCall(id phone.CallID) (phone.Call, bool) {
	if i := len(e.past.Calls) + int(id); id < 0 && i >= 0 {
		return e.past.Calls[i], true
	}
	return phone.Call{}, false
}

// run writes until the box says that nothing follows.
func (r *recorder) run() {
	for !r.ended {
		<-r.box.filled
		for _, fn := range r.box.take() {
			fn()
		}
	}
}

// pass takes an update on its way to the subscribers.
func (r *recorder) pass(u phone.Update) {
	if r.held != nil {
		if r.later != nil {
			u = merged(*r.later, u)
		}
		r.later = &u
		return
	}
	writes := r.over(u)
	changed, due := r.underway(u.State)
	if due {
		open := recordsOf(liveViews(u.State), u.State.At)
		writes = append(writes, func() error { return r.book.Underway(open) })
	}
	if len(writes) > 0 {
		r.write(writes)
	}
	if len(writes) == 0 || due && !changed && len(writes) == 1 { // a sign of life holds nothing up
		r.e.deliver(u)
		return
	}
	r.held, r.until = &u, time.Now().Add(diskPatience)
}

// write has the disk's goroutine do all of it, and tell the loop.
func (r *recorder) write(writes []func() error) {
	r.batch++
	batch := r.batch
	r.box.put(func() {
		var trouble error
		for _, write := range writes {
			if err := write(); trouble == nil {
				trouble = err
			}
		}
		r.e.post(func() {
			r.trouble(trouble)
			if batch == r.batch {
				r.release()
			}
		})
	})
}

// release passes on what was held, and then what came meanwhile.
func (r *recorder) release() {
	if r.held == nil {
		return
	}
	u := *r.held
	r.held, r.until = nil, time.Time{}
	r.e.deliver(u)
	if later := r.later; later != nil {
		r.later = nil
		r.pass(*later)
	}
}

// over are the writes of what is over by an update. A call may be told of
// again after its end.
func (r *recorder) over(u phone.Update) (writes []func() error) {
	for _, n := range u.Notices {
		switch w := n.What.(type) {
		case phone.CallChanged:
			if w.Call.State == phone.Ended && !r.written[w.Call.ID] {
				r.written[w.Call.ID] = true
				c := recordOfCall(w.Call)
				writes = append(writes, func() error { return r.book.AddCall(c) })
			}
		case phone.RoamChanged:
			if w.Step == nil && w.Roam.Phase != phone.RoamStarted {
				c := recordOfRoam(w.Roam)
				writes = append(writes, func() error { return r.book.AddRoam(c) })
			}
		}
	}
	return writes
}

// underway says whether the calls that are not over are others than those on
// disk, and whether they are to be written.
func (r *recorder) underway(s phone.State) (changed, due bool) {
	var open []openCall
	for _, c := range liveViews(s) {
		open = append(open, openCall{c.ID, c.SIPCallID, !c.Answered.IsZero(), c.Roams})
	}
	changed = !slices.Equal(open, r.open)
	due = changed || len(open) > 0 && s.At.Sub(r.opened) >= stillAlive
	if due {
		r.open, r.opened = open, s.At
	}
	return changed, due
}

// liveViews are the calls of a state that are not over.
func liveViews(s phone.State) (live []phone.Call) {
	for _, c := range s.Calls {
		if c.State != phone.Ended {
			live = append(live, c)
		}
	}
	return live
}

// recordsOf are calls underway as they are if they end at that moment.
func recordsOf(calls []phone.Call, at time.Time) (list []history.Call) {
	for _, c := range calls {
		c.Ended = at
		list = append(list, recordOfCall(c))
	}
	return list
}

// finish passes on what is held, and lets run end after the last record. The
// loop has ended; what is posted is run here.
func (r *recorder) finish() {
	for r.held != nil {
		select {
		case <-r.e.mailbox.filled:
			for _, fn := range r.e.mailbox.take() {
				fn()
			}
		case <-time.After(time.Until(r.until)):
			r.release()
		}
	}
	r.box.put(func() {
		r.ended = true
		if n := r.book.Pending(); n > 0 {
			if err := r.book.Flush(); err != nil {
				r.e.parts.Log.Warn("records are not in the history", "count", r.book.Pending(), "error", err)
			}
		}
		if err := r.book.Close(); err != nil {
			r.e.parts.Log.Warn("putting the history away", "error", err)
		}
	})
}

// trouble tells of the first error; calls and their repair go on all the same.
func (r *recorder) trouble(err error) {
	if err == nil {
		return
	}
	r.e.parts.Log.Warn("the history is not written", "error", err)
	if r.warned {
		return
	}
	r.warned = true
	r.e.say(phone.Warn, phone.News{Kind: phone.HistoryUnwritten, Text: err.Error()})
}
