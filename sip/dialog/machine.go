package dialog

import (
	"slices"
	"strings"
	"time"

	"ramble/sip/sdp"
)

// Timers of RFC 3261 17.1.1.1.
const (
	T1 = 500 * time.Millisecond
	T2 = 4 * time.Second
)

// State is how far a call has come.
type State int

// The states.
const (
	Idle     State = iota
	Calling        // our INVITE is out
	Ringing        // theirs waits for an answer
	Accepted       // our 2xx to it is out, and not acknowledged
	Up
	Leaving // over for the user; a BYE or CANCEL is not confirmed
	Over
)

func (s State) String() string {
	return [...]string{"idle", "calling", "ringing", "accepted", "up", "leaving", "over"}[s]
}

// Config is what a Machine begins with.
type Config struct {
	// Session is our half of the descriptions; the machine owns it from now on.
	Session *sdp.Local
	// To is where our first INVITE goes.
	To Dialog
	// Replaces is the dialog whose place it takes; "": none.
	Replaces string
	// RSeq is the number before that of our first reliable provisional response
	// (RFC 3262 3 wants it by chance).
	RSeq uint32
	// Keep is how long an end that nobody confirms is repeated; 0: 45 s.
	Keep time.Duration
	// Between picks a time from lo to hi; nil picks the middle. The machine has
	// no dice of its own.
	Between func(lo, hi time.Duration) time.Duration
}

// Machine is one call. Make one with New or Answering; it is not safe for
// concurrent use.
type Machine struct {
	cfg    Config
	now    time.Time
	out    []Action
	state  State
	caller bool
	lastID ID
	first  *flight   // our first INVITE
	flight []*flight // requests of ours without a final response
	forks  []*fork
	main   *fork // the dialog of the call; nil while there is none
	got    *got  // their last INVITE
	want   want
	peer   peer
	leave  leave
	alarms [alarms]time.Time
}

// peer is what the other side said of itself.
type peer struct{ allow, supported []string }

// alarm is one of the times that a machine waits for.
type alarm int

const (
	answerAgain alarm = iota // our 2xx, or our refusal, is repeated
	answerLate               // nobody acknowledged it
	ringAgain                // a reliable provisional response is repeated
	ringLate                 // nobody acknowledged it
	wishDue                  // the wait after a glare is over
	settleLate               // nobody answers the CANCEL of a lost offer
	answerOld                // our answer was repeated from a new address long enough
	leaveDue                 // an end is said again, or waits too long
	askDue                   // the caller is asked again
	inviteLate               // nobody takes our call
	refreshDue               // the session is to be refreshed by us (RFC 4028)
	sessionEnds              // nobody refreshed it
	alarms
)

// New makes the machine of a call of ours; Dial sends the INVITE.
func New(c Config) *Machine { return &Machine{cfg: complete(c), caller: true} }

// Answering makes the machine of a call of theirs, which rings from now on.
func Answering(c Config, to Dialog, invite Request) *Machine {
	m := &Machine{cfg: complete(c), state: Ringing}
	m.main = &fork{Dialog: to, session: m.cfg.Session, theirSeq: invite.Seq, confirmed: true}
	m.forks = []*fork{m.main}
	m.heed(invite.Header)
	m.got = &got{Request: invite, initial: true, rseq: c.RSeq}
	return m
}

func complete(c Config) Config {
	if c.Keep <= 0 {
		c.Keep = 45 * time.Second
	}
	if c.Between == nil {
		c.Between = func(lo, hi time.Duration) time.Duration { return lo + (hi-lo)/2 }
	}
	return c
}

// Step takes in one event and returns what follows from it.
func (m *Machine) Step(now time.Time, e Event) []Action {
	m.now, m.out = now, nil
	m.wake()
	switch e := e.(type) {
	case Request:
		m.request(e)
	case Response:
		m.response(e)
	case Failed:
		m.failed(e)
	case Dial:
		m.dial(e)
	case Ring:
		m.ring(e.Code)
	case Accept:
		m.accept(e)
	case Reject:
		m.reject(e.Code, e.Err)
	case Want:
		m.wanted(e)
	case Hangup:
		m.hangUp(e)
	case Forgo:
		m.forgo()
	case PartForks:
		m.hangUpForks()
	case Drop:
		m.drop()
	case Ask:
		m.ask()
	case Moved:
		m.moved()
	case Moving:
		m.want.moving = e.On
	case Tick:
	}
	m.reconcile()
	return m.out
}

// Next is when a Tick is due; zero: never.
func (m *Machine) Next() (next time.Time) {
	for _, at := range m.alarms {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// wake lets go off what is due.
func (m *Machine) wake() {
	for a := range m.alarms {
		if at := m.alarms[a]; at.IsZero() || m.now.Before(at) {
			continue
		}
		m.alarms[a] = time.Time{}
		switch alarm(a) {
		case answerAgain:
			m.answerAgain()
		case answerLate:
			m.unacknowledged()
		case ringAgain:
			m.ringAgain()
		case ringLate:
			m.unconfirmed()
		case settleLate:
			m.settled()
		case answerOld:
			m.got.old = true
		case leaveDue:
			m.leaveDue()
		case askDue:
			m.askNow()
		case inviteLate:
			m.nobodyAnswers()
		case refreshDue:
			m.sessionRefresh()
		case sessionEnds:
			m.sessionOver()
		case wishDue, alarms: // reconcile looks at it
		}
	}
}

func (m *Machine) arm(a alarm, in time.Duration) { m.alarms[a] = m.now.Add(in) }

func (m *Machine) disarm(list ...alarm) {
	for _, a := range list {
		m.alarms[a] = time.Time{}
	}
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

func (m *Machine) reply(to ID, code int) { m.do(Reply{To: to, Code: code}) }

// nextID names a request of ours.
func (m *Machine) nextID() ID {
	m.lastID++
	return m.lastID
}

// heed takes in what a message says of the peer.
func (m *Machine) heed(h Header) {
	if h.Allow != nil {
		m.peer.allow = h.Allow
	}
	if h.Supported != nil {
		m.peer.supported = h.Supported
	}
}

func has(list []string, word string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, word) })
}

// State is how far the call has come.
func (m *Machine) State() State { return m.state }

// Caller says whether the call is ours, and with it the Call-ID.
func (m *Machine) Caller() bool { return m.caller }

// Allows says whether the peer listed a method in its last Allow.
func (m *Machine) Allows(method string) bool { return has(m.peer.allow, method) }

// Supports says whether the peer listed an extension in its last Supported.
func (m *Machine) Supports(option string) bool { return has(m.peer.supported, option) }

// Row is how a call stands, for whoever repairs it.
type Row int

// The rows.
const (
	Quiet     Row = iota // up, no offer out
	Offering             // up, an offer of ours is out
	OfferLost            // and its transaction ended without an answer
	AnswerOut            // our 2xx is not acknowledged
	RingingHere
	CallingOut
	CallingEarly // and early media can be moved by UPDATE
	Finished
)

// Row is how the call stands. Offers that Now asked for do not count.
func (m *Machine) Row() Row {
	switch m.state {
	case Idle, Calling:
		if m.changeable() != nil && m.Allows("UPDATE") {
			return CallingEarly
		}
		return CallingOut
	case Ringing:
		return RingingHere
	case Accepted:
		return AnswerOut
	case Leaving, Over:
		return Finished
	case Up:
	}
	switch f := m.change(m.main); {
	case f != nil && f.urgency != Now:
		return Offering
	case f == nil && m.want.lost != nil:
		return OfferLost
	case m.got != nil && m.got.waits():
		return AnswerOut
	}
	return Quiet
}
