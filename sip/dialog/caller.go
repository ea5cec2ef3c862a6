package dialog

import "time"

// This file is our INVITE, from Dial to its final response.

// inviteLimit bounds an outgoing call that nobody answers: Timer C is three
// minutes in RFC 3261 16.6.
const inviteLimit = 3 * time.Minute

func (m *Machine) dial(e Dial) {
	if m.state != Idle || !m.caller {
		return
	}
	m.state, m.want.wish, m.want.said = Calling, e.Wish, e.Wish
	m.cfg.To.Routes, m.cfg.To.Server = e.Routes, e.Server
	m.first = &flight{job: inviting, said: e.Wish, path: m.leave.path, Send: Send{ID: m.nextID(), Method: "INVITE", Seq: 1,
		Dialog: m.cfg.To, Body: e.Wish.offer(m.cfg.Session), Replaces: m.cfg.Replaces}}
	m.flight = append(m.flight, m.first)
	m.do(m.first.Send)
	m.arm(inviteLate, inviteLimit)
}

// response takes a response to the request that it answers.
func (m *Machine) response(r Response) {
	f := m.find(r.To)
	switch {
	case f == nil:
		m.lateAnswer(r)
		return
	case r.Code < 200:
		f.heard = true
		if f.job == inviting {
			m.progress(f, r)
		}
		return
	case r.Again && (f.job != inviting || m.state == Calling) && m.again(f):
		return
	}
	m.land(f)
	switch f.job {
	case inviting:
		m.invited(f, r)
	case change:
		m.changed(f, r)
	case byeing:
		m.byeAnswered(r)
	case asking:
		m.askAnswered(r)
	case cancelling:
		m.cancelAnswered(f, r)
	case pracking, parting: // whatever it says
	}
}

func (m *Machine) failed(e Failed) {
	f := m.find(e.To)
	if f == nil {
		m.ackFailed(e)
		return
	}
	m.land(f)
	f.gone = true
	switch f.job {
	case inviting:
		m.inviteFailed(f, e)
	case change:
		m.changeFailed(f, e)
	case byeing:
		m.byeFailed(f, e)
	case asking:
		m.askLater()
	case cancelling:
		m.cancelFailed(f, e)
	case pracking, parting:
	}
}

// progress takes in a provisional response to our first INVITE.
func (m *Machine) progress(f *flight, r Response) {
	if m.state == Leaving {
		m.cancelNow()
		return
	}
	if m.state != Calling {
		return
	}
	var fk *fork
	if r.Code > 100 {
		fk = m.forkOf(r)
		if fk != nil && r.Contact.URI != "" {
			m.retarget(fk, r.Contact, false)
		}
		m.heed(r.Header)
		if !m.takeReliable(f, fk, r) {
			return
		}
	}
	if fk != nil && !fk.dead {
		m.main = fk // what was heard last is shown, and moved
	}
	if fk != nil && len(r.Body) > 0 && (!fk.answered || r.Header.Reliable != 0) {
		reliable := r.Header.Reliable != 0
		if n, err := take(fk.session, r.Body, !reliable); err == nil {
			fk.answered = fk.answered || reliable
			m.do(Apply{Negotiated: n, Early: true})
		}
	}
	m.do(Progress{Code: r.Code, Tag: r.Tag, Err: r.Err})
}

// takeReliable acknowledges a reliable provisional response. It reports false
// for one that came before, or out of order: its content is not to be used (RFC
// 3262 4).
func (m *Machine) takeReliable(invite *flight, f *fork, r Response) bool {
	n := r.Header.Reliable
	switch {
	case n == 0:
		return true
	case f == nil, f.rseq != 0 && n != f.rseq+1:
		return false
	}
	f.rseq = n
	m.send(f, &flight{job: pracking, Send: Send{Method: "PRACK", RAck: RAck{RSeq: n, CSeq: r.Seq}, Beside: invite.ID}})
	return true
}

