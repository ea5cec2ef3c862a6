package roam

import (
	"net/netip"
	"time"

	"ramble/internal/leaf/phone"
)

// Witness is who told under which address a stack is seen from outside.
type Witness int

// The witnesses. What the server sees is where it sends to, so it has the last
// word about the Contact; STUN speaks where the server says nothing, and tells
// sooner that a mapping has moved.
const (
	ByServer Witness = iota
	BySTUN
)

// saw is the fact that the witness sees us elsewhere.
func (w Witness) saw(at, was netip.AddrPort) phone.Fact {
	kind := phone.SeenByServer
	if w == BySTUN {
		kind = phone.SeenBySTUN
	}
	return phone.Fact{Kind: kind, At: at, Was: was}
}

// Mapped: somebody outside sees the stack of the epoch at an address, which
// may be the one that its Contact says already.
type Mapped struct {
	Epoch Epoch
	By    Witness
	At    netip.AddrPort
}

// MediaMapped: the media of a call are seen at another address than its SDP
// said. From and To are for the timeline.
type MediaMapped struct {
	Call     CallID
	From, To netip.AddrPort
}

// Announce has the Contact of the epoch's stack say another address; the zero
// At is the stack's own. Nothing follows.
type Announce struct {
	Epoch Epoch
	At    netip.AddrPort
}

func (Mapped) event()      {}
func (MediaMapped) event() {}
func (Announce) action()   {}

// Bounds on following a mapping that does not rest.
const (
	restless    = 3               // moves at once; those after it wait, longer each time
	maxMoves    = 6               // without a pause; then nothing is followed for a while
	movesForget = time.Minute     // after this a move is the first again
	movesRest   = 5 * time.Minute // how long a while is
)

// mapping is what is known of a stack's address as others see it.
type mapping struct {
	local   netip.AddrPort    // the stack's own; invalid: nothing is followed
	says    netip.AddrPort    // what the Contact says
	seen    [2]netip.AddrPort // by Witness; invalid: it said nothing yet
	moves   int               // in a row
	movedAt time.Time
	due     time.Time  // a move waits until then
	reason  phone.Fact // for it
	refused bool       // the registrar did not like it
}

// believable is the guard: an address that could be ours as seen from outside.
// It is never 0.0.0.0, loopback, multicast or link-local, never of the other
// family, and a public address is never given up for a private one.
func (p mapping) believable(at netip.AddrPort) bool {
	local, a := p.local.Addr().Unmap(), at.Addr().Unmap()
	switch {
	case !p.local.IsValid() || !at.IsValid() || at.Port() == 0:
		return false
	case at == p.local:
		return true
	case a.Is4() != local.Is4() || a.Zone() != "" || !a.IsGlobalUnicast():
		return false
	}
	return private(local) || !private(a)
}

// private reports whether an address has meaning only nearby (RFC 1918, RFC
// 4193, RFC 6598).
func private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLoopback() ||
		netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a)
}

// contact is what the Contact should say by what is known.
func (p mapping) contact() netip.AddrPort {
	for _, at := range p.seen {
		if at.IsValid() {
			return at
		}
	}
	return p.local
}

func (m *Machine) mapped(e Mapped) {
	if m.present(e.Epoch) && m.stack.state == open {
		m.seenAt(e.By, e.At)
	}
}

// seenAt follows what a witness sees. One move of the mapping is one REGISTER
// and one refresh of each call, whatever else is in progress.
func (m *Machine) seenAt(by Witness, at netip.AddrPort) {
	p := &m.stack.mapping
	if !p.believable(at) || p.seen[by] == at || p.refused {
		return
	}
	was := p.seen[by]
	if was.IsValid() && !m.policy.Enabled {
		return // a change of network, as far as the user is concerned
	}
	p.seen[by] = at
	if !was.IsValid() {
		if was = p.says; p.contact() == p.says {
			return // it says so already, or the server knows better
		}
		p.reason = by.saw(at, was)
		m.moveContact()
		return
	}
	if m.now.Sub(p.movedAt) > movesForget && p.moves <= maxMoves || m.now.Sub(p.movedAt) > movesRest {
		p.moves = 0
	}
	p.reason = by.saw(at, was)
	p.moves++
	switch {
	case p.moves > maxMoves:
		m.step("sign", 0, false, then(p.reason, phone.NotFollowed))
	case p.moves > restless:
		if p.due.IsZero() {
			p.due = m.now.Add(m.policy.backoff(p.moves-restless, 0))
		}
	default:
		m.moveContact()
	}
}

