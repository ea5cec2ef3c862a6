package dialog

import "time"

// This file is the end of a call, said until the peer has confirmed it.

// what is said at the end.
type what int

const (
	nothing what = iota
	byBye
	byCancel
)

// leave is a call on its way out, and what else hangs on its paths.
type leave struct {
	what    what
	until   time.Time // no new try after it
	tries   int
	code    int  // of our refusal
	noes    int  // answers of a caller that does not know that it calls
	path    int  // counts Moved
	passed  bool // the call was answered
	unheard bool // it ended, and nobody confirmed that
	unknown bool // a 481 to our BYE or CANCEL
	spare   bool // what rings is not hung up: another INVITE may take it over
}

// Times of an end that is not confirmed.
const (
	leavePatience  = 10 * time.Second // with one try
	cancelPatience = 5 * time.Second  // for the 487 after the 200 to a CANCEL
)

// leaveWait is the time before the next try; the last one repeats.
func leaveWait(tries int) time.Duration {
	waits := [...]time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
	return waits[min(max(tries, 1), len(waits))-1]
}

// over ends a call about which nothing more is to be said.
func (m *Machine) over(e Ended) {
	m.do(e)
	m.finish(false)
}

// finish: nothing of ours is owed any more.
func (m *Machine) finish(unheard bool) {
	was := m.state
	m.state, m.leave.unheard = Over, unheard
	m.disarm(refreshDue, sessionEnds, ringAgain, ringLate, wishDue, settleLate, answerOld, leaveDue, askDue, inviteLate)
	if g := m.got; g == nil || g.ok || !g.final {
		m.disarm(answerAgain, answerLate)
	}
	for _, f := range m.flight {
		if f.job == change || f.job == asking {
			m.do(Stop{ID: f.ID})
		}
	}
	if was != Over {
		m.do(Settled{Unheard: unheard, Unknown: m.leave.unknown})
	}
}

// drop ends the call without a word.
func (m *Machine) drop() {
	switch m.state {
	case Over:
	case Leaving:
		m.finish(true)
	default:
		passed := m.state >= Accepted
		m.do(Ended{By: Us, How: Dropped, Passed: passed})
		m.finish(true)
	}
}

// hangUp ends the call from our side.
func (m *Machine) hangUp(e Hangup) {
	switch m.state {
	case Idle:
		m.over(Ended{By: Us, How: HungUp})
	case Calling:
		m.do(Ended{By: Us, How: HungUp})
		m.leave.spare = e.Spare
		m.leaveByCancel()
	case Ringing:
		m.reject(603, nil)
	case Accepted, Up:
		m.part(Ended{By: Us, How: HungUp, Passed: true})
		if e.Once {
			m.leave.until = m.now
		}
	case Leaving, Over:
	}
}

// part ends a call that was answered: BYE.
func (m *Machine) part(e Ended) {
	m.do(e)
	m.leaveByBye()
}

func (m *Machine) leaveByBye() {
	m.state, m.leave.what, m.leave.tries, m.leave.until = Leaving, byBye, 0, m.now.Add(m.cfg.Keep)
	m.disarm(wishDue, settleLate, answerOld, inviteLate, refreshDue, sessionEnds)
	if g := m.got; g != nil && g.initial && g.waits() {
		return // not before the ACK, or its absence (RFC 3261 15)
	}
	m.sayBye()
}

func (m *Machine) sayBye() {
	if m.leave.what != byBye || m.state != Leaving {
		return
	}
	for _, f := range m.flight {
		if f.job == byeing {
			return
		}
	}
	m.leave.tries++
	m.send(m.main, &flight{job: byeing, Send: Send{Method: "BYE"}})
	m.arm(leaveDue, leavePatience)
}

// byeAnswered: anything but trouble on the way confirms the end.
func (m *Machine) byeAnswered(r Response) {
	if m.state != Leaving {
		return
	}
	if r.Code == 408 || r.Code >= 500 && r.Code < 600 {
		m.leaveLater(r.Header.RetryAfter)
		return
	}
	m.leave.unknown = r.Code == 481
	m.finish(false)
}

func (m *Machine) byeFailed(f *flight, e Failed) {
	switch {
	case m.state != Leaving:
	case e.Cause == Refused:
		m.finish(false)
	case e.Cause == Closed && f.path == m.leave.path:
		m.disarm(leaveDue) // said again when there is a path
	case e.Cause == Closed:
		m.sayBye()
	default:
		m.leaveLater(0)
	}
}

func (m *Machine) leaveLater(atLeast time.Duration) {
	wait := max(leaveWait(m.leave.tries), atLeast)
	if m.now.Add(wait).After(m.leave.until) {
		m.finish(true)
		return
	}
	m.arm(leaveDue, wait)
}

// leaveDue: the wait between tries is over, or a try took too long.
func (m *Machine) leaveDue() {
	if m.state != Leaving {
		return
	}
	for _, f := range append([]*flight(nil), m.flight...) {
		if f.job == byeing || f.job == cancelling || f.job == inviting && f.cancel {
			m.do(Stop{ID: f.ID})
			m.land(f)
			if f.job == inviting { // no final response came: consider it cancelled (RFC 3261 9.1)
				m.finish(false)
				return
			}
			m.leaveLater(0)
			return
		}
	}
	switch {
	case m.leave.what == byBye:
		m.sayBye()
	case m.first != nil && !m.first.heard && !m.first.gone: // nobody ever took it
		m.land(m.first)
		m.do(Stop{ID: m.first.ID})
		m.finish(true)
	default:
		m.cancelNow()
	}
}

