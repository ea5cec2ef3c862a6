package roam

import (
	"errors"
	"fmt"
	"time"
)

// law is what holds for every sequence of events: transcripts, random walks
// and the fuzzer all run under it. It keeps its own books from the actions
// alone.
type law struct {
	given      Epoch             // newest epoch seen in an action
	closed     map[Epoch]bool    // named in a Close
	newest     Epoch             // newest closed
	opened     map[Epoch]bool    // opened and not closed
	alias      map[Epoch]Epoch   // Keep: epoch -> the one it was opened under
	register   Epoch             // in flight
	asked      map[Epoch]bool    // stacks on which the server may have bound us
	removes    bool              // old bindings are removed
	unregister Epoch             // in flight
	probe      Epoch             // in flight
	repairs    map[CallID]Epoch  // in flight
	calls      map[CallID]bool   // told of and not gone, ended or lost
	roam       Epoch             // in progress
	running    map[lineName]bool // lines of it
	began      int
	finished   int
}

type lineName struct {
	name string
	call CallID
}

func newLaw() *law {
	return &law{
		closed: map[Epoch]bool{}, opened: map[Epoch]bool{}, alias: map[Epoch]Epoch{}, asked: map[Epoch]bool{},
		repairs: map[CallID]Epoch{}, calls: map[CallID]bool{}, running: map[lineName]bool{},
	}
}

func (l *law) root(e Epoch) Epoch {
	for {
		of, ok := l.alias[e]
		if !ok {
			return e
		}
		e = of
	}
}

// check looks at one Step.
func (l *law) check(m *Machine, now time.Time, e Event, actions []Action) error {
	l.note(e)
	l.removes = m.policy.RemoveOld
	if limit := 30 + 12*(len(l.calls)+1); len(actions) > limit {
		return fmt.Errorf("%d actions", len(actions))
	}
	for _, a := range actions {
		if err := l.action(a); err != nil {
			return fmt.Errorf("%s: %w", Describe(a, origin), err)
		}
	}
	if _, tick := e.(Tick); tick && !m.Next().IsZero() && !m.Next().After(now) {
		return errors.New("the next timer is not in the future")
	}
	if (l.roam != 0) != (m.roam != nil) {
		return errors.New("the timeline and the machine disagree on whether a roam is in progress")
	}
	return nil
}

// note keeps the books for an event.
func (l *law) note(e Event) {
	switch e := e.(type) {
	case Registered:
		if l.register != 0 && l.register == e.Epoch {
			l.asked = map[Epoch]bool{l.root(e.Epoch): true}
		}
		l.registerEnded(e.Epoch)
	case RegisterFailed:
		if l.register != 0 && l.register == e.Epoch && !e.Failure.mayBeTaken() {
			delete(l.asked, l.root(e.Epoch))
		}
		l.registerEnded(e.Epoch)
	case Unregistered:
		l.unregister, l.asked = 0, map[Epoch]bool{}
	case UnregisterFailed:
		l.unregister, l.asked = 0, map[Epoch]bool{}
	case Repaired:
		l.repairEnded(e.Call, e.Epoch)
	case RepairFailed:
		l.repairEnded(e.Call, e.Epoch)
	case ProbeAnswered:
		l.probeEnded(e.Epoch)
	case ProbeFailed:
		l.probeEnded(e.Epoch)
	case CallAdded:
		l.calls[e.Call.ID] = true
	case CallGone:
		delete(l.calls, e.ID)
		delete(l.repairs, e.ID)
	}
}

func (l *law) registerEnded(e Epoch) {
	if l.register == e {
		l.register = 0
	}
}

func (l *law) probeEnded(e Epoch) {
	if l.root(l.probe) == l.root(e) {
		l.probe = 0
	}
}

func (l *law) repairEnded(id CallID, e Epoch) {
	if l.repairs[id] == e {
		delete(l.repairs, id)
	}
}

// stands: actions go only to what was opened and is not closed.
func (l *law) stands(e Epoch) error {
	if e <= l.newest {
		return fmt.Errorf("epoch %d is not newer than %d, which is closed", e, l.newest)
	}
	if !l.opened[l.root(e)] {
		return fmt.Errorf("epoch %d was not opened", e)
	}
	return nil
}

