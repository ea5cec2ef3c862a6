package dialog

import "time"

// This file is the session timer (RFC 4028): a call whose session is not
// refreshed in time is over.

// MinTimer is the shortest session timer that we take (RFC 4028 5).
const MinTimer = 90 * time.Second

// clock is the session timer that both sides agreed on.
type clock struct {
	every time.Duration // 0: none
	ours  bool          // we refresh
	min   time.Duration // what a server wants at least, from its 422
}

// The names of who refreshes.
const (
	uac = "uac"
	uas = "uas"
)

// refreshed begins the time anew with a 2xx to an INVITE or UPDATE, which t is
// of. asked: the request was ours.
func (m *Machine) refreshed(t Timer, asked bool) {
	c := &m.want.clock
	if t.Every < MinTimer {
		c.every = 0
		m.disarm(refreshDue, sessionEnds)
		return
	}
	c.every, c.ours = t.Every, (t.Refresher == uac) == asked
	m.disarm(refreshDue)
	if c.ours {
		m.arm(refreshDue, c.every/2)
	}
	m.arm(sessionEnds, c.every-min(32*time.Second, c.every/3)) // RFC 4028 10
}

// timerOf is the timer in a 2xx of ours to a request (RFC 4028 9).
func timerOf(h Header) Timer {
	if h.Timer.Every < MinTimer {
		return Timer{}
	}
	t := Timer{Every: h.Timer.Every, Refresher: h.Timer.Refresher}
	if !has(h.Supported, "timer") {
		t.Refresher = uas // they could not
	} else if t.Refresher == "" {
		t.Refresher = uac
	}
	return t
}

// timerToSay is the timer in a refresh of ours: who refreshes stays so.
func (c clock) timerToSay() Timer {
	if c.every == 0 && c.min == 0 {
		return Timer{}
	}
	t := Timer{Every: max(c.every, c.min), Refresher: uas, Min: c.min}
	if c.ours || c.every == 0 {
		t.Refresher = uac
	}
	return t
}

// sessionRefresh: half of the time is over, and the refresh is ours.
func (m *Machine) sessionRefresh() {
	if m.state != Up {
		return
	}
	m.want.urgency = max(m.want.urgency, Quietly)
	if m.want.urgency == Quietly && m.Allows("UPDATE") {
		m.want.by = Update
	}
	m.arm(refreshDue, m.want.clock.every/4) // once more, should this one come to nothing
}

// sessionOver: nobody refreshed it.
func (m *Machine) sessionOver() {
	if m.state == Up || m.state == Accepted {
		m.part(Ended{By: Nobody, How: Expired, Passed: true})
	}
}
