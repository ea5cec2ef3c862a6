package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/stun"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// NewPorts returns Ports over a network, without a socket yet.
func NewPorts(s Sockets) *Ports { return &Ports{Sockets: s, open: map[portKey]*port{}} }

// portsOf are those that a stack was given, or its own.
func portsOf(s Sockets) *Ports {
	if p, ok := s.(*Ports); ok {
		return p
	}
	return NewPorts(s)
}

// join opens the socket at an address, or shares the one that is open there.
func (p *Ports) join(ctx context.Context, s *Stack, at netip.AddrPort) (*port, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := portKey{s.transport == locate.TCP, at, s.o.Interface}
	if shared := p.open[key]; shared != nil {
		shared.stacks = append(shared.stacks, s)
		return shared, nil
	}
	sh := &port{of: p, turn: make(chan struct{}, 1), stacks: []*Stack{s}}
	local := net.Addr(nil)
	if key.stream {
		ln, err := p.Listen(ctx, at, s.o.Interface)
		if err != nil {
			return nil, err
		}
		sh.ln, local = ln, ln.Addr()
	} else {
		pc, err := p.ListenPacket(ctx, at, s.o.Interface)
		if err != nil {
			return nil, err
		}
		sh.pc, local = pc, pc.LocalAddr()
		if big, ok := pc.(interface{ SetReadBuffer(int) error }); ok {
			_ = big.SetReadBuffer(socketBuffer) // as much as the system allows
		}
		if h, ok := pc.(hearer); ok {
			h.OnUnreachable(sh.unreachable)
		}
	}
	key.local = addrPort(local)
	sh.key = key
	p.open[key] = sh
	return sh, nil
}

// leave takes a stack off its socket, and closes that behind the last one.
func (p *port) leave(s *Stack) error {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.stacks = slices.DeleteFunc(p.stacks, func(o *Stack) bool { return o == s })
	if len(p.stacks) == 0 {
		delete(p.of.open, p.key)
		if p.ln != nil {
			return p.ln.Close()
		}
		return p.pc.Close()
	}
	return p.deadline(time.Now()) // have the reader look whether it still is one
}

// deadline ends a read or an accept then; zero: never.
func (p *port) deadline(at time.Time) error {
	if p.pc != nil {
		return p.pc.SetReadDeadline(at)
	}
	if d, ok := p.ln.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(at)
	}
	return nil
}

// take waits until the stack may read; false: it is closed.
func (p *port) take(s *Stack) bool {
	select {
	case p.turn <- struct{}{}:
	case <-s.ctx.Done():
		return false
	}
	_ = p.deadline(time.Time{}) // a socket that cannot fails at the read
	return true
}

// pass lets another stack read.
func (p *port) pass() { <-p.turn }

// poked says that a read ended only because a stack left.
func (p *port) poked(err error) bool {
	var late interface{ Timeout() bool }
	if !errors.As(err, &late) || !late.Timeout() {
		return false
	}
	_ = p.deadline(time.Time{})
	return true
}

// sharers are the stacks on the socket, the newest first.
func (p *port) sharers() []*Stack {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	list := slices.Clone(p.stacks)
	slices.Reverse(list)
	return list
}

func (p *port) unreachable(to netip.AddrPort, why error) {
	for _, s := range p.sharers() {
		s.unreachable(to, why)
	}
}

// datagram takes in what was read, in a buffer that is the reader's.
func (p *port) datagram(in *intake, b []byte, from netip.AddrPort) {
	if stun.Is(b) {
		for _, s := range p.sharers() {
			if s.stun != nil {
				s.stun.Receive(b, from) // it knows its own answers
			}
		}
		return
	}
	if len(b) > wire.MaxMessage || !from.IsValid() || isKeepAlive(b) {
		return
	}
	r, list := underWay, []*Stack(nil)
	if !in.idle() {
		list = p.sharers()
		r = rankOf(list, b, from)
	}
	if !in.put(r, letter{slices.Clone(b), from}) && len(list) > 0 {
		list[0].drop("more than can be handled", from, "a datagram")
	}
}

// handle hands datagrams to the stacks that they are for, until the intake ends.
func (p *port) handle(in *intake) {
	for {
		l, ok := in.take()
		if !ok {
			return
		}
		if s := addressee(p.sharers(), l.b, l.from); s != nil {
			s.receive(l.b, datagram{s, l.from})
		}
	}
}