func (l *law) action(a Action) error {
	switch a := a.(type) {
	case Open:
		if a.Epoch <= l.newest || a.Epoch < l.given {
			return fmt.Errorf("not the newest epoch")
		}
		l.given = a.Epoch
		l.opened[a.Epoch] = true
	case Keep:
		if a.Epoch <= a.Of {
			return errors.New("the epoch does not grow")
		}
		l.given, l.alias[a.Epoch] = a.Epoch, a.Of
		return l.stands(a.Of)
	case Close:
		return l.close(a.Epoch)
	case Register:
		// One of an older stack that lives on is abandoned: it may take half a
		// minute to end, and nobody would reach us until then.
		if l.register != 0 && l.root(l.register) == l.root(a.Epoch) {
			return fmt.Errorf("the REGISTER of %d is in flight", l.register)
		}
		for stack := range l.asked {
			if l.removes && !a.RemoveOld && stack != l.root(a.Epoch) {
				return fmt.Errorf("the server may list a binding of %d, and nobody removes it", stack)
			}
		}
		l.register, l.asked[l.root(a.Epoch)] = a.Epoch, true
		return l.stands(a.Epoch)
	case Unregister:
		// One of an older stack that lives on is abandoned, as above; the
		// removal is sent after its end.
		if l.register != 0 && l.root(l.register) == l.root(a.Epoch) {
			return fmt.Errorf("the REGISTER of %d is in flight", l.register)
		}
		if l.unregister != 0 && l.root(l.unregister) == l.root(a.Epoch) {
			return fmt.Errorf("the removal of %d is in flight", l.unregister)
		}
		l.unregister = a.Epoch
		return l.stands(a.Epoch)
	case Announce:
		if at := a.At; at.IsValid() && (!at.Addr().IsGlobalUnicast() || at.Port() == 0) {
			return errors.New("nobody can be reached there")
		}
		return l.stands(a.Epoch)
	case Probe:
		switch {
		case l.probe != 0:
			return fmt.Errorf("the probe of %d is in flight", l.probe)
		case l.roam != 0:
			return errors.New("a roam is in progress")
		}
		l.probe = a.Epoch
		return l.stands(a.Epoch)
	case Began, Routed, Stepped, Finished, KeepCalls:
		return l.timeline(a)
	default:
		return l.callAction(a)
	}
	return nil
}

func (l *law) close(e Epoch) error {
	root := l.root(e)
	if !l.opened[root] {
		return errors.New("closed twice or never opened")
	}
	delete(l.opened, root)
	l.closed[e], l.newest = true, max(l.newest, e)
	if l.register != 0 && l.root(l.register) == root {
		l.register = 0
	}
	if l.unregister != 0 && l.root(l.unregister) == root {
		l.unregister = 0
	}
	if l.root(l.probe) == root {
		l.probe = 0
	}
	for id, flight := range l.repairs {
		if l.root(flight) == root {
			delete(l.repairs, id)
		}
	}
	return nil
}

func (l *law) callAction(a Action) error {
	var id CallID
	var err error
	switch a := a.(type) {
	case MoveMedia:
		id = a.Call
		if a.Epoch <= l.newest {
			err = fmt.Errorf("epoch %d is not newer than %d, which is closed", a.Epoch, l.newest)
		}
	case SwitchMedia:
		id = a.Call
		if a.Epoch <= l.newest {
			err = fmt.Errorf("epoch %d is not newer than %d, which is closed", a.Epoch, l.newest)
		}
	case Repair:
		id = a.Call
		if l.repairs[id] != 0 && a.How != ByReplaces {
			return errors.New("a repair of that call is in flight")
		}
		if l.roam == 0 {
			return errors.New("no roam is in progress")
		}
		l.repairs[id] = a.Epoch
		err = l.stands(a.Epoch)
	case AskCaller:
		id, err = a.Call, l.stands(a.Epoch)
	case EndCall:
		id = a.Call
		defer delete(l.calls, id)
	case LoseCall:
		id = a.Call
		defer delete(l.calls, id)
	}
	if err == nil && !l.calls[id] {
		err = errors.New("the call is gone")
	}
	return err
}

func (l *law) timeline(a Action) error {
	switch a := a.(type) {
	case Began:
		if l.roam != 0 {
			return fmt.Errorf("roam %d is in progress", l.roam)
		}
		if a.Epoch <= l.given && l.given != 0 && a.Epoch <= l.newest {
			return errors.New("the epoch does not grow")
		}
		l.roam = a.Epoch
		l.began++
	case Routed:
		if a.Epoch != l.roam {
			return errors.New("not the roam in progress")
		}
	case Stepped:
		n := lineName{a.Name, a.Call}
		switch {
		case a.Epoch != l.roam:
			return errors.New("not the roam in progress")
		case a.Offset < 0 || a.Duration < 0:
			return errors.New("before the first sign")
		case a.Running && l.running[n]:
			return errors.New("the line runs already")
		case a.Running:
			l.running[n] = true
		case a.Duration != 0:
			delete(l.running, n)
		}
		// A line that ends in no time looks like a moment.
		if !a.Running && a.Duration == 0 {
			delete(l.running, n)
		}
	case Finished:
		switch {
		case a.Epoch != l.roam:
			return errors.New("not the roam in progress")
		case len(l.running) != 0:
			return fmt.Errorf("lines still run: %v", l.running)
		case a.How == Failed && len(a.Failures) == 0:
			return errors.New("failed without a reason")
		}
		l.roam = 0
		l.finished++
	}
	return nil
}
