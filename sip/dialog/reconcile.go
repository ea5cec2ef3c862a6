package dialog

import "time"

// This file brings what was agreed to what is wished: one offer at a time.

// want is the wish and how far it has come true.
type want struct {
	wish     Wish
	said     Wish // what the peer heard of us last and took
	urgency  Urgency
	by       Method
	plain    bool    // offer only the codec in use
	glares   int     // in a row
	moving   bool    // the network moves
	lost     *flight // an offer that ended without an answer; the peer may hold it
	settling ID      // the CANCEL that clears it away; 0: none is out
	reack    bool    // the ACK of before may have died with its path
	clock    clock
	dead     bool // the path of the moment was given up
}

// Times of changes.
const (
	maxGlares      = 4                      // tries of a hold that cross changes of the peer's
	settlePatience = time.Second            // for the answer to the CANCEL of a lost offer
	ackPatience    = 500 * time.Millisecond // for the ACK to an answer that was repeated from a new address
)

// wanted takes in a wish.
func (m *Machine) wanted(e Want) {
	w := &m.want
	w.wish = e.Wish
	w.plain = w.plain || e.Plain
	if e.Urgency == Noted {
		return
	}
	if m.state == Leaving || m.state == Over || m.state == Idle || m.state == Ringing ||
		m.state == Calling && e.Urgency >= Once && (m.changeable() == nil || !m.Allows("UPDATE")) {
		if e.Urgency >= Once {
			m.do(Outcome{Urgency: e.Urgency, Method: e.By, Result: Result{Cause: Closed, Err: ErrState}})
		}
		return
	}
	if e.Urgency == Soon {
		w.glares = 0
		m.disarm(wishDue)
	}
	if e.Urgency >= w.urgency {
		w.urgency = e.Urgency
		if e.Urgency >= Once {
			w.by = e.By
		}
	}
	if g := m.got; e.Urgency == Now && g != nil && g.waits() {
		m.answerElsewhere(g)
	}
}

// answerElsewhere repeats our answer with the new address, before the refresh:
// which of the two they have heard is not known. Nor does an ACK that they keep
// reach us, since that goes to where we were; so the refresh comes after a while
// even without one.
func (m *Machine) answerElsewhere(g *got) {
	if body := m.want.wish.elsewhere(m.main.session); body != nil && !g.delayed {
		g.body = body
	}
	g.wait, g.old = T1, false
	m.do(Reply{To: g.ID, Code: 200, Body: g.body, Timer: timerOf(g.Header)})
	m.arm(answerAgain, g.wait)
	m.arm(answerOld, ackPatience)
}

// due says whether an offer of ours is to be made now.
func (m *Machine) due() bool {
	w := &m.want
	switch w.urgency {
	case Now, Once:
		return true
	case Soon:
		if w.wish.Direction == w.said.Direction {
			w.urgency = Noted
			return false
		}
	case Quietly:
	case Noted:
		return false
	}
	return !w.moving && !w.dead && m.alarms[wishDue].IsZero()
}

// reconcile makes the next offer, where one is due and nothing stands in its
// way.
func (m *Machine) reconcile() {
	f := m.main
	switch {
	case m.state != Up && m.state != Accepted && m.changeable() == nil, f == nil:
		return
	case m.change(f) != nil, m.want.settling != 0, !m.due():
		return
	}
	if g := m.got; g != nil && g.waits() && !g.old {
		return // an offer of ours would cross their exchange (RFC 3261 14.1)
	}
	if l := m.want.lost; l != nil && l.fork == f {
		m.clearAway(l)
		return
	}
	m.offer(f)
}

// clearAway cancels a lost re-INVITE, so that another can follow (RFC 6141
// 5.5).
func (m *Machine) clearAway(l *flight) {
	id := m.nextID()
	m.want.settling = id
	m.flight = append(m.flight, &flight{job: cancelling, of: l.ID, path: m.leave.path, Send: Send{ID: id, Method: "CANCEL"}})
	m.do(Cancel{ID: id, Of: l.ID})
	m.arm(settleLate, settlePatience)
}

// settled: whatever the CANCEL was answered, the lost offer may have been
// answered too; without the ACK of that answer the peer would hang up (RFC 3261
// 14.2).
func (m *Machine) settled() {
	l := m.want.lost
	m.want.lost, m.want.settling = nil, 0
	m.disarm(settleLate)
	if l != nil && m.state == Up {
		m.do(Ack{ID: m.nextID(), Dialog: l.fork.Dialog, Seq: l.Seq})
	}
}

