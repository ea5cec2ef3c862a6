package roam

import (
	"slices"
	"time"

	"ramble/internal/leaf/phone"
)

// roam is the one in progress: everything from the first sign of a change
// until all is proven, or known to have failed.
type roam struct {
	at       time.Time    // first sign
	deadline time.Time    // proven by then, or failed; zero while there is no path
	full     bool         // the registration is part of it
	broken   bool         // it began with something dead
	heard    bool         // audio arrived
	answered bool         // the server said something
	restart  bool         // it is the last resort
	refused  bool         // the registration was refused in it
	blames   []phone.Fact // what failed for good
	hungUp   []CallID     // calls that were over before they were whole
	lines    []line       // running
}

// line is a line of the timeline that has not ended.
type line struct {
	name string
	call CallID
	at   time.Time
}

func (r *roam) blame(what phone.Fact) { r.blames = append(r.blames, what) }

// beginRoam takes the next epoch and opens its timeline. A roam in progress is
// superseded. Where that one began with a dead path and no audio has arrived
// since, the gap that the user hears goes on: then the first sign is its.
func (m *Machine) beginRoam(ch change, b Began) {
	at := ch.since
	if at.IsZero() || at.After(m.now) {
		at = m.now
	}
	if r := m.roam; r != nil {
		if r.broken && !r.heard && r.at.Before(at) {
			at = r.at
		}
		m.finish(Superseded, nil)
	}
	m.epoch++
	m.roam = &roam{at: at, broken: !ch.alive || ch.lost, restart: ch.restart}
	for _, c := range m.calls {
		c.part = c.underRepair()
	}
	b.Epoch, b.At, b.Why = m.epoch, at, ch.why
	m.do(b)
	asked := ch.force && !ch.restart
	m.step("sign", b.Call, asked || !m.roam.broken, ch.why...)
}

// resume opens a timeline for what is still to be done after the roam is over:
// a call that was left on its old path is answered, the server is there again.
// The stack stays, as in a change of one call's media path.
func (m *Machine) resume(why phone.Fact, id CallID) {
	if m.roam != nil || m.stack.state == shut {
		return
	}
	of := m.epoch
	m.beginRoam(change{alive: true, why: []phone.Fact{why}}, Began{From: m.path, To: m.path, Call: id})
	m.roam.deadline = m.now.Add(m.policy.KeepFor)
	m.roam.full = id == 0
	m.do(Keep{Epoch: m.epoch, Of: of})
}

// deaf reports whether nothing at all was answered in the roam, and the last
// resort is still there.
func (m *Machine) deaf() bool {
	r := m.roam
	return r != nil && !r.restart && !r.answered && m.stack.state == open
}

// lastResort restarts everything on the same path, once.
func (m *Machine) lastResort() {
	m.begin(change{path: m.path, alive: true, lost: true, move: true, force: true, restart: true,
		why: []phone.Fact{fact(phone.LastResort)}})
}

// overdue: the roam has had its time.
func (m *Machine) overdue() {
	if m.deaf() {
		m.lastResort()
		return
	}
	r := m.roam
	switch {
	case m.stack.state != open:
		f := m.path.fact(phone.NoConnection)
		f.Fault, f.Then = m.stack.last, phone.TriesGoOn
		r.blame(f)
	case r.full && m.reg.pending():
		f := m.reg.last
		if f.Kind == phone.NoFact {
			f = Failure{Kind: TimedOut}.of("REGISTER")
		}
		r.blame(then(f, phone.TriesGoOn))
	}
	for _, c := range m.calls {
		if !c.underRepair() || m.stack.state != open {
			continue
		}
		m.giveUp(c, map[stage]phone.Fact{
			blocked:       fact(phone.CallBlocked),
			inFlight:      {Kind: phone.CallNoAnswer, Method: c.how.method(), Tries: c.tries.attempts},
			waiting:       c.last.of(c.how.method()),
			awaitRegister: c.last.of(c.how.method()),
			proving:       fact(phone.CallNoAudio),
		}[c.stage])
	}
	m.fail()
}

