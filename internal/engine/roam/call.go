package roam

import (
	"time"

	"ramble/internal/leaf/phone"
)

// callAdded: a call on the present stack needs no repair, one that began on a
// stack of before does.
func (m *Machine) callAdded(k Call) {
	if m.call(k.ID) != nil {
		m.callChanged(k)
		return
	}
	c := &call{Call: k, repairing: repairing{home: k.Epoch}, gap: Gap{Call: k.ID}}
	c.media.switched, c.media.heard = true, true
	if c.home == 0 {
		c.home = m.newestLive()
	}
	if c.State == OfferPending {
		c.offerOn = c.home
	}
	m.calls = append(m.calls, c)
	switch {
	case m.epoch == 0 || m.present(c.home):
	case !m.path.Valid():
		c.pause()
		m.keepCalls()
	default:
		if c.up() || c.State == Calling && !m.live(c.home) {
			m.resume(fact(phone.CallFromBefore), c.ID)
		}
		m.prepare(c, true, m.policy.MediaFirst && !m.live(c.home))
	}
}

// newestLive is the epoch that a new call begins on.
func (m *Machine) newestLive() Epoch {
	if n := len(m.kept); n > 0 && m.stack.state != open {
		return m.kept[n-1].to
	}
	if m.path.Valid() {
		return m.epoch
	}
	return 0
}

// callChanged may put the call in another row of the table in the middle of
// its repair.
func (m *Machine) callChanged(k Call) {
	c := m.call(k.ID)
	if c == nil {
		return
	}
	was := c.State
	c.Call = k
	if k.State == OfferPending && was != OfferPending {
		c.offerOn = c.home
		if !m.live(c.home) && m.stack.state == open {
			c.offerOn = m.epoch
		}
	}
	switch {
	case was == RingingHere && k.up() && c.stage == whole:
		m.answeredHere(c)
	case c.stage == left && k.up():
		m.resume(fact(phone.AnsweredBefore), c.ID)
		m.prepare(c, true, false)
	case c.stage == proving && !k.AudioDue:
		c.stage, c.due = whole, time.Time{}
	default:
		m.tryRepair(c)
	}
}

// answeredHere: the answer to a call that rang during a change carried the new
// address if there was a stack to send it from.
func (m *Machine) answeredHere(c *call) {
	switch {
	case m.stack.state == open:
		m.linger(c)
		c.home = m.epoch
	case m.path.Valid() && !m.present(c.home):
		m.prepare(c, true, m.policy.MediaFirst && !m.live(c.home))
	case !m.path.Valid():
		c.pause()
	}
}

// moveMedia opens new media sockets for a call.
func (m *Machine) moveMedia(c *call, path Path, atOnce bool) {
	c.media.state, c.media.epoch, c.media.path, c.media.due = moving, m.epoch, path, time.Time{}
	c.media.switched, c.media.heard, c.media.hurry = atOnce, false, false
	m.do(MoveMedia{Epoch: m.epoch, Call: c.ID, Path: path, Switch: atOnce})
	m.run("media", c.ID, path.fact(phone.OnPath))
}

// switchMedia sends on the new media sockets from now on.
func (m *Machine) switchMedia(c *call) {
	switch {
	case c.media.switched:
	case c.media.state != settled:
		c.media.hurry = true
	default:
		c.media.switched = true
		m.do(SwitchMedia{Epoch: c.media.epoch, Call: c.ID})
	}
}

func (m *Machine) mediaMoved(e MediaMoved) {
	c := m.call(e.Call)
	if c == nil || c.media.state != moving || c.media.epoch != e.Epoch {
		return
	}
	c.media.state, c.media.failures = settled, 0
	opened := c.media.path.fact(phone.Opened)
	opened.Text = e.Detail
	m.end("media", c.ID, true, opened)
	if c.media.hurry {
		m.switchMedia(c)
	}
	m.tryRepair(c)
}

func (m *Machine) mediaMoveFailed(e MediaMoveFailed) {
	c := m.call(e.Call)
	if c == nil || c.media.state != moving || c.media.epoch != e.Epoch {
		return
	}
	c.media.state = movingLater
	wait, _ := m.policy.retryWait(c.media.failures, e.Failure.RetryAfter)
	c.media.failures++
	if m.now.Add(wait).After(c.deadline) {
		m.end("media", c.ID, false, phone.Fact{Kind: phone.MediaFault, Fault: e.Failure.fault()})
		why := c.media.path.fact(phone.CallNoSocket)
		why.Fault = e.Failure.fault()
		m.giveUp(c, why)
		return
	}
	m.end("media", c.ID, false, again(phone.Fact{Kind: phone.MediaFault, Fault: e.Failure.fault()}, wait))
	if wait <= 0 {
		m.moveMedia(c, c.media.path, c.media.switched || c.media.hurry)
		return
	}
	c.media.due = m.now.Add(wait)
}

// heard: packets arrive on the new path.
func (m *Machine) heard(e Heard) {
	c := m.call(e.Call)
	if c == nil || c.media.epoch == 0 || c.media.epoch != e.Epoch {
		return
	}
	first := !c.media.heard
	c.media.heard = true
	c.gap = Gap{Call: c.ID, GapIn: e.GapIn, GapOut: e.GapOut, LostIn: e.LostIn, Measured: c.AudioDue}
	if m.roam != nil {
		m.roam.heard = true
	}
	if first {
		m.step("media", c.ID, true, phone.Fact{Kind: phone.FirstPacket, Gap: c.gap.cost()})
	}
	if c.stage == proving || c.tries.repeated && c.underRepair() || c.stage == failed && m.present(c.home) {
		m.end("repair", c.ID, true, fact(phone.AudioThere))
		c.stage, c.due, c.why = whole, time.Time{}, phone.Fact{}
	}
}
