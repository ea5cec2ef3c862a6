package stream

import (
	"net/netip"
	"time"

	"ramble/internal/leaf/stun"
)

const (
	// silentAfter is the silence after which the address of the SDP no longer
	// has the floor to itself: the peer's signalling IP may take it.
	silentAfter = 2 * time.Second
	// hostAfter is the same for another port of that address: such a change is
	// the peer's own (a NAT that rebinds), so it need not wait as long.
	hostAfter = 200 * time.Millisecond
	// privateAfter is the grace for a private address to speak up at all,
	// before a stranger may latch: in one LAN private addresses are reachable.
	privateAfter = 200 * time.Millisecond
	// farewell is how long the source of before an offer/answer is still heard:
	// the peer moves only when it has our answer, and packets overtake it.
	farewell = 2 * time.Second
	// probation is the number of packets in order that a stranger must send.
	probation = 5
)

// gate decides whose packets are listened to, and where ours go. It is pure.
//
// Accepted are: the address of the SDP; its IP with another port while the
// address itself is silent; and one latch per offer/answer (RFC 7362), on the
// peer's signalling IP where the address of the SDP is silent, or, where that is
// private and so may mean something else here, on one consistent source after
// probation. Whoever said a public address is heard from nowhere else: it could
// be anybody. The latch ends as soon as the address of the SDP speaks.
type gate struct {
	off        bool // no latch at all
	sdp        netip.AddrPort
	rtcpAddr   netip.Addr // of a=rtcp; zero: the SDP's
	signalling netip.Addr

	since     time.Time // the address was agreed on; silence counts from here
	heardSDP  time.Time
	host      netip.AddrPort // another port of the SDP's IP
	heardHost time.Time
	latch     netip.AddrPort // zero: none
	spent     bool           // the latch of this offer/answer was used
	frozen    bool           // no latch: the silence may be our own path's
	previous  netip.AddrPort
	until     time.Time // of previous
	probe     candidate
}

type candidate struct {
	src  netip.AddrPort
	ssrc uint32
	seq  uint16
	n    int
}

// agree takes a new offer/answer. Where nothing moved, what is being heard
// stays, and only the right to latch is renewed.
func (g *gate) agree(now time.Time, sdp netip.AddrPort, rtcp, signalling netip.Addr) {
	g.spent, g.frozen, g.probe = false, false, candidate{}
	moved := sdp != g.sdp || signalling != g.signalling
	if !moved {
		g.rtcpAddr = rtcp
		g.since = now
		return
	}
	heard := g.source()
	*g = gate{off: g.off, sdp: sdp, rtcpAddr: rtcp, signalling: signalling, since: now}
	if heard.IsValid() && heard != sdp {
		g.previous, g.until = heard, now.Add(farewell)
	}
}

// freeze forbids latching until the peer is heard on the new path or the next
// offer/answer: our own path changes, so silence says nothing about the peer.
func (g *gate) freeze() { g.frozen, g.probe = true, candidate{} }

// thaw ends that: the peer was heard where we are now.
func (g *gate) thaw() { g.frozen = false }

// source is the address that is being listened to, zero when none was heard.
func (g *gate) source() netip.AddrPort {
	switch {
	case g.latch.IsValid():
		return g.latch
	case !g.heardSDP.IsZero() && !g.heardHost.After(g.heardSDP):
		return g.sdp
	case !g.heardHost.IsZero():
		return g.host
	}
	return netip.AddrPort{}
}

// target is where our packets go.
func (g *gate) target() netip.AddrPort {
	if g.latch.IsValid() {
		return g.latch
	}
	return g.sdp
}

// admit judges an RTP packet. moved: the return stream goes elsewhere from now
// on, because the packet made a latch or ended one. negotiated: its payload type is one of
// ours; others never latch.
func (g *gate) admit(now time.Time, src netip.AddrPort, ssrc uint32, seq uint16, negotiated bool) (ok, moved bool) {
	was := g.target()
	ok = g.judge(now, src, ssrc, seq, negotiated)
	return ok, g.target() != was
}

func (g *gate) judge(now time.Time, src netip.AddrPort, ssrc uint32, seq uint16, negotiated bool) (ok bool) {
	switch {
	case src == g.sdp:
		g.heardSDP = now
		g.latch = netip.AddrPort{}
		return true
	case src == g.previous && now.Before(g.until):
		return true
	case src == g.latch:
		return true
	case src.Addr() == g.sdp.Addr():
		if !g.admitHost(now, src) {
			return false
		}
		if negotiated && !g.off && !g.spent && now.Sub(g.spoke()) >= silentAfter {
			g.spent, g.latch = true, src // symmetric RTP behind a NAT that keeps the IP
		}
		return true
	case g.mayLatch(now, src) && negotiated && g.proves(src, ssrc, seq):
		g.spent, g.latch, g.probe = true, src, candidate{}
		return true
	}
	return false
}

func (g *gate) admitHost(now time.Time, src netip.AddrPort) bool {
	if within(g.heardSDP, now, hostAfter) || g.latch.IsValid() {
		return false
	}
	if src != g.host && within(g.heardHost, now, hostAfter) {
		return false // one voice at a time
	}
	g.host, g.heardHost = src, now
	return true
}

// spoke is when the SDP's address itself spoke last, or was agreed on.
func (g *gate) spoke() time.Time {
	if g.heardSDP.After(g.since) {
		return g.heardSDP
	}
	return g.since
}

func (g *gate) mayLatch(now time.Time, src netip.AddrPort) bool {
	if g.off || g.spent || g.frozen {
		return false
	}
	if src.Addr() != g.signalling && !private(g.sdp.Addr()) {
		return false // a third party
	}
	last, wait := g.spoke(), silentAfter
	if g.heardHost.After(last) {
		last = g.heardHost
	}
	if g.heardSDP.IsZero() && g.heardHost.IsZero() && private(g.sdp.Addr()) {
		wait = privateAfter
		if src.Addr() == g.signalling {
			wait = 0
		}
	}
	return now.Sub(last) >= wait
}

// proves reports whether a source has earned the latch. The signalling IP has
// by being it.
func (g *gate) proves(src netip.AddrPort, ssrc uint32, seq uint16) bool {
	if src.Addr() == g.signalling {
		return true
	}
	p := &g.probe
	if p.src != src || p.ssrc != ssrc || seq != p.seq+1 {
		*p = candidate{src: src, ssrc: ssrc}
	}
	p.n, p.seq = p.n+1, seq
	return p.n >= probation
}

// admitControl judges an RTCP packet: only from hosts whose audio is accepted.
func (g *gate) admitControl(now time.Time, src netip.Addr) bool {
	switch {
	case !src.IsValid():
		return false
	case src == g.sdp.Addr(), src == g.rtcpAddr, src == g.latch.Addr():
		return true
	}
	return src == g.previous.Addr() && now.Before(g.until)
}

func within(then, now time.Time, d time.Duration) bool {
	return !then.IsZero() && now.Sub(then) < d
}

// private reports whether an address in SDP may be meaningless here.
func private(a netip.Addr) bool { return !a.IsValid() || a.IsUnspecified() || stun.Private(a) }
