package dialog

import "ramble/sip/sdp"

// maxForks bounds the dialogs that one INVITE makes; a proxy forks to a few
// phones.
const maxForks = 16

// fork is one dialog (RFC 3261 12), early or confirmed.
type fork struct {
	Dialog
	session   *sdp.Local
	seq       uint32 // of our last request in it
	theirSeq  uint32 // of their last
	rseq      uint32 // of the last reliable response taken in (RFC 3262 4); 0: none
	answered  bool   // our offer was answered reliably
	confirmed bool
	dead      bool   // hung up, by either side
	acked     uint32 // CSeq of the 2xx that was acknowledged last; 0: none
	stale     map[string]bool
}

// forkOf finds or makes the dialog of a response to our first INVITE; nil when
// there are too many, or the response names none.
func (m *Machine) forkOf(r Response) *fork {
	if r.Tag == "" {
		return nil
	}
	if f := m.forkBy(r.Tag); f != nil {
		return f
	}
	if len(m.forks) >= maxForks {
		return nil
	}
	f := &fork{session: m.cfg.Session.Fork(), seq: r.Seq,
		Dialog: Dialog{RemoteTag: r.Tag, Target: m.cfg.To.Target, Routes: r.Routes, Server: r.Contact.Server}}
	if r.Contact.URI != "" {
		f.Target = r.Contact.URI
	}
	m.forks = append(m.forks, f)
	return f
}

func (m *Machine) forkBy(tag string) *fork {
	for _, f := range m.forks {
		if f.RemoteTag == tag {
			return f
		}
	}
	return nil
}

// settleRoutes takes the route set of the 2xx in the place of what a
// provisional response said (RFC 3261 13.2.2.4).
func (f *fork) settleRoutes(r Response) {
	f.Routes = r.Routes
	f.Server = r.Contact.Server
}

// retarget follows a target refresh (RFC 3261 12.2). byRequest: it came in a
// request of theirs, of which the newest counts. A response that was on its way
// when such a request overtook it names a target that is out of date.
func (m *Machine) retarget(f *fork, to Contact, byRequest bool) {
	switch {
	case to.URI == "" || !byRequest && f.stale[to.URI]:
		return
	case to.URI == f.Target:
		return
	}
	if byRequest && m.waits(f) {
		if f.stale == nil {
			f.stale = map[string]bool{}
		}
		f.stale[f.Target] = true
		delete(f.stale, to.URI)
	}
	from := f.Target
	f.Target = to.URI
	if len(f.Routes) == 0 {
		f.Server = to.Server
	}
	if f == m.main && m.state >= Accepted {
		m.do(Retargeted{From: from, To: f.Target})
	}
}

// waits says whether a request of ours that refreshes targets is out in a
// dialog.
func (m *Machine) waits(f *fork) bool {
	for _, fl := range m.flight {
		if fl.fork == f && fl.job == change || fl.job == inviting {
			return true
		}
	}
	return false
}

// job is what a request of ours is for.
type job int

const (
	inviting job = iota
	change
	pracking
	byeing // of the call
	asking
	cancelling
	parting // BYE to a fork that lost
)

// flight is a request of ours that has no final response yet.
type flight struct {
	Send
	job     job
	fork    *fork // nil: the first INVITE
	said    Wish  // the offer in it, of a change
	urgency Urgency
	by      Method
	of      ID // of a CANCEL
	path    int
	heard   bool // a provisional response came
	gone    bool // its transaction ended without a final response
	cancel  bool // a CANCEL went after it
	rounds  int
}

// maxRounds bounds the rounds of one request through challenges.
const maxRounds = 5

// send sends a request within a dialog.
func (m *Machine) send(f *fork, fl *flight) *flight {
	f.seq++
	if fl.job == change {
		f.stale = nil
	}
	fl.fork, fl.ID, fl.Seq, fl.Dialog, fl.path = f, m.nextID(), f.seq, f.Dialog, m.leave.path
	m.flight = append(m.flight, fl)
	m.do(fl.Send)
	return fl
}

// again sends a challenged request once more, with the next number.
func (m *Machine) again(fl *flight) bool {
	if fl.rounds++; fl.rounds >= maxRounds {
		return false
	}
	fl.Seq++
	if fl.fork != nil {
		fl.fork.seq++
		fl.Seq, fl.Dialog = fl.fork.seq, fl.fork.Dialog
	}
	fl.path, fl.heard = m.leave.path, false
	m.do(fl.Send)
	return true
}

func (m *Machine) find(id ID) *flight {
	for _, f := range m.flight {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// land takes a request out of the list of those in flight.
func (m *Machine) land(f *flight) {
	for i, x := range m.flight {
		if x == f {
			m.flight = append(m.flight[:i:i], m.flight[i+1:]...)
			return
		}
	}
}

// change is our offer that is out in a dialog.
func (m *Machine) change(f *fork) *flight {
	for _, x := range m.flight {
		if x.job == change && x.fork == f {
			return x
		}
	}
	return nil
}

// changeable is the early dialog in which the session may be changed by UPDATE
// (RFC 3311 5.1); nil when there is none.
func (m *Machine) changeable() *fork {
	if m.state != Calling || m.main == nil || !m.main.answered || m.main.dead {
		return nil
	}
	return m.main
}

func (m *Machine) ack(f *fork, seq uint32) {
	f.acked = max(f.acked, seq)
	m.do(Ack{ID: m.nextID(), Dialog: f.Dialog, Seq: seq})
}
