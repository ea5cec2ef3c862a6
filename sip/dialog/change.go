package dialog

import "time"

// This file is what they want changed: re-INVITE and UPDATE of theirs.

// glare says how an offer of theirs is refused that crosses another; 0: none
// does.
func (m *Machine) glare(f *fork) int {
	switch {
	case m.change(f) != nil:
		return 491 // RFC 3261 14.2
	case m.state == Ringing, m.state == Calling && !f.answered:
		return 500
	case m.got != nil && m.got.waits() && m.got.delayed: // our offer is out in a 2xx
		return 491
	}
	return 0
}

// soonAfterGlare is the part of the waits of RFC 3261 14.1 from which the first is drawn.
const soonAfterGlare = 200 * time.Millisecond

// glareWait is the wait after a 491 (RFC 3261 14.1), the first time from the
// beginning of the range: the crossing is over as soon as one of the two goes first.
func (m *Machine) glareWait() time.Duration {
	lo, hi := time.Duration(0), 2*time.Second
	if m.caller {
		lo, hi = 2100*time.Millisecond, 4*time.Second
	}
	if m.want.glares <= 1 {
		hi = lo + soonAfterGlare
	}
	return m.cfg.Between(lo, hi).Round(10 * time.Millisecond)
}

// refuseOffer refuses an offer for its time alone. That the peer is elsewhere by now
// stands (RFC 3261 12.2.2): a phone that moves keeps its old address for as long as
// the network lets it, and the next request of ours is to find it.
func (m *Machine) refuseOffer(f *fork, r Request, code int) {
	m.retarget(f, r.Contact, true)
	m.do(Reply{To: r.ID, Code: code, RetryAfter: code == 500})
}

// tooShort refuses a session timer that would have both sides talk all the time
// (RFC 4028 9).
func (m *Machine) tooShort(r Request) bool {
	if t := r.Header.Timer.Every; t == 0 || t >= MinTimer || !has(r.Header.Supported, "timer") {
		return false
	}
	m.do(Reply{To: r.ID, Code: 422, Timer: Timer{Min: MinTimer}})
	return true
}

// reinvited takes a re-INVITE (RFC 3261 14.2). It is answered at once.
func (m *Machine) reinvited(f *fork, r Request) {
	code := m.glare(f)
	if m.state == Calling {
		code = 500
	}
	if code != 0 {
		m.refuseOffer(f, r, code)
		return
	}
	if m.tooShort(r) {
		return
	}
	m.proves()
	m.heed(r.Header)
	g := &got{Request: r, path: m.leave.path}
	if r.Body == nil { // delayed offer: ours goes into the 2xx
		m.got = g
		m.retarget(f, r.Contact, true)
		m.want.said = m.want.wish
		m.say(g, m.want.wish.offer(f.session), true)
		return
	}
	body, n, err := m.want.wish.answer(f.session, r.Body)
	if err != nil {
		m.do(Reply{To: r.ID, Code: 488, Err: err})
		m.do(Outcome{Method: Reinvite, Result: Result{Code: 488, Err: err}})
		return
	}
	m.got = g
	m.retarget(f, r.Contact, true)
	m.want.said = m.want.wish
	m.do(Apply{Negotiated: n})
	m.say(g, body, false)
}

// updated takes an UPDATE (RFC 3311 5.2); without an offer it only moves the
// target.
func (m *Machine) updated(f *fork, r Request) {
	if m.tooShort(r) {
		return
	}
	if r.Body == nil {
		m.heed(r.Header)
		m.retarget(f, r.Contact, true)
		t := timerOf(r.Header)
		m.refreshed(t, false)
		m.do(Reply{To: r.ID, Code: 200, Timer: t})
		return
	}
	if code := m.glare(f); code != 0 {
		m.refuseOffer(f, r, code)
		return
	}
	m.proves()
	m.heed(r.Header)
	body, n, err := m.want.wish.answer(f.session, r.Body)
	if err != nil {
		m.do(Reply{To: r.ID, Code: 488, Err: err})
		m.do(Outcome{Method: Update, Result: Result{Code: 488, Err: err}})
		return
	}
	m.retarget(f, r.Contact, true)
	m.want.said = m.want.wish
	m.do(Apply{Negotiated: n, Early: m.state < Accepted})
	t := timerOf(r.Header)
	m.refreshed(t, false)
	m.do(Reply{To: r.ID, Code: 200, Body: body, Timer: t})
}

// proves: a new offer of theirs shows that they have our 2xx to the one before,
// whose ACK was lost.
func (m *Machine) proves() {
	if g := m.got; g != nil && g.waits() && !g.delayed {
		m.confirmed(g)
	}
}
