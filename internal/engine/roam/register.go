package roam

import (
	"slices"
	"time"

	"ramble/internal/leaf/phone"
)

// registration is the account's binding with its server.
type registration struct {
	binding
	wanted   bool       // the user wants one
	unwanted            // the server does not want it
	ok       bool       // it was granted on the present stack
	flight   Epoch      // of the REGISTER in flight; 0 none. There is never a second
	again    bool       // asked for while one was in flight: send another after its end
	leave    bool       // no longer wanted while one was in flight: remove after its end
	oldFirst bool       // the server allows one contact: the old one goes first
	failures int        // in a row
	missing  int        // tries in a row because a 2xx did not list us
	due      time.Time  // of the refresh or the next try
	last     phone.Fact // the last failure; zero when there was none since
	moved    bool       // the Contact is not the granted one, on the same stack
	outbound bool       // the server keeps to RFC 5626
}

// unwanted is what a server that does not want the registration leads to.
type unwanted struct {
	refused bool // nothing is sent until the user or a new path asks
	crowded int  // 403s in a row to a login that is good: somebody else has the place
	slow    bool // because of that the next try is far away, and nothing waits for it
}

// pending reports whether the binding is wanted, not there yet and not refused.
func (r *registration) pending() bool { return r.wanted && !r.refused && !r.slow && !r.ok }

// newStack forgets what belonged to the stack of before. What is with the
// server stays remembered in bound.
func (r *registration) newStack() {
	r.unanswered()
	*r = registration{
		binding:  binding{bound: r.bound, doubt: r.doubt, owed: r.owed || r.leave},
		unwanted: unwanted{refused: r.refused},
		wanted:   r.wanted, outbound: r.outbound,
	}
}

// register sends a REGISTER now, or after the one in flight.
func (m *Machine) register() {
	r := &m.reg
	if !r.wanted || r.refused || m.stack.state != open {
		return
	}
	if r.flight != 0 {
		r.again = true
		return
	}
	r.flight, r.due, r.slow = m.epoch, time.Time{}, false
	old := m.leftBehind() || r.stale || r.bound != 0 && r.moved
	m.do(Register{Epoch: m.epoch, RemoveOld: old && m.policy.RemoveOld, OldFirst: old && r.oldFirst})
	m.runRegister()
}

func (m *Machine) registered(e Registered) {
	r := &m.reg
	if r.flight == 0 || r.flight != e.Epoch {
		return
	}
	m.sweep(e.Stale)
	first := !r.ok
	r.flight, r.ok, r.bound, r.failures, r.oldFirst, r.last = 0, true, m.epoch, 0, false, phone.Fact{}
	r.moved, r.outbound, r.crowded = false, e.Outbound, 0
	m.answered()
	if e.RefreshIn > 0 {
		r.due = m.now.Add(e.RefreshIn)
	}
	m.endRegister(!e.Missing, m.listed(e))
	if r.leave {
		m.unregister()
		return
	}
	if r.again {
		r.again = false
		m.register()
	}
	if first {
		m.retryUnknown()
	}
	m.seenAt(ByServer, e.Seen)
}

// maxMissing bounds the tries on one stack that follow a 2xx which does not list
// us; then the refreshes go on as usual.
const maxMissing = 3

// listed tries again, a few times, where the registrar lists others and not
// us: one of several servers may be late, or another REGISTER came between. It
// returns what the timeline tells of it.
func (m *Machine) listed(e Registered) phone.Fact {
	r := &m.reg
	said := phone.Fact{Kind: phone.Accepted, Method: "REGISTER", Text: e.Detail}
	if !e.Missing {
		r.missing = 0
		return said
	}
	said.Kind = phone.NotListed
	wait := m.policy.backoff(r.missing+1, 0)
	if r.missing >= maxMissing || r.leave || !r.due.IsZero() && r.due.Before(m.now.Add(wait)) {
		return said
	}
	r.missing++
	r.due = m.now.Add(wait)
	return again(said, wait)
}

// retryUnknown tries those calls again that the server could not place before
// it knew our address.
func (m *Machine) retryUnknown() {
	for _, c := range m.calls {
		unplaced := c.stage == awaitRegister || c.stage == failed && !m.present(c.home)
		switch {
		case unplaced && c.flight != 0: // given up, but its last try has not ended
			c.redo = true
		case unplaced:
			m.resume(fact(phone.RegisteredAgain), 0)
			m.tryAgain(c)
		}
	}
}

