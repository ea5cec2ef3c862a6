package roam

import (
	"slices"
	"time"

	"ramble/internal/leaf/phone"
)

// call is a call and how far its repair has come.
type call struct {
	Call
	repairing
	stage    stage
	media    media
	part     bool // of the present roam
	gap      Gap
	quiet    quiet
	hush     hush
	mappedAt time.Time // its media were last seen elsewhere
}

// repairing is how far the repair of a call is.
type repairing struct {
	home     Epoch // of the stack that its dialog was last whole on
	offerOn  Epoch // of the stack that carries our unanswered offer
	flight   Epoch // of the Repair in flight; 0 none. There is never a second
	how      How   // of the last Repair
	redo     bool  // what is in flight announces an address that is out of date
	unplaced bool  // it was sent before the REGISTER's 2xx came
	due      time.Time
	deadline time.Time // no new try after it
	tries    tries
	last     Failure
	why      phone.Fact // it was given up
	later    later      // and is looked at again
}

// later is when a call that was given up is looked at again, and how often that was.
type later struct {
	at    time.Time // zero: it is not
	looks int
}

// stage is how far the repair of a call has come.
type stage int

const (
	whole         stage = iota
	left                // unanswered, on an old path that lives; its repair is due once it is answered
	blocked             // waits for the stack, its media, or the end of another offer
	inFlight            // Repair asked for
	waiting             // for its next try
	awaitRegister       // for the REGISTER's 2xx: the server does not know our address yet
	proving             // answered 2xx, no audio yet
	failed              // given up, the call is kept
)

// underRepair reports whether something is still to be done for the call.
func (c *call) underRepair() bool { return c.stage > left && c.stage < failed }

// tries counts what a repair has tried.
type tries struct {
	attempts int // Repairs asked for
	retries  int // waits taken from Policy.Retries
	glares   int // 491, the first at glaredAt
	glaredAt time.Time
	plain    bool    // only the codecs in use
	noUpdate bool    // the peer does not know UPDATE after all
	early    bool    // the early media were moved, or cannot be
	replaces int     // INVITEs with Replaces
	replace  bool    // the next try is one: the peer is not where it was
	denied   Failure // the last answer by which the peer denied the dialog to one; no Code: none did
	over     int     // how often it said that the dialog has ended (603)
	repeated bool    // refreshed once more because no audio came
}

// media is where a call's audio goes.
type media struct {
	state    mediaState
	epoch    Epoch // of the last MoveMedia; 0 never moved
	path     Path  // of the last MoveMedia
	own      bool  // path is not the account's
	switched bool  // we send on it, or need not move
	hurry    bool  // send on it as soon as it is there
	heard    bool  // audio arrived on it, or need not
	due      time.Time
	failures int
}

type mediaState int

const (
	settled mediaState = iota
	moving
	movingLater // it failed and is tried again
)

// prepare begins the repair of a call for the present epoch. move: with new
// media sockets, on which we send at once or only after the 2xx.
func (m *Machine) prepare(c *call, move, atOnce bool) {
	c.part, c.gap, c.quiet.tried = true, Gap{Call: c.ID}, true
	c.quiet.answered = false
	c.tries, c.why, c.due, c.media.due = tries{}, phone.Fact{}, time.Time{}, time.Time{}
	c.later = later{}
	c.deadline = m.graceEnds()
	if !m.live(c.flight) {
		c.flight = 0
	}
	c.redo = c.flight != 0
	switch {
	case c.State == RingingHere:
		c.stage = whole // the answer will carry the new address
		return
	case c.State == Calling && m.live(c.home) && !(c.Early && move && m.policy.Refresh != None):
		c.stage = left
		return
	}
	c.stage = blocked
	if move || c.media.state != settled || !c.media.switched || !c.media.heard {
		c.media.failures = 0
		path := m.path
		if c.media.own {
			path = c.media.path
		}
		m.moveMedia(c, path, atOnce)
	}
	m.tryRepair(c)
}

// graceEnds is when the repairs of the present roam end.
func (m *Machine) graceEnds() time.Time {
	if m.roam != nil && !m.roam.deadline.IsZero() {
		return m.roam.deadline
	}
	return m.now.Add(m.policy.KeepFor)
}