// invited takes in the final response to our first INVITE.
func (m *Machine) invited(f *flight, r Response) {
	switch {
	case r.Code < 300:
		m.answered(r)
	case m.state == Calling && r.Code == 422 && r.Header.Timer.Min > f.Timer.Min: // RFC 4028 7.4
		m.want.clock.min = r.Header.Timer.Min
		f.Timer = m.want.clock.timerToSay()
		m.flight = append(m.flight, f)
		m.again(f)
	case m.state == Leaving:
		m.leave.unknown = false // its end and our CANCEL crossed
		m.finish(false)
	case m.state == Calling:
		m.over(Ended{By: Peer, How: Rejected, Code: r.Code, Err: r.Err})
	}
}

// lateAnswer settles a 2xx that no transaction waits for: it comes again because
// our ACK was lost, or from another fork, or it crossed our giving up.
func (m *Machine) lateAnswer(r Response) {
	if r.Code < 200 || r.Code > 299 || m.first == nil && m.main == nil {
		return
	}
	if f := m.forkBy(r.Tag); f != nil && f.acked >= r.Seq {
		m.do(Ack{ID: m.nextID(), Dialog: f.Dialog, Seq: r.Seq}) // each repetition again (RFC 3261 13.2.2.4)
		return
	} else if f != nil && f.confirmed {
		if l := m.want.lost; l != nil && l.Seq == r.Seq && m.want.settling == 0 && m.state == Up {
			m.want.lost, l.urgency = nil, Noted // it was answered after all
			m.changed(l, r)
			return
		}
		m.ack(f, r.Seq)
		return
	}
	if m.caller {
		m.answered(r)
	}
}

// answered takes a 2xx to our first INVITE. The first one makes the call; the
// dialog of another is hung up, and so is one that crossed our giving up (RFC
// 3261 9.1, 13.2.2.4).
func (m *Machine) answered(r Response) {
	f := m.forkOf(r)
	if f == nil {
		return
	}
	m.retarget(f, r.Contact, false)
	f.settleRoutes(r)
	f.confirmed = true
	m.ack(f, r.Seq)
	switch {
	case m.state == Calling && !f.dead:
		m.won(f, r)
	case m.state == Leaving && m.leave.what == byCancel && !f.dead:
		m.main = f
		m.leaveByBye()
	case !f.dead:
		f.dead = true
		m.send(f, &flight{job: parting, Send: Send{Method: "BYE"}})
	}
}

// won makes the dialog of a 2xx the call's.
func (m *Machine) won(f *fork, r Response) {
	m.disarm(inviteLate)
	if m.first != nil {
		m.land(m.first)
	}
	m.main, m.state, m.leave.passed = f, Up, true
	m.heed(r.Header)
	m.refreshed(r.Header.Timer, true)
	if !f.answered { // else it repeats what a reliable response said (RFC 3262 5)
		if len(r.Body) == 0 {
			m.part(Ended{By: Us, How: Unusable, Err: errNoSDP, Passed: true})
			return
		}
		n, err := take(f.session, r.Body, false)
		if err != nil {
			m.part(Ended{By: Us, How: Unusable, Err: err, Passed: true})
			return
		}
		f.answered = true
		m.do(Apply{Negotiated: n})
	}
	m.do(Established{})
}

// inviteFailed is our first INVITE without a final response. One whose path was
// given up may be answered yet: what becomes of it is the user's, or the
// policy's, to say.
func (m *Machine) inviteFailed(f *flight, e Failed) {
	switch {
	case m.state == Leaving:
		m.cancelLost(f, e)
	case m.state == Calling && e.Cause != Closed:
		m.over(Ended{By: Nobody, How: NotSent, Err: e.Err})
	}
}

func (m *Machine) nobodyAnswers() {
	if m.state != Calling {
		return
	}
	m.do(Ended{By: Nobody, How: NotSent, Err: errNobody})
	m.leaveByCancel()
}

// ackFailed: an ACK could not be sent. Where there is no way at all to the
// Contact of the 2xx that made the call, the call is none.
func (m *Machine) ackFailed(e Failed) {
	if m.state != Up || !m.caller || e.Cause != Unreachable || m.main.acked != m.first.Seq {
		return
	}
	m.part(Ended{By: Us, How: Adrift, Err: e.Err, Passed: true})
}