// offer sends one.
func (m *Machine) offer(f *fork) {
	w := &m.want
	if w.reack {
		w.reack = false
		m.do(Ack{ID: m.nextID(), Dialog: f.Dialog, Seq: f.acked, Repeat: true})
	}
	by := Reinvite
	if (w.by == Update || m.state != Up) && m.Allows("UPDATE") {
		by = Update
	}
	if w.plain {
		f.session.Narrow()
	}
	m.send(f, &flight{job: change, said: w.wish, urgency: w.urgency, by: by,
		Send: Send{Method: by.String(), Body: w.wish.offer(f.session), Timer: w.clock.timerToSay()}})
	w.urgency, w.by = Noted, Reinvite
}

// changed takes the final response to an offer of ours.
func (m *Machine) changed(f *flight, r Response) {
	if m.state == Leaving || m.state == Over {
		if r.Code < 300 && f.by == Reinvite {
			m.ack(f.fork, r.Seq)
		}
		return
	}
	if r.Code == 422 && r.Header.Timer.Min > f.Timer.Min { // they want a longer one (RFC 4028 7.4)
		m.want.clock.min = r.Header.Timer.Min
		m.want.urgency, m.want.by = max(m.want.urgency, f.urgency), f.by
		return
	}
	if r.Code >= 300 {
		m.refused(f, Result{Answered: true, Code: r.Code, RetryAfter: r.Header.RetryAfter, Err: r.Err})
		return
	}
	res := Result{OK: true, Answered: true, Code: r.Code}
	m.heed(r.Header)
	if g := m.got; g != nil && g.waits() {
		m.confirmed(g) // a lost ACK: it would not take ours before its own was over
	}
	m.retarget(f.fork, r.Contact, false)
	if f.by == Reinvite {
		m.ack(f.fork, r.Seq)
		m.want.reack = false
	}
	m.want.glares = 0
	m.refreshed(r.Header.Timer, true)
	if err := m.agreed(f, r); err != nil {
		m.refused(f, Result{Answered: true, Code: r.Code, Err: err})
		return
	}
	m.want.said = f.said
	m.tell(f, res)
}

// agreed takes the answer in a 2xx to an offer of ours. A 2xx without one leaves
// the session as it was (RFC 3261 14.1): a hold is none then. A move or a refresh
// has said where we are all the same; whether sound comes shows whether it helped.
func (m *Machine) agreed(f *flight, r Response) error {
	if len(r.Body) == 0 {
		if f.urgency == Soon {
			return errNoSDP
		}
		return nil
	}
	n, err := take(f.fork.session, r.Body, false)
	if err == nil {
		m.do(Apply{Negotiated: n, Early: m.state < Accepted})
	}
	return err
}

// changeFailed: no final response came. A re-INVITE may be held by the peer all
// the same.
func (m *Machine) changeFailed(f *flight, e Failed) {
	if m.state == Leaving || m.state == Over {
		return
	}
	if f.by == Reinvite && (f.heard || e.Cause == Closed) {
		m.want.lost = f
	}
	m.want.dead = m.want.dead || e.Cause == Closed && f.path == m.leave.path
	m.refused(f, Result{Cause: e.Cause, Err: e.Err})
}

// forgo gives up the offer that is out.
func (m *Machine) forgo() {
	if m.main == nil {
		return
	}
	f := m.change(m.main)
	if f == nil {
		return
	}
	m.do(Stop{ID: f.ID})
	m.land(f)
	f.gone = true
	if f.by == Reinvite && f.heard {
		m.want.lost = f
	}
	if f.urgency == Soon {
		m.want.urgency = max(m.want.urgency, Soon)
	}
}

// tell reports the end of an offer that somebody waits for, unless a newer wish
// of that urgency took its place.
func (m *Machine) tell(f *flight, res Result) {
	if f.urgency < Once || m.want.urgency == Now && f.urgency == Now {
		return
	}
	res.Unheard = !res.OK && m.state == Accepted
	m.do(Outcome{Urgency: f.urgency, Method: f.by, Result: res})
}

// verdict is what follows from the answer to an offer.
type verdict int

const (
	report  verdict = iota // whoever asked for it decides
	again                  // once more after the wait of a glare
	later                  // once more, when the network has settled
	revert                 // the wish falls back to what was agreed
	gone                   // the peer does not know the call: it is over
	reinvit                // once more by re-INVITE
)

