package roam

import (
	"time"

	"ramble/internal/leaf/phone"
)

// judge is the second repair table: what follows when the repair of a call
// was answered otherwise than 2xx, or not at all.
func (m *Machine) judge(c *call, f Failure) {
	c.last, c.due = f, time.Time{}
	said := f.of(c.how.method())
	v := f.verdict()
	switch {
	case c.how == ByEarlyUpdate:
		m.endRepair(c, then(said, phone.StaysOnOldPath))
		m.earlyMoved(c, false)
		return
	case c.how == ByReplaces && v != glare:
		if f.Kind == Answered && (f.Code == 481 || f.Code == 603) {
			c.tries.denied = f
			if f.Code == 603 {
				c.tries.over++
			}
			if c.tries.over >= surelyOver {
				m.lose(c, said)
				return
			}
		}
		v = silence // the refresh of the dialog as it is has its turn again
	}
	switch v {
	case notAllowed:
		if c.how != ByUpdate {
			m.giveUp(c, said)
			return
		}
		c.tries.noUpdate = true
		m.wait(c, 0)
	case unknownHere:
		m.unknown(c, said)
	case glare:
		m.glared(c, said)
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

// unknown: the server or the peer cannot place us or the call.
func (m *Machine) unknown(c *call, said phone.Fact) {
	switch {
	case m.reg.pending():
		c.stage = awaitRegister
		m.endRepair(c, then(said, phone.AfterRegister))
	case c.unplaced && m.reg.ok: // the two answers crossed
		m.wait(c, 0)
	case c.last.Code == 481:
		m.lose(c, said)
	case m.elsewhere(c):
		m.wait(c, 0)
	case c.last.Code == 408, c.last.Code == 480:
		m.retry(c)
	default:
		m.giveUp(c, said)
	}
}

// glared: the peer changes the call too. A second time it may be no crossing:
// an INVITE of the peer's on its way to where we were keeps it from taking ours
// for half a minute, but not from replacing the dialog. A peer that cannot do
// that is asked until its INVITE has timed out at the server: the grace time
// does not count meanwhile, since the peer answers and holds the call.
func (m *Machine) glared(c *call, said phone.Fact) {
	if c.tries.glares == 0 {
		c.tries.glaredAt = m.now
	}
	c.tries.glares++
	switch {
	case c.tries.glares > maxGlares:
		wait, end := m.policy.GlareWait(true, c.tries.glares), c.tries.glaredAt.Add(timerC)
		if m.now.Add(wait).After(end) {
			said.Tries = c.tries.glares
			m.giveUp(c, said)
			return
		}
		if m.roam != nil && m.roam.deadline.Before(end) {
			m.roam.deadline = end
		}
		m.wait(c, wait)
	case c.tries.glares > 1 && c.Replaceable && c.tries.replaces < maxReplaces:
		c.tries.replace = true
		m.wait(c, 0)
	default:
		m.wait(c, m.policy.GlareWait(c.OwnsCallID, c.tries.glares))
	}
}

// elsewhere decides to look for a peer by its address of record, where the
// server does not find it at the address of the dialog.
func (m *Machine) elsewhere(c *call) bool {
	switch c.last.Code {
	case 404, 408, 410, 480:
		c.tries.replace = c.Replaceable && c.up() && c.tries.replaces < maxReplaces
	}
	return c.tries.replace
}

// retry tries once more by the list, until the grace time ends. Where nothing
// was answered at all, everything is restarted once.
func (m *Machine) retry(c *call) {
	wait, exhausted := m.policy.retryWait(c.tries.retries, c.last.RetryAfter)
	late := m.now.Add(wait).After(c.deadline)
	said := c.last.of(c.how.method())
	said.Tries = c.tries.attempts
	switch {
	case (exhausted || late) && m.deaf():
		m.endRepair(c, said)
		m.lastResort()
	case late && c.tries.denied.Code != 0 && c.last.unreached():
		m.lose(c, c.tries.denied.of(ByReplaces.method()))
	case late:
		m.giveUp(c, said)
	default:
		c.tries.retries++
		m.wait(c, wait)
	}
}

// wait tries the repair again after a time, which may be zero.
func (m *Machine) wait(c *call, d time.Duration) {
	m.endRepair(c, again(c.last.of(c.how.method()), d))
	if d <= 0 {
		c.stage = blocked
		m.tryRepair(c)
		return
	}
	c.stage, c.due = waiting, m.now.Add(d)
}

// giveUp ends the repair, not the call.
func (m *Machine) giveUp(c *call, why phone.Fact) {
	m.endRepair(c, why)
	if why.Kind == phone.RequestFault {
		why.Kind = phone.CallGivenUp
	}
	why.Call = phone.CallID(c.ID)
	c.stage, c.why, c.due, c.media.due = failed, why, time.Time{}, time.Time{}
	c.later.at = time.Time{}
	if waits := lookLater(); c.later.looks < len(waits) && why.Kind != phone.CallNoAudio && c.last.mayPass() {
		c.later.at = m.now.Add(waits[c.later.looks])
	}
}

// lookLater is how long after a repair was given up the call is looked at again, each
// time that this fails.
func lookLater() []time.Duration {
	return []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}
}

// mayPass reports whether the same request may get another answer later: nobody has
// answered, the server was in trouble, or it could not place us or the peer.
func (f Failure) mayPass() bool {
	v := f.verdict()
	return v == silence || v == unknownHere || f.Kind == Answered && f.Code == 0
}

// unreached: nobody is where the dialog has the peer, or nobody answers there.
func (f Failure) unreached() bool {
	return f.Kind == TimedOut || f.Kind == Answered && (f.Code == 404 || f.Code == 408 || f.Code == 410 || f.Code == 480)
}

// lose lets go of a call that the peer no longer knows (RFC 5057): it said so, or
// it is no longer at the address of the dialog and answers where it is registered
// that the dialog has ended (603) or was never there (481; RFC 3891 3). Never
// silently, never with a BYE that hides what happened.
func (m *Machine) lose(c *call, lost phone.Fact) {
	lost.Kind, lost.Call = phone.CallLost, phone.CallID(c.ID)
	m.endRepair(c, lost)
	m.do(LoseCall{Call: c.ID, Code: lost.Fault.Code})
	if m.roam != nil {
		m.roam.blame(lost)
	}
	m.forget(c.ID, lost)
}

func (m *Machine) endRepair(c *call, said phone.Fact) { m.end("repair", c.ID, false, said) }

// verdict sorts the answers to a repair.
type verdict int

const (
	refusal     verdict = iota // trying again would get the same answer
	unknownHere                // the server may not know our address yet
	glare                      // the other side is changing the call too
	codecs                     // the offer was too rich
	silence                    // no answer, or the server is in trouble
	notAllowed                 // the peer does not know the method
)

func (f Failure) verdict() verdict {
	switch f.Kind {
	case TimedOut, Transport, Unreachable, Cancelled:
		return silence
	case Refused:
		return refusal
	}
	switch f.Code {
	case 401, 403, 404, 407, 408, 410, 480, 481:
		return unknownHere
	case 405, 501:
		return notAllowed
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

func (v verdict) String() string {
	return [...]string{"refusal", "unknown here", "glare", "codecs", "silence", "not allowed"}[v]
}