// moveContact registers and refreshes under the address that is known now.
func (m *Machine) moveContact() {
	p := &m.stack.mapping
	first := m.epoch == m.stack.from && m.stack.started && p.says == p.local && len(m.calls) == 0
	p.movedAt, p.due = m.now, time.Time{}
	switch {
	case m.roam != nil:
		m.step("sign", 0, true, p.reason)
	case !first: // at the start there is nothing to be repaired
		m.resume(p.reason, 0)
	}
	m.announce(p.contact())
	m.reg.ok = false
	m.register()
	for _, c := range m.calls {
		m.refreshContact(c)
	}
}

// announce has the Contact say an address.
func (m *Machine) announce(at netip.AddrPort) {
	p := &m.stack.mapping
	if p.says == at {
		return
	}
	p.says, m.reg.moved = at, true
	if at == p.local {
		at = netip.AddrPort{}
	}
	m.do(Announce{Epoch: m.epoch, At: at})
}

// refusedContact takes a followed address back that the registrar refuses,
// once per stack. It reports false where that is not it.
func (m *Machine) refusedContact() bool {
	p := &m.stack.mapping
	if p.says == p.local || !m.reg.moved || p.refused {
		return false
	}
	p.refused = true
	m.announce(p.local)
	return true
}

// refreshContact tells the peer of a call that our Contact has changed. The
// media stay where they are.
func (m *Machine) refreshContact(c *call) {
	switch {
	case c.flight != 0:
		c.redo = true
		if c.stage == inFlight {
			c.stage = blocked
		}
	case c.State == RingingHere: // the answer will carry it
	case c.State == Calling && m.live(c.home):
		c.stage = left
	case !c.underRepair() || c.stage == proving:
		c.stage, c.part, c.due, c.why = blocked, true, time.Time{}, phone.Fact{}
		c.tries = tries{attempts: c.tries.attempts, plain: c.tries.plain}
		c.deadline = m.graceEnds()
		m.tryRepair(c)
	}
}

// mediaMapped: one call's media are seen elsewhere than its SDP says.
func (m *Machine) mediaMapped(e MediaMapped) {
	c := m.call(e.Call)
	if c == nil || !c.up() || !m.policy.Enabled || m.stack.state != open {
		return
	}
	if m.now.Sub(c.mappedAt) < movesForget && !c.mappedAt.IsZero() {
		return // it is told again with the next keep-alive
	}
	c.mappedAt = m.now
	reason := phone.Fact{Kind: phone.MediaSeenBySTUN, At: e.To, Was: e.From}
	if m.roam != nil {
		m.step("sign", c.ID, true, reason)
	} else {
		m.resume(reason, c.ID)
	}
	m.refreshContact(c)
}

// losses counts stacks that answered and died all the same, on a path that
// did not.
type losses struct {
	row int
	at  time.Time
}

// lostAgain counts one more and returns how many failures its wait is for: none of
// the first two, then one. It does not grow, because the server answered on each of
// them; it keeps one that takes every REGISTER and then closes from being asked
// in a tight loop.
func (m *Machine) lostAgain() int {
	if m.lost.at.IsZero() || m.now.Sub(m.lost.at) > movesRest {
		m.lost.row = 0
	}
	m.lost.row, m.lost.at = m.lost.row+1, m.now
	return min(max(m.lost.row-2, 0), 1)
}

// recovery is the wait after failures in a row. Where the server keeps to RFC
// 5626 its times count once nothing is urgent: no roam is in progress and no
// call is up.
func (m *Machine) recovery(failures int, retryAfter time.Duration) time.Duration {
	if m.reg.outbound && m.roam == nil && len(m.calls) == 0 {
		return m.policy.flowRecovery(failures, retryAfter)
	}
	return m.policy.backoff(failures, retryAfter)
}

// refusedMost and refusedTries bound the wait after a refusal that costs nobody
// anything: the server's host is there and nothing listens. It is being
// restarted, and who can call us waits for that. After some five minutes the
// usual times count.
const (
	refusedMost  = 2500 * time.Millisecond
	refusedTries = 120
)

// recoveryFrom is recovery after a failure of a kind.
func (m *Machine) recoveryFrom(f Failure, failures int) time.Duration {
	wait := m.recovery(failures, f.RetryAfter)
	if f.Kind == Transport && failures <= refusedTries && !m.reg.outbound {
		return min(wait, refusedMost)
	}
	return wait
}
