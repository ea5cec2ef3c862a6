package roam

import (
	"slices"
	"time"

	"ramble/internal/leaf/phone"
)

// Machine decides what follows when the network of one account moves. It has
// no clock, no dice and no sockets: the same events at the same times give the
// same actions. It is not safe for use by several goroutines.
type Machine struct {
	policy Policy
	now    time.Time // of the Step under way
	out    []Action  // of the Step under way

	epoch Epoch        // the newest; only grows
	path  Path         // in use or being opened; invalid: none
	noted *PathChanged // Enabled is off: what the user has not yet asked to follow
	stack stack        // of the present epoch
	kept  []stack      // older ones on paths that live, oldest first
	reg   registration
	calls []*call // in the order they came
	roam  *roam   // in progress; nil: none
	probe Epoch   // of the Probe in flight; 0 none
	lost  losses

	keepUntil time.Time // no network: calls end then
}

// New returns a Machine that has no path yet.
func New(p Policy) *Machine {
	return &Machine{policy: p.complete(), reg: registration{wanted: p.Register}}
}

// Phase is where an account stands between a change and peace.
type Phase int

// The phases.
const (
	Offline     Phase = iota // no path
	Opening                  // the stack is being opened
	Registering              // the first REGISTER of the stack is in flight; repairs go on beside it
	Proving                  // registered as far as that goes; a call is not yet whole
	Steady                   // nothing to do but to refresh
	Waiting                  // the next try waits for its time
)

func (p Phase) String() string {
	return [...]string{"Offline", "Opening", "Registering", "Proving", "Steady", "Waiting"}[p]
}

// Phase reports where the machine stands.
func (m *Machine) Phase() Phase {
	switch {
	case !m.path.Valid():
		return Offline
	case m.stack.state == opening:
		return Opening
	case m.stack.state == shut:
		return Waiting
	case m.reg.pending() && m.reg.flight != 0:
		return Registering
	case slices.ContainsFunc(m.calls, (*call).underRepair):
		return Proving
	case m.reg.pending(), m.reg.slow:
		return Waiting
	default:
		return Steady
	}
}

// Epoch is the newest epoch that was given out; 0 before the first path.
func (m *Machine) Epoch() Epoch { return m.epoch }

// Refused reports whether the server refused the registration for good: only
// the user or a new path makes the machine try again.
func (m *Machine) Refused() bool { return m.reg.refused }

// Wanted reports whether the user wants a registration.
func (m *Machine) Wanted() bool { return m.reg.wanted }

// Next is when the machine wants a Tick; zero: no timer.
func (m *Machine) Next() time.Time {
	var next time.Time
	want := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	want(m.keepUntil)
	want(m.stack.retryAt)
	want(m.reg.due)
	want(m.stack.mapping.due)
	for _, s := range m.kept {
		want(s.lingers)
	}
	if m.roam != nil {
		want(m.roam.deadline)
	}
	for _, c := range m.calls {
		want(c.due)
		want(c.media.due)
		want(c.later.at)
		if c.silent() && c.hush.until.After(m.now) {
			want(c.hush.until)
		}
	}
	return next
}

