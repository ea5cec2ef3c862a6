package roam

import (
	"fmt"
	"time"
)

// call is a call and how far its repair has come.
type call struct {
	Call
	home     Epoch // of the stack that its dialog was last whole on
	offerOn  Epoch // of the stack that carries our unanswered offer
	stage    stage
	flight   Epoch // of the Repair in flight; 0 none. There is never a second
	how      How   // of the last Repair
	redo     bool  // what is in flight announces an address that is out of date
	due      time.Time
	deadline time.Time // no new try after it
	tries    tries
	media    media
	last     Failure
	why      string // it was given up
	part     bool   // of the present roam
	gap      Gap
	quiet    quiet
	hush     hush
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
	attempts int  // Repairs asked for
	retries  int  // waits taken from Policy.Retries
	glares   int  // 491
	plain    bool // only the codecs in use
	repeated bool // refreshed once more because no audio came
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
	c.quiet.seen = false
	c.tries, c.why, c.due, c.media.due = tries{}, "", time.Time{}, time.Time{}
	c.deadline = m.graceEnds()
	if !m.live(c.flight) {
		c.flight = 0
	}
	c.redo = c.flight != 0
	switch {
	case c.State == RingingHere:
		c.stage = whole // the answer will carry the new address
		return
	case c.State == Calling && m.live(c.home):
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
	c.stage, c.part, c.due, c.why = blocked, true, time.Time{}, ""
	c.deadline = m.graceEnds()
	c.tries = tries{attempts: c.tries.attempts, plain: c.tries.plain}
	if c.media.state != settled {
		m.moveMedia(c, c.media.path, c.media.switched || c.media.hurry)
	}
	m.tryRepair(c)
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
	c.stage, c.flight, c.how = inFlight, m.epoch, how
	c.tries.attempts++
	m.do(Repair{Epoch: m.epoch, Call: c.ID, How: how, Attempt: c.tries.attempts})
	detail := how.String() + " sent"
	if c.tries.attempts > 1 {
		detail += fmt.Sprintf(", attempt %d", c.tries.attempts)
	}
	m.run("repair", c.ID, detail)
}

// row is the first repair table: how a call is repaired in the state that it
// is in. Not ok: it has to wait, or needs no repair after all.
func (m *Machine) row(c *call) (how How, ok bool) {
	switch c.State {
	case RingingHere:
		c.stage = whole
		return 0, false
	case Calling:
		if m.live(c.home) {
			c.stage = left
			return 0, false
		}
		return ByNewInvite, true
	case OfferPending:
		// On a path that lives its answer will come, and a second offer before
		// that would be answered 491.
		return ByCancelFirst, !m.live(c.offerOn)
	case AnswerDue:
		return ByAnswer, true
	}
	switch {
	case c.tries.plain:
		return ByPlainCodecs, true
	case m.policy.Refresh == Update:
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
	c.flight, c.home = 0, e.Epoch
	m.answered()
	m.end("repair", c.ID, true, or(e.Detail, c.how.method()+" 200 OK"))
	switch {
	case c.stage == failed: // too late for the roam, but not for the call
		c.stage, c.redo, c.why = whole, false, ""
		m.switchMedia(c)
	case c.redo:
		c.redo = false
		m.tryRepair(c)
	case c.stage == inFlight: // else audio came before
		m.refreshed(c)
	}
}

// refreshed: the peer knows the new address. The call is proven when audio
// arrives from it, where any is due.
func (m *Machine) refreshed(c *call) {
	c.due = time.Time{}
	m.switchMedia(c)
	if c.media.heard || !c.AudioDue || !c.up() || c.quiet.seen {
		if c.quiet.seen && !c.media.heard {
			m.step("media", c.ID, true, "no audio yet, the other side may send none")
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
		m.resume("the call can be tried once more", c.ID)
		m.tryAgain(c)
	case c.redo:
		c.redo = false
		m.endRepair(c, e.Failure.of(c.how.method()))
		m.tryRepair(c)
	case c.stage == inFlight: // else it was given up or proven meanwhile
		m.judge(c, e.Failure)
	}
}

// judge is the second repair table: what follows when the repair of a call
// was answered otherwise than 2xx, or not at all.
func (m *Machine) judge(c *call, f Failure) {
	c.last = f
	said := f.of(c.how.method())
	switch f.verdict() {
	case unknownHere:
		if m.reg.pending() {
			c.stage = awaitRegister
			m.endRepair(c, said+", again after the REGISTER")
			return
		}
		switch f.Code {
		case 481:
			m.lose(c)
		case 408, 480:
			m.retry(c)
		default:
			m.giveUp(c, said)
		}
	case glare:
		c.tries.glares++
		if c.tries.glares > maxGlares {
			m.giveUp(c, fmt.Sprintf("%s, %d times", said, c.tries.glares))
			return
		}
		m.wait(c, m.policy.GlareWait(c.OwnsCallID))
	case codecs:
		if c.tries.plain {
			m.giveUp(c, said)
			return
		}
		c.tries.plain = true
		m.wait(c, 0)
	case silence:
		m.retry(c)
	default:
		m.giveUp(c, said)
	}
}

// retry tries once more by the list, until the grace time ends. Where nothing
// was answered at all, everything is restarted once.
func (m *Machine) retry(c *call) {
	wait, exhausted := m.policy.retryWait(c.tries.retries, c.last.RetryAfter)
	late := m.now.Add(wait).After(c.deadline)
	said := fmt.Sprintf("%s after %d tries", c.last.of(c.how.method()), c.tries.attempts)
	switch {
	case (exhausted || late) && m.deaf():
		m.endRepair(c, said)
		m.lastResort()
	case late:
		m.giveUp(c, said)
	default:
		c.tries.retries++
		m.wait(c, wait)
	}
}

// wait tries the repair again after a time, which may be zero.
func (m *Machine) wait(c *call, d time.Duration) {
	m.endRepair(c, c.last.of(c.how.method())+again(d))
	if d <= 0 {
		c.stage = blocked
		m.tryRepair(c)
		return
	}
	c.stage, c.due = waiting, m.now.Add(d)
}

// callDue: the wait of a call is over.
func (m *Machine) callDue(c *call) {
	c.due = time.Time{}
	switch {
	case c.stage == waiting:
		c.stage = blocked
		m.tryRepair(c)
	case c.stage == proving && !c.tries.repeated && m.policy.Refresh != None:
		c.tries.repeated = true
		c.stage = blocked
		m.step("media", c.ID, false, "no audio for "+spoken(m.policy.ProofWait)+", refreshing once more")
		m.tryRepair(c)
	case c.stage == proving:
		m.step("media", c.ID, false, "no audio for "+spoken(m.policy.ProofWait))
		m.giveUp(c, "no audio arrives at the new address")
	}
}

// giveUp ends the repair, not the call.
func (m *Machine) giveUp(c *call, why string) {
	c.stage, c.why, c.due, c.media.due = failed, why, time.Time{}, time.Time{}
	m.endRepair(c, why)
}

// lose lets go of a call that the peer no longer knows (RFC 5057). Never
// silently, never with a BYE that hides what happened.
func (m *Machine) lose(c *call) {
	reason := "the other side no longer knows the call (481)"
	m.endRepair(c, c.last.of(c.how.method())+": the call is lost")
	m.do(LoseCall{Call: c.ID, Reason: reason})
	if m.roam != nil {
		m.roam.blame(fmt.Sprintf("call %d: %s; redial", c.ID, reason))
	}
	m.forget(c.ID, reason)
}

func (m *Machine) endRepair(c *call, detail string) { m.end("repair", c.ID, false, detail) }

// verdict sorts the answers to a repair.
type verdict int

const (
	refusal     verdict = iota // trying again would get the same answer
	unknownHere                // the server may not know our address yet
	glare                      // the other side is changing the call too
	codecs                     // the offer was too rich
	silence                    // no answer, or the server is in trouble
)

func (f Failure) verdict() verdict {
	switch f.Kind {
	case TimedOut, Transport, Unreachable, Cancelled:
		return silence
	case Refused:
		return refusal
	}
	switch f.Code {
	case 401, 403, 404, 407, 408, 480, 481:
		return unknownHere
	case 491:
		return glare
	case 488, 606:
		return codecs
	}
	if f.Code >= 500 && f.Code < 600 {
		return silence
	}
	return refusal
}
