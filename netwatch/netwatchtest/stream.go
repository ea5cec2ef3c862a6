package netwatchtest

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

const (
	// bufferLen bounds what one direction of a connection holds, once at the
	// sender and once at the receiver.
	bufferLen = 64 << 10
	// lateBy is what a lost segment costs: the least retransmission timeout of
	// Linux; lateSYN is that of a handshake (RFC 6298 2).
	lateBy  = 200 * time.Millisecond
	lateSYN = time.Second
)

// phase is how far a stream has come.
type phase int

const (
	opening phase = iota // SYN on its way, or waiting for a path
	open
	over
)

// stream is a TCP connection as the network sees it: two ends, and what is
// under way between them. The bytes of a direction stay with the sender until
// they arrive, so what a dead path swallowed is sent again when it resumes.
// Its methods are called with mu held.
type stream struct {
	n      *Network
	id     uint64 // in order of opening
	phase  phase
	flying bool // a packet of the handshake is under way
	client *conn
	server *conn // nil until the handshake has reached a listener
	err    error // why the handshake failed
}

// pump moves on whatever can move. It is called when something was written or
// read, and for every stream when the network changed.
func (s *stream) pump() {
	switch s.phase {
	case opening:
		s.sendSYN()
	case open:
		s.client.pump()
		s.server.pump()
	case over:
	}
}

// sendSYN starts the handshake if there is a path; else it waits for one.
func (s *stream) sendSYN() {
	from := s.client.port()
	if s.flying || from == nil || from.net.stalled {
		return
	}
	to := s.n.find(from, s.client.remote.Addr())
	if to == nil || to.net.stalled && to.host != from.host {
		return
	}
	s.flying = true
	s.n.events.after(s.n.flight(from, to, lateSYN), func() { s.arriveSYN(from) })
}

func (s *stream) arriveSYN(from *port) {
	s.flying = false
	to := s.n.find(from, s.client.remote.Addr())
	if s.phase != opening || to == nil || to.net.stalled && to.host != from.host {
		return
	}
	back := s.n.flight(to, from, lateSYN)
	l := to.host.listenerFor(s.client.remote, to)
	s.flying = true
	if l == nil {
		s.n.events.after(back, func() { s.arriveRST() })
		return
	}
	s.server = newConn(s, binding{host: to.host, proto: "tcp", local: s.client.remote, home: to.net}, s.client.local)
	s.n.events.after(back, func() { s.arriveSYNACK(l) })
}

func (s *stream) arriveRST() {
	s.flying = false
	if s.phase == opening && s.client.port() != nil {
		s.finish(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
}

func (s *stream) arriveSYNACK(l *listener) {
	s.flying = false
	if s.phase != opening || !s.client.reaches() {
		return
	}
	s.phase = open
	s.client.wake()
	// The first data may follow the ACK at once and arrives after it.
	s.client.later(func() {
		if !l.offer(s.server) {
			s.server.stopped = true
			s.client.reset()
		}
	})
}

// finish ends a handshake that came to nothing.
func (s *stream) finish(err error) {
	s.err = err
	s.phase = over
	delete(s.n.streams, s)
	s.client.wake()
}

// forget drops the stream from the network's list when both ends are closed:
// nobody is left to whom anything could matter.
func (s *stream) forget() {
	if s.client.stopped && (s.server == nil || s.server.stopped) {
		s.phase = over
		delete(s.n.streams, s)
	}
}

// abort closes both ends at once.
func (s *stream) abort() {
	if s.phase == opening {
		s.finish(net.ErrClosed)
	}
	s.client.shut()
	if s.server != nil {
		s.server.shut()
	}
}

// flight is how long a packet between two interfaces takes; one that is lost
// is sent again after late.
func (n *Network) flight(from, to *port, late time.Duration) time.Duration {
	if from.host == to.host {
		return 0
	}
	d := n.delay(from, to)
	if n.lost(from, to) {
		d += late
	}
	return d
}

// port is the interface that the end is plugged in by; nil while its address
// is not on the network where the connection was made.
func (c *conn) port() *port {
	p := c.host.portWith(c.local.Addr(), c.pin)
	if p == nil || p.net != c.home {
		return nil
	}
	return p
}

// reaches reports whether packets of this end reach the other one now.
func (c *conn) reaches() bool {
	from, to := c.port(), c.peer().port()
	if from == nil || to == nil {
		return false
	}
	return from.host == to.host || !from.net.stalled && !to.net.stalled
}

// peer is the other end; only for a stream whose server is known.
func (c *conn) peer() *conn {
	if c.s.client == c {
		return c.s.server
	}
	return c.s.client
}

// later runs fn when a packet sent now arrives; those of one direction arrive
// in order. Only when the other end can be reached.
func (c *conn) later(fn func()) {
	now := time.Now()
	due := now.Add(c.n.flight(c.port(), c.peer().port(), lateBy))
	if due.Before(c.due) {
		due = c.due
	}
	c.due = due
	c.n.events.after(due.Sub(now), fn)
}

// pump sends what is written and fits the receiver's buffer, then the end of
// the stream if this end is closed.
func (c *conn) pump() {
	if c.s.phase != open || c.broken != nil || !c.reaches() {
		return
	}
	p := c.peer()
	if size := min(len(c.out)-c.flying, bufferLen-len(p.in)-c.flying); size > 0 {
		c.flying += size
		f := Flow{Proto: "tcp", From: c.local, To: c.remote}
		c.host.sent[f] = c.host.sent[f].add(time.Now(), size)
		c.later(func() { c.arrive(f, size) })
	}
	if c.stopped && !c.endFlying && !p.ended && c.flying == len(c.out) {
		c.endFlying = true
		c.later(func() { c.arriveEnd() })
	}
}

// arrive delivers the oldest size bytes, unless the path is gone: then they
// are sent again when it is back.
func (c *conn) arrive(f Flow, size int) {
	c.flying -= size
	if c.broken != nil || c.s.phase != open || !c.reaches() {
		return
	}
	p := c.peer()
	if p.stopped {
		// Nobody reads there any more: the answer is a reset (RFC 9293 3.10.7.1).
		p.later(c.reset)
		return
	}
	p.in = append(p.in, c.out[:size]...)
	c.out = append(c.out[:0], c.out[size:]...)
	now := time.Now()
	p.host.received[f] = p.host.received[f].add(now, size)
	carry(now, c.port(), p.port(), size)
	p.wake()
	c.wake()
	c.pump()
}

func (c *conn) arriveEnd() {
	c.endFlying = false
	if c.s.phase != open || !c.reaches() || len(c.out) > 0 {
		return // pump sends it again
	}
	c.peer().ended = true
	c.peer().wake()
}

// reset ends this end's connection, if the reset still finds it.
func (c *conn) reset() {
	if c.s.phase == open && c.port() != nil {
		c.broken = syscall.ECONNRESET
		c.out, c.flying = nil, 0
		c.wake()
	}
}

// listenerFor finds who listens on an address. Call with mu held.
func (h *Host) listenerFor(to netip.AddrPort, by *port) *listener {
	var best *listener
	fit := 0
	for l := range h.listeners {
		if x := l.takes(to, by); x > fit {
			best, fit = l, x
		}
	}
	return best
}