// Step takes an event and returns what is to be done about it, in that order.
// Events whose epoch, call or moment has passed return nothing.
// Long: one line for each event.
func (m *Machine) Step(now time.Time, e Event) []Action {
	m.now, m.out = now, nil
	switch e := e.(type) {
	case PathChanged:
		m.pathChanged(e)
	case MediaPathChanged:
		m.mediaPathChanged(e)
	case Forced:
		m.forced(e)
	case WantRegistration:
		m.wantRegistration(e.On)
	case Opened:
		m.opened(e)
	case OpenFailed:
		m.openFailed(e)
	case StackLost:
		m.stackLost(e)
	case Registered:
		m.registered(e)
	case RegisterFailed:
		m.registerFailed(e)
	case Unregistered:
		m.unregistered(e.Epoch, nil)
	case UnregisterFailed:
		m.unregistered(e.Epoch, &e.Failure)
	case Mapped:
		m.mapped(e)
	case MediaMapped:
		m.mediaMapped(e)
	case CallAdded:
		m.callAdded(e.Call)
	case CallChanged:
		m.callChanged(e.Call)
	case CallGone:
		m.callGone(e.ID)
	case MediaMoved:
		m.mediaMoved(e)
	case MediaMoveFailed:
		m.mediaMoveFailed(e)
	case Repaired:
		m.repaired(e)
	case RepairFailed:
		m.repairFailed(e)
	case Heard:
		m.heard(e)
	case AudioStopped:
		m.audioStopped(e)
	case AudioBack:
		m.audioBack(e.Call)
	case ProbeAnswered:
		m.probeAnswered(e)
	case ProbeFailed:
		m.probeFailed(e)
	case Tick:
		m.tick()
	}
	m.tidy()
	out := m.out
	m.out = nil
	return out
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

// due reports whether the time of a timer has come.
func (m *Machine) due(t time.Time) bool { return !t.IsZero() && !m.now.Before(t) }

// tick does whatever is due.
func (m *Machine) tick() {
	if m.due(m.keepUntil) {
		for _, c := range m.calls {
			m.roam.blame(phone.Fact{Kind: phone.CallEnded, Call: phone.CallID(c.ID), For: m.policy.KeepFor})
		}
		m.endCalls(m.policy.KeepFor)
	}
	if m.due(m.stack.retryAt) {
		m.open()
	}
	if m.due(m.reg.due) {
		m.registerDue()
	}
	if m.due(m.stack.mapping.due) {
		m.moveContact()
	}
	for i := range m.kept {
		if s := &m.kept[i]; m.due(s.lingers) {
			s.lingers = time.Time{}
		}
	}
	epoch := m.epoch
	for _, c := range slices.Clone(m.calls) {
		if m.epoch != epoch {
			return // everything was restarted, and with it every timer
		}
		if m.due(c.media.due) {
			m.moveMedia(c, c.media.path, c.media.switched || c.media.hurry)
		}
		if m.due(c.due) {
			m.callDue(c)
		}
	}
	if m.epoch == epoch && m.roam != nil && m.due(m.roam.deadline) {
		m.overdue()
	}
	m.lookAgain()
}

// forced does what the user asked for.
func (m *Machine) forced(f Forced) {
	what := f.What
	m.reg.refused = false
	switch {
	case m.noted != nil:
		e := *m.noted
		m.noted = nil
		e.Since = m.now
		e.Why = append([]phone.Fact{fact(phone.AskedToFollow)}, e.Why...)
		m.follow(e)
	case !m.path.Valid():
	case what == ForceNetwork:
		m.begin(change{path: m.path, alive: true, move: true, force: true,
			why: asked(f, phone.AskedToRoam)})
	case what == ForceRestart:
		m.begin(change{path: m.path, move: true, force: true,
			why: asked(f, phone.AskedToRestart)})
	case m.stack.state == shut:
		m.open()
	default:
		m.register()
	}
}

// asked is why a forced roam begins: the user's wish, unless something else
// stands behind it.
func asked(f Forced, wish phone.FactKind) []phone.Fact {
	if f.Why.Kind != phone.NoFact {
		return []phone.Fact{f.Why}
	}
	return []phone.Fact{fact(wish)}
}

// tidy ends the roam once nothing of it is open, and closes old stacks that
// nobody needs. It runs after every event.
func (m *Machine) tidy() {
	if m.roam != nil && m.stack.state == open &&
		!slices.ContainsFunc(m.calls, (*call).underRepair) &&
		!(m.roam.full && m.reg.pending()) {
		m.conclude()
	}
	if m.roam == nil {
		m.closeKept(fact(phone.Unneeded))
	}
	m.listen()
}

// callGone: a call ended; in the midst of its repair nothing was proven.
func (m *Machine) callGone(id CallID) {
	if c := m.call(id); c != nil {
		m.linger(c)
		if m.roam != nil && c.part && c.underRepair() {
			m.roam.hungUp = append(m.roam.hungUp, id)
		}
	}
	m.forget(id, fact(phone.CallOver))
}

// forget drops a call that ended; why ends its lines in the timeline.
func (m *Machine) forget(id CallID, why phone.Fact) {
	m.calls = slices.DeleteFunc(m.calls, func(c *call) bool { return c.ID == id })
	m.endLines(id, why)
}

func (m *Machine) call(id CallID) *call {
	for _, c := range m.calls {
		if c.ID == id {
			return c
		}
	}
	return nil
}