// conclude ends a roam of which nothing is open any more.
func (m *Machine) conclude() {
	r := m.roam
	if r.refused && (m.reg.refused || m.reg.slow) {
		f := m.reg.last
		f.Kind = phone.NotRegistered
		r.blame(f)
	}
	if len(r.blames) > 0 || slices.ContainsFunc(m.calls, func(c *call) bool { return c.part && c.stage == failed }) {
		m.fail()
		return
	}
	said := phone.Fact{Kind: phone.Recovered, For: m.now.Sub(r.at), Gap: worst(m.gaps())}
	if len(r.hungUp) > 0 && !slices.ContainsFunc(m.calls, func(c *call) bool { return c.part }) {
		said = phone.Fact{Kind: phone.HungUpFirst, For: m.now.Sub(r.at)}
	}
	m.step("proven", 0, true, said)
	m.closeKept(m.path.fact(phone.ProvenOn))
	m.finish(Done, nil)
}

// fail ends the roam with what failed and what happens next.
func (m *Machine) fail() {
	all, registered := slices.Clone(m.roam.blames), false
	for _, c := range m.calls {
		if c.part && c.stage == failed {
			all, registered = append(all, c.why), m.roam.full && m.reg.ok
		}
	}
	if registered {
		all = append(all, fact(phone.RegisteredAgain))
	}
	m.finish(Failed, all)
}

// finish closes the timeline.
func (m *Machine) finish(how Outcome, failures []phone.Fact) {
	why := fact(map[Outcome]phone.FactKind{Superseded: phone.Overtaken, Failed: phone.Unfinished}[how])
	for len(m.roam.lines) > 0 {
		l := m.roam.lines[0]
		m.end(l.name, l.call, false, why)
	}
	m.do(Finished{
		Epoch: m.epoch, How: how, Total: m.now.Sub(m.roam.at), Failures: failures,
		Calls: m.gaps(), HungUp: m.roam.hungUp,
	})
	m.roam = nil
}

// gaps are those of the calls that took part.
func (m *Machine) gaps() []Gap {
	var gaps []Gap
	for _, c := range m.calls {
		if c.part && c.up() {
			gaps = append(gaps, c.gap)
		}
	}
	return gaps
}

// step writes a line about a moment; it ends a running one of that name.
func (m *Machine) step(name string, id CallID, ok bool, what ...phone.Fact) {
	switch {
	case m.roam == nil:
	case m.running(name, id) >= 0:
		m.end(name, id, ok, what...)
	default:
		m.do(Stepped{Epoch: m.epoch, Name: name, Offset: m.now.Sub(m.roam.at), OK: ok, Facts: what, Call: id})
	}
}

// run writes a line that will end.
func (m *Machine) run(name string, id CallID, what phone.Fact) {
	if m.roam == nil {
		return
	}
	m.end(name, id, false, fact(phone.BegunAnew))
	m.roam.lines = append(m.roam.lines, line{name: name, call: id, at: m.now})
	m.do(Stepped{Epoch: m.epoch, Name: name, Offset: m.now.Sub(m.roam.at), Running: true, Facts: []phone.Fact{what}, Call: id})
}

// end ends the running line of that name and call; without one it is silent.
func (m *Machine) end(name string, id CallID, ok bool, what ...phone.Fact) {
	if m.roam == nil {
		return
	}
	i := m.running(name, id)
	if i < 0 {
		return
	}
	l := m.roam.lines[i]
	m.roam.lines = slices.Delete(m.roam.lines, i, i+1)
	m.do(Stepped{
		Epoch: m.epoch, Name: name, Offset: l.at.Sub(m.roam.at), Duration: m.now.Sub(l.at),
		OK: ok, Facts: what, Call: id,
	})
}

// running is the index of the running line of that name and call, or -1.
func (m *Machine) running(name string, id CallID) int {
	return slices.IndexFunc(m.roam.lines, func(l line) bool { return l.name == name && l.call == id })
}

// endLines ends the running lines of a call that is over.
func (m *Machine) endLines(id CallID, why phone.Fact) {
	for _, name := range []string{"media", "repair"} {
		m.end(name, id, false, why)
	}
}