// leaveByCancel gives up our INVITE.
func (m *Machine) leaveByCancel() {
	m.state, m.leave.what, m.leave.tries, m.leave.until = Leaving, byCancel, 0, m.now.Add(m.cfg.Keep)
	m.disarm(inviteLate, wishDue)
	f := m.first
	switch {
	case f == nil:
		m.finish(false)
	case f.heard || f.gone:
		m.cancelNow()
	default: // not before a provisional response (RFC 3261 9.1)
		m.arm(leaveDue, leavePatience)
	}
}

// cancelNow sends the CANCEL. Where the INVITE went with its path, phones that
// it made ring may have answered unheard: they get a BYE as well, which RFC 3261
// 15 allows the caller.
func (m *Machine) cancelNow() {
	f := m.first
	if f == nil || f.cancel {
		return
	}
	if f.gone && f.path == m.leave.path {
		return // when there is a path
	}
	f.cancel = true
	m.leave.tries++
	m.flight = append(m.flight, &flight{job: cancelling, of: f.ID, path: m.leave.path,
		Send: Send{ID: m.nextID(), Method: "CANCEL"}})
	m.do(Cancel{ID: m.lastID, Of: f.ID})
	m.arm(leaveDue, leavePatience)
	if f.gone {
		m.spareOrHangUp()
	}
}

// spareOrHangUp is what becomes of phones that a lost INVITE made ring.
func (m *Machine) spareOrHangUp() {
	if !m.leave.spare {
		m.hangUpForks()
	}
}

// hangUpForks has a BYE sent to every phone that a lost INVITE made ring.
func (m *Machine) hangUpForks() {
	for _, fk := range m.forks {
		if !fk.dead && !fk.confirmed {
			fk.dead = true
			m.send(fk, &flight{job: parting, Send: Send{Method: "BYE"}})
		}
	}
}

func (m *Machine) cancelAnswered(f *flight, r Response) {
	switch {
	case m.want.settling == f.ID && f.ID != 0:
		m.settled()
	case m.state != Leaving:
	case r.Code >= 500 && r.Code < 600: // a server in trouble took nothing in; it would ring on
		m.first.cancel = false
		m.leaveLater(r.Header.RetryAfter)
	case m.first.gone:
		m.finish(false)
	default:
		m.leave.unknown = r.Code == 481
		m.arm(leaveDue, cancelPatience)
	}
}

func (m *Machine) cancelFailed(f *flight, e Failed) {
	switch {
	case m.want.settling == f.ID && f.ID != 0:
		m.settled()
	case m.state != Leaving:
	default:
		m.first.cancel = false
		m.cancelLater(f, e)
	}
}

func (m *Machine) cancelLater(f *flight, e Failed) {
	switch {
	case e.Cause == Closed && f.path == m.leave.path:
		m.disarm(leaveDue)
	case e.Cause == Closed:
		m.cancelNow()
	default:
		m.leaveLater(0)
	}
}

// cancelLost: the INVITE that is being given up ended without an answer.
func (m *Machine) cancelLost(f *flight, e Failed) {
	if e.Cause != Closed {
		m.finish(false)
		return
	}
	for _, x := range m.flight {
		if x.job == cancelling && x.path == m.leave.path && f.path != x.path {
			m.spareOrHangUp() // the CANCEL was said by the new path already
			return
		}
	}
	if f.cancel && f.path != m.leave.path { // and answered
		m.spareOrHangUp()
		m.finish(false)
		return
	}
	f.cancel = false
	m.disarm(leaveDue)
	m.cancelNow()
}

// moved: there is another path.
func (m *Machine) moved() {
	m.leave.path++
	m.want.dead = false
	if g := m.got; g != nil && g.waits() { // it may have died with the old one
		m.do(Reply{To: g.ID, Code: 200, Body: g.body, Timer: timerOf(g.Header)})
		g.wait = T1
		m.arm(answerAgain, g.wait)
	}
	if m.main != nil && m.main.acked != 0 {
		m.want.reack = true
	}
	if m.state != Leaving {
		return
	}
	m.leave.until = m.now.Add(m.cfg.Keep)
	switch {
	case m.leave.what == byBye && (m.got == nil || !m.got.initial || !m.got.waits()):
		m.sayBye()
	case m.leave.what == byCancel && m.first != nil && m.first.gone:
		m.cancelNow()
	}
}

// theirBye ends the call, or a fork of it.
func (m *Machine) theirBye(f *fork, r Request) {
	m.reply(r.ID, 200)
	f.dead = true
	code := r.Header.Cause
	switch {
	case m.state == Leaving && m.leave.what == byBye:
		m.finish(false) // their BYE crossed ours
	case m.state == Leaving:
	case m.state == Ringing:
		m.final(487)
		m.over(Ended{By: Peer, How: HungUp, Code: code, Text: r.Header.Text})
	case m.state == Calling:
		for _, other := range m.forks {
			if !other.dead {
				return // another phone rings on
			}
		}
		m.do(Ended{By: Peer, How: HungUp, Code: code, Text: r.Header.Text})
		m.leaveByCancel()
	case f == m.main:
		m.over(Ended{By: Peer, How: HungUp, Code: code, Text: r.Header.Text, Passed: true})
	}
}
