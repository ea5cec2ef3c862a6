package roam

import (
	"slices"
	"time"

	"ramble/internal/leaf/phone"
)

// change is what makes a roam begin.
type change struct {
	path    Path // invalid: none
	alive   bool // the path that was in use so far still carries packets
	lost    bool // the present stack is dead, whatever its path is
	move    bool // calls get new media sockets
	force   bool // even those whose media go another way than the account
	restart bool // the last resort, which is not taken twice
	since   time.Time
	why     []phone.Fact
}

// pathChanged: the path towards the account's server is another one.
func (m *Machine) pathChanged(e PathChanged) {
	switch {
	case m.epoch == 0:
		if e.Path.Valid() {
			m.start(e.Path)
		}
	case !m.path.Valid():
		if e.Path.Valid() {
			m.routed(e.Path)
		}
	case m.policy.Enabled:
		m.follow(e)
	case e.Path == m.path:
		m.noted = nil
	default:
		e.OldAlive = e.OldAlive && (m.noted == nil || m.noted.OldAlive)
		m.noted = &e
	}
}

// start takes the first path of all. It is not a roam: nothing was there to
// be repaired.
func (m *Machine) start(p Path) {
	m.epoch++
	m.path = p
	m.stack = stack{from: m.epoch, path: p, started: true}
	for _, c := range m.calls {
		c.home = m.epoch
	}
	m.open()
}

// follow acts on a change of path.
func (m *Machine) follow(e PathChanged) {
	if e.Path == m.path {
		if !e.OldAlive {
			m.keptDied(e.Why)
		}
		return
	}
	m.reg.refused = false
	m.begin(change{path: e.Path, alive: e.OldAlive && e.Path.Valid(), move: true, since: e.Since, why: e.Why})
}

// begin takes the next epoch. What the roam before it had not finished is done
// again in this one; nothing queues.
func (m *Machine) begin(ch change) {
	overtaking := m.roam != nil && m.roam.full
	failures := m.stack.failures
	wait := ch.lost && !ch.restart && m.stack.diedYoung(m.now)
	if ch.lost && !ch.restart && !wait {
		if failures = m.lostAgain(); failures > 0 {
			wait, failures = true, failures-1
		}
	}
	m.stack.to = m.epoch
	m.beginRoam(ch, Began{From: m.path, To: ch.path})
	m.roam.full = true
	m.leaveStack(ch, overtaking)
	m.path = ch.path
	m.reg.newStack()
	m.stack, m.probe = stack{}, 0
	if !m.path.Valid() {
		m.offline()
		return
	}
	m.step("path", 0, true, m.path.fact(phone.OnPath))
	m.stack = stack{from: m.epoch, path: m.path}
	if wait {
		m.reopenLater(failures+1, Failure{})
	} else {
		m.open()
	}
	m.prepareAll(ch)
}

// prepareAll starts the repair of every call.
func (m *Machine) prepareAll(ch change) {
	at := m.policy.MediaFirst && (!ch.alive || ch.restart && len(m.kept) == 0)
	m.roam.deadline = m.now.Add(m.policy.KeepFor)
	for _, c := range m.calls {
		move := ch.move
		if c.media.own && !ch.force {
			move = false
			c.media.own = c.media.path != m.path
		}
		m.prepare(c, move, at)
	}
}

// offline waits for a path. Calls are kept for a while, nothing is sent.
func (m *Machine) offline() {
	m.run("path", 0, fact(phone.NoNetworkYet))
	for _, c := range m.calls {
		c.pause()
	}
	m.keepCalls()
}

// keepCalls starts the grace time of calls without a network, or ends them
// where the user wants no such thing.
func (m *Machine) keepCalls() {
	switch {
	case len(m.calls) == 0 || !m.keepUntil.IsZero():
	case m.policy.HangupOnLost:
		m.endCalls(0)
	default:
		m.keepUntil = m.now.Add(m.policy.KeepFor)
		m.do(KeepCalls{Until: m.keepUntil})
	}
}

// endCalls ends every call for lack of a network, for so long.
func (m *Machine) endCalls(after time.Duration) {
	m.keepUntil = time.Time{}
	for _, c := range m.calls {
		m.do(EndCall{Call: c.ID, After: after})
	}
	m.calls = nil
}

// routed continues the roam that began without a path. Everything is opened
// anew even where the very same address came back: sockets and NAT mappings of
// before are not to be trusted.
func (m *Machine) routed(p Path) {
	m.keepUntil = time.Time{}
	m.path = p
	m.do(Routed{Epoch: m.epoch, To: p})
	m.end("path", 0, true, p.fact(phone.OnPath))
	m.stack = stack{from: m.epoch, path: p}
	m.open()
	m.prepareAll(change{move: true, force: true})
}

// mediaPathChanged: the path towards one call's peer is another one. The call
// takes the next epoch, and so does the stack, which stays.
func (m *Machine) mediaPathChanged(e MediaPathChanged) {
	c := m.call(e.Call)
	if c == nil || !c.up() || !e.Path.Valid() || !m.path.Valid() || !m.policy.Enabled {
		return
	}
	from := c.media.path
	if !c.media.own {
		from = m.path
	}
	if e.From.Valid() {
		from = e.From
	}
	if e.Path == from {
		return
	}
	b := Began{From: from, To: e.Path, Call: c.ID}
	var lines []line
	full := m.roam != nil && m.roam.full
	if m.roam != nil {
		lines = slices.Clone(m.roam.lines)
	}
	if full {
		b = Began{From: m.path, To: m.path}
	}
	of := m.epoch
	m.beginRoam(change{path: e.Path, alive: e.OldAlive, since: e.Since, why: e.Why}, b)
	m.roam.full = full
	m.roam.deadline = m.now.Add(m.policy.KeepFor)
	if m.stack.state != shut {
		m.do(Keep{Epoch: m.epoch, Of: of})
	}
	m.step("path", c.ID, true, e.Path.fact(phone.OnPath))
	c.media.own = e.Path != m.path
	c.media.path = e.Path
	for _, l := range lines {
		if l.call != c.ID {
			m.run(l.name, l.call, fact(phone.GoesOn))
		}
	}
	m.prepare(c, true, m.policy.MediaFirst && !e.OldAlive)
}