// judge is the table: the answer by what was wished.
//
//	                            Now, Once    Soon, Quietly
//	491, 500, socket error      report       again, four times
//	405, 501 to UPDATE          report       by re-INVITE
//	422                         with a longer session timer, see changed
//	408, 481 outside a move     Once: gone   gone
//	408, 481 within one         report       later
//	the path was given up       report       later
//	no answer within a move     report       later
//	anything else               report       revert
func (m *Machine) judge(f *flight, r Result) verdict {
	w := &m.want
	knows := !(r.Answered && (r.Code == 408 || r.Code == 481))
	switch {
	case !knows && !w.moving && m.state == Up && f.urgency != Now:
		return gone
	case f.urgency >= Once:
		return report
	case r.Answered && f.by == Update && (r.Code == 405 || r.Code == 501):
		return reinvit
	case !knows, !r.Answered && (r.Cause == Closed || w.moving):
		return later
	case w.glares < maxGlares && (r.Answered && (r.Code == 491 || r.Code == 500) || !r.Answered && r.Cause == Transport):
		return again
	}
	return revert
}

// refused carries out the table.
func (m *Machine) refused(f *flight, r Result) {
	w := &m.want
	restore := func() { w.urgency = max(w.urgency, f.urgency) }
	switch m.judge(f, r) {
	case report:
		m.tell(f, r)
	case again:
		w.glares++
		restore()
		m.arm(wishDue, max(m.glareWait(), r.RetryAfter))
	case later, reinvit:
		restore()
	case gone:
		m.unknown(r)
	case revert:
		if f.urgency == Soon {
			w.wish.Direction, w.glares = w.said.Direction, 0
			m.do(Outcome{Urgency: Soon, Method: f.by, Result: r})
		}
	}
}

// unknown: the peer does not know the call any more (RFC 5057 5.1). A 408 says
// only that it was not reached, so it gets a BYE.
func (m *Machine) unknown(r Result) {
	e := Ended{By: Peer, How: Unknown, Code: r.Code, Err: r.Err, Passed: true}
	if r.Code == 408 {
		m.part(e)
		return
	}
	m.over(e)
}

// Wish is what the call is to be.
func (m *Machine) Wish() Wish { return m.want.wish }

// Said is what the peer was told of us last: in the offer that is out, else in
// what it took.
func (m *Machine) Said() Wish {
	if m.main != nil {
		if f := m.change(m.main); f != nil {
			return f.said
		}
	}
	return m.want.said
}

// Tags are the dialogs that the peer may hold, by its tags: the one of an
// answered call, or what our INVITE made ring, the newest first.
func (m *Machine) Tags() (tags []string) {
	if m.main != nil && m.main.confirmed {
		return []string{m.main.RemoteTag}
	}
	for i := len(m.forks) - 1; i >= 0; i-- {
		if !m.forks[i].dead {
			tags = append(tags, m.forks[i].RemoteTag)
		}
	}
	return tags
}

// Knows says whether a tag is that of a living dialog of the call.
func (m *Machine) Knows(tag string) bool {
	f := m.forkBy(tag)
	return f != nil && !f.dead
}

// Had says whether a tag is, or was, that of a dialog of the call.
func (m *Machine) Had(tag string) bool { return m.forkBy(tag) != nil }

// Passed says whether the call was answered.
func (m *Machine) Passed() bool {
	return m.main != nil && m.main.confirmed && (m.caller || m.got.ok || !m.got.initial)
}

// Owes says whether the peer would have to hear a BYE if all ended now, and what that
// is made of: the dialog, and the number of our last request in it.
func (m *Machine) Owes() (d Dialog, seq uint32, ok bool) {
	if !m.Passed() {
		return d, 0, false
	}
	ok = m.state == Accepted || m.state == Up || m.leave.what == byBye && (m.state == Leaving || m.leave.unheard)
	return m.main.Dialog, m.main.seq, ok
}

// Rings is our INVITE where somebody may ring because of it, if all ended now: what
// came of it is not known, and no CANCEL of it was confirmed.
func (m *Machine) Rings() (invite ID, ok bool) {
	f := m.first
	if f == nil || !f.heard && !f.gone {
		return 0, false
	}
	return f.ID, m.state == Calling || m.leave.what == byCancel && (m.state == Leaving || m.leave.unheard)
}

// Direct says whether the peer is reached without a proxy.
func (m *Machine) Direct() bool {
	return m.main != nil && len(m.main.Routes) == 0 && !m.main.Server
}

// Target is where the peer is reached.
func (m *Machine) Target() string {
	if m.main == nil {
		return m.cfg.To.Target
	}
	return m.main.Target
}
