package roam

import (
	"time"

	"ramble/internal/leaf/phone"
)

// quiet is audio that stopped although it should flow.
type quiet struct {
	since    time.Time     // told by AudioStopped; zero: it flows
	long     time.Duration // it had not flowed for that long then
	tried    bool          // it was acted upon; that is done once for each silence
	answered bool          // the server answers all the same
}

// What is done about a silence is not done again and again where audio comes
// and goes: the waits between begin with hushMin and double up to hushMax.
const (
	hushMin = 15 * time.Second
	hushMax = 10 * time.Minute
)

// hush keeps what is done about a call's silences apart.
type hush struct {
	wait  time.Duration
	until time.Time
}

func (h *hush) acted(now time.Time) {
	if now.Sub(h.until) > hushMax {
		h.wait = 0 // calm forgives
	}
	h.wait = min(max(2*h.wait, hushMin), hushMax)
	h.until = now.Add(h.wait)
}

// audioStopped: silence with a path that looks whole. What is done about it is
// decided by listen, now or once the roam in progress is over.
func (m *Machine) audioStopped(e AudioStopped) {
	if c := m.call(e.Call); c != nil && c.up() && c.quiet.since.IsZero() {
		c.quiet = quiet{since: m.now, long: e.For, tried: c.underRepair()}
	}
}

func (m *Machine) audioBack(id CallID) {
	if c := m.call(id); c != nil {
		c.quiet = quiet{}
	}
}

// silent reports whether a call's silence is still to be acted upon.
func (c *call) silent() bool {
	return !c.quiet.since.IsZero() && !c.quiet.tried && c.up() && c.AudioDue && c.stage == whole
}

// listen asks the server for a sign of life when a call has fallen silent.
func (m *Machine) listen() {
	if m.roam != nil || m.probe != 0 || m.stack.state != open || !m.policy.Enabled {
		return
	}
	for _, c := range m.calls {
		if c.silent() && !m.now.Before(c.hush.until) {
			m.probe = m.epoch
			m.do(Probe{Epoch: m.epoch, Call: c.ID})
			return
		}
	}
}

// probeAnswered: the way to the server is whole, so it is only the call's own
// that may be broken. It is refreshed once, with new media sockets: what stands
// between here and there learns the way anew. A peer that merely sends nothing
// is no failure.
func (m *Machine) probeAnswered(e ProbeAnswered) {
	if m.probe == 0 || !m.present(e.Epoch) {
		return
	}
	m.probe = 0
	m.stack.answered = true
	if m.roam != nil {
		return // it takes the calls along
	}
	for _, c := range m.calls {
		if !c.silent() {
			continue
		}
		m.resume(phone.Fact{Kind: phone.SilentServerThere, For: c.quiet.long, Text: e.Detail}, c.ID)
		m.prepare(c, true, false)
		c.quiet.answered = true
		c.hush.acted(m.now)
		return // of several each has its turn
	}
}

// probeFailed: nothing gets through although the interface is intact. That is
// a change of path without a new address: new sockets, REGISTER, repair.
func (m *Machine) probeFailed(e ProbeFailed) {
	if m.probe == 0 || !m.present(e.Epoch) {
		return
	}
	m.probe = 0
	if m.roam != nil || e.Failure.Kind == Cancelled {
		return
	}
	ch := change{path: m.path, lost: true, move: true}
	for _, c := range m.calls {
		if !c.silent() {
			continue
		}
		c.hush.acted(m.now)
		if ch.why == nil {
			ch.since = c.quiet.since
			ch.why = []phone.Fact{{Kind: phone.Silent, For: c.quiet.long}, e.Failure.of("OPTIONS")}
		}
	}
	if ch.why != nil {
		m.begin(ch)
	}
}