// connection hands a connection that somebody made to the newest stack that
// trusts them, else to the newest.
func (p *port) connection(conn net.Conn) {
	list := p.sharers()
	from := addrPort(conn.RemoteAddr()).Addr()
	at := max(slices.IndexFunc(list, func(s *Stack) bool { return s.trusts(from) }), 0)
	if len(list) > 0 {
		s := list[at]
		if f := newStream(s, conn, conn, "", false); s.admitConn(f) {
			s.serve(f)
			return
		}
	}
	conn.Close()
}

// readDatagrams reads the UDP socket until Close, when it is this stack's turn.
// Errors of single datagrams (ICMP on some systems, oversize on Windows) do not
// end it.
func (s *Stack) readDatagrams() {
	if !s.port.take(s) {
		return
	}
	defer s.port.pass()
	in, handled := newIntake(), make(chan struct{})
	if !s.spawn("sip udp messages", func() { defer close(handled); s.port.handle(in) }) {
		return
	}
	defer func() { in.end(); <-handled }() // before the next stack reads
	buf := make([]byte, wire.MaxMessage+1)
	for failures := 0; ; {
		n, from, err := s.port.pc.ReadFrom(buf)
		switch {
		case err == nil:
			failures = 0
			s.port.datagram(in, buf[:n:n], addrPort(from))
		case s.isClosed() || s.port.poked(err):
		default:
			if failures++; failures >= maxReadErrors || errors.Is(err, net.ErrClosed) {
				s.fail(fmt.Errorf("%w: reading: %w", ErrTransport, err))
				return
			}
		}
		if s.isClosed() {
			return
		}
	}
}

// accept takes connections of others until Close, when it is this stack's turn.
func (s *Stack) accept() {
	if !s.port.take(s) {
		return
	}
	defer s.port.pass()
	for failures := 0; ; {
		conn, err := s.port.ln.Accept()
		switch {
		case err == nil:
			failures = 0
			s.port.connection(conn)
		case s.isClosed() || s.port.poked(err):
		default:
			if failures++; failures >= maxReadErrors || errors.Is(err, net.ErrClosed) {
				s.fail(fmt.Errorf("%w: accepting: %w", ErrTransport, err))
				return
			}
		}
		if s.isClosed() {
			return
		}
	}
}

// addressee is the stack that a message is for: the one whose transaction it
// belongs to, else the newest that has its dialog, else the newest whose
// account or server it names, else the newest.
func addressee(list []*Stack, b []byte, from netip.AddrPort) *Stack {
	if len(list) < 2 {
		return slices.Concat(list, []*Stack{nil})[0]
	}
	m, err := wire.Scan(b)
	if err != nil {
		return list[0]
	}
	branch := branchOf(m)
	callID, _ := m.Get("Call-ID")
	ours := m.Tag("To")
	if m.IsResponse() {
		ours = m.Tag("From")
	}
	rank := func(s *Stack) (n int) {
		switch {
		case branch != "" && s.hasTransaction(branch, m.IsResponse()):
			return 100
		case ours != "" && s.dialogs.find(callID, ours) != nil:
			return 50
		}
		if s.o.Server.Addr.Addr() == from.Addr() {
			n = 4
		}
		if m.IsResponse() {
			return n
		}
		return n + s.claim(m)
	}
	return slices.MaxFunc(list, func(a, b *Stack) int { return rank(a) - rank(b) }) // the first of equals
}

// branchOf is the transaction of a message (RFC 3261 17.1.3, 17.2.3).
func branchOf(m *wire.Message) string {
	via := m.All("Via")
	if len(via) == 0 {
		return ""
	}
	for p := range strings.SplitSeq(wire.SplitList(via[0], ',')[0], ";") {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), "branch") {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// hasTransaction says whether a branch is that of a transaction here: of ours,
// for responses, or of theirs.
func (s *Stack) hasTransaction(branch string, ours bool) bool {
	prefix := branch + sipgo.TxSeperator
	s.mu.Lock()
	defer s.mu.Unlock()
	if ours {
		for key := range s.clients {
			if strings.HasPrefix(key, prefix) {
				return true
			}
		}
		return false
	}
	for key := range s.servers {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// claim says how clearly a request is for the stack's account: by its address
// in To, or only by the user that its Contact has.
func (s *Stack) claim(m *wire.Message) (n int) {
	aor := s.o.Account.AOR
	to, _ := m.Get("To")
	if a, err := wire.ParseAddress(to); err == nil {
		if u, err := wire.ParseURI(a.URI); err == nil && u.User == aor.User && u.Host == aor.Host {
			n = 8
		}
	}
	_, rest, _ := strings.Cut(m.Start, " ")
	target, _, _ := strings.Cut(rest, " ")
	if u, err := wire.ParseURI(target); err == nil && u.User == aor.User {
		n += 2
	}
	return n
}