// pause stops the repair of a call while there is no network.
func (c *call) pause() {
	c.stage, c.flight, c.redo, c.due, c.part = blocked, 0, false, time.Time{}, true
	c.media = media{state: movingLater, path: c.media.path}
}

// tryAgain starts a repair that had to wait from the beginning.
func (m *Machine) tryAgain(c *call) {
	c.stage, c.part, c.due, c.why = blocked, true, time.Time{}, phone.Fact{}
	c.later.at = time.Time{}
	c.deadline = m.graceEnds()
	c.tries = tries{attempts: c.tries.attempts, plain: c.tries.plain, noUpdate: c.tries.noUpdate}
	if c.media.state != settled {
		m.moveMedia(c, c.media.path, c.media.switched || c.media.hurry)
	}
	m.tryRepair(c)
}

// opened: REGISTER leaves first and the repairs right behind it, none waits for
// the other. A repair that is refused because the server does not know us yet
// comes again after the REGISTER (see unknown).
func (m *Machine) opened(e Opened) {
	if !m.present(e.Epoch) || m.stack.state != opening {
		return
	}
	m.stack.state, m.stack.since = open, m.now
	m.stack.mapping = mapping{local: e.Local, says: e.Local}
	opened := m.path.fact(phone.Opened)
	opened.Text = e.Detail
	m.end("open", 0, true, opened)
	if slices.ContainsFunc(m.calls, (*call).underRepair) {
		m.resume(fact(phone.ServerIsBack), 0)
	}
	m.register()
	m.askCallers()
	m.sayUnregister()
	for _, c := range m.calls {
		c.part = c.part || c.underRepair()
		c.deadline = m.graceEnds()
		m.tryRepair(c)
	}
}

// tryRepair asks for the repair of a call if nothing stands in its way.
func (m *Machine) tryRepair(c *call) {
	if c.stage != blocked || m.stack.state != open || c.media.state != settled || c.flight != 0 {
		return
	}
	how, ok := m.row(c)
	switch {
	case !ok:
		return
	case m.policy.Refresh == None && (how == ByReinvite || how == ByCancelFirst):
		c.home = m.epoch
		m.refreshed(c) // the peer latches, or never learns
		return
	}
	m.ask(c, how)
}

// ask asks for a repair.
func (m *Machine) ask(c *call, how How) {
	c.stage, c.flight, c.how, c.due = inFlight, m.epoch, how, time.Time{}
	c.unplaced = m.reg.pending()
	c.tries.attempts++
	switch {
	case how == ByReplaces:
		c.tries.replaces++
		c.tries.replace = false
	case c.Replaceable && c.up() && c.tries.replaces < maxReplaces:
		wait := m.policy.replaceWait(c.OwnsCallID)
		if how == ByAnswer {
			wait *= 2 // the ACK comes first
		}
		c.due = m.now.Add(wait)
	}
	m.do(Repair{Epoch: m.epoch, Call: c.ID, How: how, Attempt: c.tries.attempts})
	m.run("repair", c.ID, phone.Fact{Kind: phone.Sent, Method: how.String(), Tries: c.tries.attempts})
}

// row is the first repair table: how a call is repaired in the state that it
// is in. Not ok: it has to wait, or needs no repair after all.
func (m *Machine) row(c *call) (how How, ok bool) {
	switch c.State {
	case RingingHere:
		c.stage = whole
		return 0, false
	case Calling:
		if !m.live(c.home) {
			return ByNewInvite, true
		}
		if c.Early && !c.tries.early && m.policy.Refresh != None {
			return ByEarlyUpdate, true
		}
		c.stage = left
		return 0, false
	case OfferPending:
		// On a path that lives its answer will come, and a second offer before
		// that would be answered 491.
		return ByCancelFirst, c.OfferLost || !m.live(c.offerOn)
	case AnswerDue:
		return ByAnswer, true
	}
	switch {
	case c.tries.replace && c.Replaceable:
		return ByReplaces, true
	case c.tries.plain:
		return ByPlainCodecs, true
	case m.policy.Refresh == Update && !c.tries.noUpdate:
		return ByUpdate, true
	default:
		return ByReinvite, true
	}
}

