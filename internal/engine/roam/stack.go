package roam

import (
	"slices"
	"time"

	"ramble/internal/leaf/phone"
)

// stack is what the machine knows of one SIP stack.
type stack struct {
	from     Epoch // under which it was opened
	to       Epoch // the last that it served, set when it is left; see Keep
	path     Path
	state    stackState
	answered bool // the server has said something on it
	since    time.Time
	failures int         // openings in a row that came to nothing
	retryAt  time.Time   // the next opening; zero: none is waited for
	last     phone.Fault // why the last opening failed
	started  bool        // it is the first of all
	mapping  mapping     // how others see it
	lingers  time.Time   // until then the last requests and answers of a call of it may come again
}

type stackState int

const (
	shut stackState = iota
	opening
	open
)

// diedYoung: it answered nothing and did not live long. A server that accepts
// connections only to reset them must not make us open them in a tight loop.
func (s stack) diedYoung(now time.Time) bool {
	return !s.answered && now.Sub(s.since) < youngDeath
}

// serves reports whether an epoch is one of the stack's.
func (s stack) serves(e Epoch) bool { return s.from != 0 && s.from <= e && e <= s.to }

// present reports whether an epoch is one that the present stack serves.
func (m *Machine) present(e Epoch) bool {
	return m.stack.from != 0 && m.stack.from <= e && e <= m.epoch
}

// live reports whether an epoch is served by a stack that is open.
func (m *Machine) live(e Epoch) bool {
	return m.present(e) && m.stack.state == open ||
		slices.ContainsFunc(m.kept, func(s stack) bool { return s.serves(e) })
}

// open opens the present epoch's stack.
func (m *Machine) open() {
	m.stack.state, m.stack.since, m.stack.retryAt = opening, m.now, time.Time{}
	m.do(Open{Epoch: m.epoch, Path: m.path})
	m.run("open", 0, m.path.fact(phone.OnPath))
}

// reopenLater waits before the next try; it returns for how long.
func (m *Machine) reopenLater(failures int, f Failure) time.Duration {
	wait := m.recoveryFrom(f, failures)
	m.stack.state, m.stack.failures, m.stack.retryAt = shut, failures, m.now.Add(wait)
	return wait
}

func (m *Machine) openFailed(e OpenFailed) {
	if !m.present(e.Epoch) || m.stack.state != opening {
		return
	}
	wait := m.reopenLater(m.stack.failures+1, e.Failure)
	m.stack.last = e.Failure.fault()
	m.end("open", 0, false, again(phone.Fact{Kind: phone.MediaFault, Fault: m.stack.last}, wait))
}

// stackLost: the present stack is replaced on the same path; the media stay
// where they are, but the Contact's port may change, so calls are refreshed.
func (m *Machine) stackLost(e StackLost) {
	if len(e.Why) == 0 {
		e.Why = []phone.Fact{fact(phone.StackLost)}
	}
	if i := slices.IndexFunc(m.kept, func(s stack) bool { return s.serves(e.Epoch) }); i >= 0 {
		m.dropKept(i, e.Why[0])
		m.reviveLeft()
		return
	}
	if !m.present(e.Epoch) || m.stack.state == shut {
		return
	}
	m.begin(change{path: m.path, alive: true, lost: true, why: e.Why})
}

// leaveStack closes the stack of before, or keeps it beside the new one while
// its path lives and somebody needs it.
func (m *Machine) leaveStack(ch change, overtaking bool) {
	if !ch.alive {
		for len(m.kept) > 0 {
			m.dropKept(0, m.kept[0].path.fact(phone.OldPathGone))
		}
	}
	s := m.stack
	if s.state == shut {
		return
	}
	why := s.path.fact(phone.OldPathGone)
	switch {
	case ch.lost:
		why = ch.why[0]
	case ch.alive && s.state == open && (overtaking && m.rings(s) || !overtaking && m.needed(s)):
		m.kept = append(m.kept, s)
		return
	case ch.alive:
		why = fact(phone.Overtaken)
	case ch.force:
		why = ch.why[0]
	}
	m.do(Close{Epoch: s.to, Why: why})
}

// needed reports whether an old stack still has the binding or a call.
func (m *Machine) needed(s stack) bool {
	return m.reg.wanted && s.serves(m.reg.bound) || m.now.Before(s.lingers) ||
		slices.ContainsFunc(m.calls, func(c *call) bool { return s.serves(c.home) || s.serves(c.flight) })
}

// rings reports whether a call that is not answered yet lives on the stack.
func (m *Machine) rings(s stack) bool {
	return slices.ContainsFunc(m.calls, func(c *call) bool { return !c.up() && s.serves(c.home) })
}

// linger leaves the old stack of a call that has just ended or been answered open for as long as
// a request or an answer of it may come again: the final answer waits for its ACK
// there, and a CANCEL or a BYE of the peer's may be on its way (RFC 3261 17).
func (m *Machine) linger(c *call) {
	for i := range m.kept {
		if s := &m.kept[i]; s.serves(c.home) || s.serves(c.flight) {
			s.lingers = m.now.Add(lingerFor)
		}
	}
}

// closeKept closes the old stacks that nobody needs any more.
func (m *Machine) closeKept(why phone.Fact) {
	for i := 0; i < len(m.kept); {
		if s := m.kept[i]; m.needed(s) {
			i++
		} else {
			m.dropKept(i, why)
			m.step("close", 0, true, s.path.fact(phone.OnPath))
		}
	}
}

func (m *Machine) dropKept(i int, why phone.Fact) {
	m.do(Close{Epoch: m.kept[i].to, Why: why})
	m.kept = slices.Delete(m.kept, i, i+1)
}

// keptDied: the path of before, which lived beside the present one, is gone.
func (m *Machine) keptDied(why []phone.Fact) {
	if len(m.kept) == 0 {
		return
	}
	for len(m.kept) > 0 {
		m.dropKept(0, first(why, m.kept[0].path.fact(phone.OldPathGone)))
	}
	if len(why) == 0 {
		why = []phone.Fact{fact(phone.OldPathGone)}
	}
	if m.roam != nil {
		m.roam.broken = true
		m.step("sign", 0, false, why...)
	}
	for _, c := range m.calls {
		if m.policy.MediaFirst && c.stage != left {
			m.switchMedia(c)
		}
	}
	m.reviveLeft()
}

// askCallers asks those who ring us, and whose INVITE came by a path that is
// gone, whether they still do.
func (m *Machine) askCallers() {
	for _, c := range m.calls {
		if c.State == RingingHere && m.stack.state == open && !m.live(c.home) {
			c.home = m.epoch
			m.do(AskCaller{Epoch: m.epoch, Call: c.ID})
		}
	}
}

// reviveLeft repairs the unanswered calls whose old stack is there no more.
func (m *Machine) reviveLeft() {
	m.askCallers()
	for _, c := range m.calls {
		switch {
		case c.stage == left && !m.live(c.home):
			m.resume(fact(phone.OldPathGone), c.ID)
			m.prepare(c, true, m.policy.MediaFirst)
		case c.flight != 0 && !m.live(c.flight):
			c.flight, c.redo = 0, false
			m.tryRepair(c)
		default:
			m.tryRepair(c)
		}
	}
}

// answered: the server said something, so the stack is alive.
func (m *Machine) answered() {
	m.stack.answered, m.stack.failures = true, 0
	if m.roam != nil {
		m.roam.answered = true
	}
}