func (m *Machine) registerFailed(e RegisterFailed) {
	r := &m.reg
	if r.flight == 0 || r.flight != e.Epoch {
		return
	}
	if e.Failure.mayBeTaken() {
		r.unanswered()
	}
	r.flight, r.ok, r.last = 0, false, e.Failure.of("REGISTER")
	if e.Failure.Kind == Answered || e.Failure.Kind == Refused {
		m.answered()
	}
	switch {
	case r.leave:
		m.endRegister(false, r.last)
		m.unregister()
	case r.again:
		// The user asked meanwhile: once more, whatever the answer was.
		r.again = false
		m.endRegister(false, then(r.last, phone.TryAsAsked))
		m.register()
	case m.oneContactOnly(e.Failure):
		// Servers that allow one contact answer 403 to the second; seen with
		// Asterisk, max_contacts=1 without remove_existing.
		r.oldFirst = true
		m.endRegister(false, then(r.last, phone.TryWithoutOld))
		m.register()
	case e.Failure.final() && e.Failure.Kind == Answered && m.refusedContact():
		m.endRegister(false, then(r.last, phone.TryOwnAddress))
		m.register()
	case e.Known && e.Failure.Kind == Answered && e.Failure.Code == 403:
		r.crowded++
		r.slow = true
		wait := m.policy.placeWait(r.crowded, e.Failure.RetryAfter)
		r.due = m.now.Add(wait)
		m.endRegister(false, again(r.last, wait))
		m.registerRefused()
	case e.Failure.final():
		r.refused = true
		m.endRegister(false, r.last)
		m.registerRefused()
	default:
		r.failures++
		wait := m.recoveryFrom(e.Failure, r.failures)
		r.due = m.now.Add(wait)
		m.endRegister(false, again(r.last, wait))
	}
}

// oneContactOnly reports whether a refusal may mean only that our old binding
// is in the way; that is tried once per stack.
func (m *Machine) oneContactOnly(f Failure) bool {
	r := &m.reg
	return f.Kind == Answered && f.Code == 403 && m.policy.RemoveOld && !r.oldFirst && m.leftBehind()
}

// registerRefused: no further try by ourselves, or none soon.
func (m *Machine) registerRefused() {
	if m.roam != nil && m.roam.full {
		m.roam.refused = true
	}
	m.release()
}

// release judges again those calls that waited for a registration which will
// not come.
func (m *Machine) release() {
	for _, c := range slices.Clone(m.calls) {
		if c.stage == awaitRegister {
			m.judge(c, c.last)
		}
	}
}

// wantRegistration is the user's register toggle.
func (m *Machine) wantRegistration(on bool) {
	r := &m.reg
	if on == r.wanted {
		return
	}
	r.wanted, r.refused, r.slow, r.again = on, false, false, false
	if on {
		r.owed = false
	}
	switch {
	case r.flight != 0:
		r.leave = !on // two in flight might be carried out in the other order
	case on:
		m.register()
	default:
		m.unregister()
	}
	if !on {
		m.release()
	}
}

// unregister removes the binding, if there is one: now, or when there is a
// stack to say so.
func (m *Machine) unregister() {
	r := &m.reg
	r.leave, r.ok, r.due, r.failures = false, false, time.Time{}, 0
	r.owed = r.bound != 0 || r.doubt != 0
	m.sayUnregister()
}

// maxUnregisters bounds the tries of a removal that nobody answers; then the
// binding is left to expire.
const maxUnregisters = 6

func (m *Machine) sayUnregister() {
	r := &m.reg
	if !r.owed || r.wanted || r.flight != 0 || r.leaving != 0 || m.stack.state != open {
		return
	}
	r.leaving, r.due = m.epoch, time.Time{}
	m.do(Unregister{Epoch: m.epoch})
}

// unregistered is the end of a removal. One that was not answered is tried
// again, here or on the next stack.
func (m *Machine) unregistered(e Epoch, f *Failure) {
	r := &m.reg
	if r.leaving == 0 || r.leaving != e {
		return
	}
	r.leaving = 0
	if r.wanted { // meanwhile
		return
	}
	if f != nil && f.Kind != Answered && f.Kind != Refused {
		if r.failures++; r.failures < maxUnregisters {
			r.due = m.now.Add(m.recovery(r.failures, f.RetryAfter))
			return
		}
	}
	r.owed, r.bound, r.doubt, r.failures = false, 0, 0, 0
}

// registerDue is the time of a refresh, or of the next try of either kind.
func (m *Machine) registerDue() {
	m.reg.due = time.Time{}
	m.register()
	m.sayUnregister()
}

// runRegister and endRegister write the timeline, where REGISTER is part of
// the roam.
func (m *Machine) runRegister() {
	if m.roam != nil && m.roam.full {
		m.run("register", 0, phone.Fact{Kind: phone.Sent, Method: "REGISTER"})
	}
}

func (m *Machine) endRegister(ok bool, said phone.Fact) { m.end("register", 0, ok, said) }

// final: trying again by ourselves would get the same answer.
func (f Failure) final() bool {
	return f.Kind == Refused || f.Kind == Answered && (f.Code == 403 || f.Code == 404)
}