func (m *Machine) repaired(e Repaired) {
	c := m.call(e.Call)
	if c == nil || c.flight == 0 || c.flight != e.Epoch {
		return
	}
	c.flight = 0
	m.answered()
	m.end("repair", c.ID, true, phone.Fact{Kind: phone.Accepted, Method: c.how.method(), Text: e.Detail})
	if c.how == ByEarlyUpdate {
		m.earlyMoved(c, true)
		return
	}
	c.home = e.Epoch
	switch {
	case c.stage == failed: // too late for the roam, but not for the call
		c.stage, c.redo, c.why = whole, false, phone.Fact{}
		m.switchMedia(c)
	case c.redo:
		c.redo = false
		m.tryRepair(c)
	case c.stage == inFlight: // else audio came before
		m.refreshed(c)
	}
}

// earlyMoved: the early media are where they belong, or stay on the old path.
// The INVITE is still there.
func (m *Machine) earlyMoved(c *call, ok bool) {
	c.tries.early, c.redo, c.due = true, false, time.Time{}
	if ok {
		m.switchMedia(c)
	}
	if c.stage == inFlight {
		c.stage = blocked
		m.tryRepair(c)
	}
}

// refreshed: the peer knows the new address. The call is proven when audio
// arrives from it, where any is due.
func (m *Machine) refreshed(c *call) {
	c.due = time.Time{}
	m.switchMedia(c)
	if c.media.heard || !c.AudioDue || !c.up() || c.quiet.answered {
		if c.quiet.answered && !c.media.heard {
			m.step("media", c.ID, true, fact(phone.AudioMayBeOff))
		}
		c.stage = whole
		return
	}
	c.stage, c.due = proving, m.now.Add(m.policy.ProofWait)
}

func (m *Machine) repairFailed(e RepairFailed) {
	c := m.call(e.Call)
	if c == nil || c.flight == 0 || c.flight != e.Epoch {
		return
	}
	c.flight = 0
	if e.Failure.Kind == Answered || e.Failure.Kind == Refused {
		m.answered()
	}
	switch {
	case c.stage == failed && c.redo:
		c.redo = false
		m.resume(fact(phone.OneMoreTry), c.ID)
		m.tryAgain(c)
	case c.redo:
		c.redo = false
		m.endRepair(c, e.Failure.of(c.how.method()))
		m.tryRepair(c)
	case c.stage == inFlight: // else it was given up or proven meanwhile
		m.judge(c, e.Failure)
	}
}

// lookAgain: calls that were given up may be over at the other side, or be heard
// there again, and nobody else would find out.
func (m *Machine) lookAgain() {
	var list []*call
	for _, c := range m.calls {
		switch {
		case !m.due(c.later.at):
		case c.stage != failed:
			c.later = later{}
		case m.roam != nil || m.stack.state != open: // their turn comes after the roam, and when the server is there
			c.later.at = m.now.Add(lookLater()[0])
		default:
			list = append(list, c)
		}
	}
	for i, c := range list {
		if i == 0 {
			m.resume(fact(phone.OneMoreTry), c.ID)
			m.answered() // one silent peer says nothing about the path: no last resort
		}
		c.later.looks++
		m.tryAgain(c)
	}
}

// callDue: the wait of a call is over.
func (m *Machine) callDue(c *call) {
	c.due = time.Time{}
	switch {
	case c.stage == inFlight && m.reg.pending():
		// Nobody answers us: that says nothing about the peer.
		c.due = m.now.Add(m.policy.replaceWait(c.OwnsCallID))
	case c.stage == inFlight:
		m.endRepair(c, then(Failure{Kind: TimedOut}.of(c.how.method()), phone.LookElsewhere))
		m.ask(c, ByReplaces)
	case c.stage == waiting:
		c.stage = blocked
		m.tryRepair(c)
	case c.stage == proving && !c.tries.repeated && m.policy.Refresh != None:
		c.tries.repeated = true
		c.stage = blocked
		m.step("media", c.ID, false, phone.Fact{Kind: phone.NoAudio, For: m.policy.ProofWait, Then: phone.RefreshOnce})
		m.tryRepair(c)
	case c.stage == proving:
		m.step("media", c.ID, false, phone.Fact{Kind: phone.NoAudio, For: m.policy.ProofWait})
		m.giveUp(c, fact(phone.CallNoAudio))
	}
}
