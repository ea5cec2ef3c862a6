package sip

import (
	"context"
	"fmt"
	"net/netip"

	"ramble/sip/locate"
)

// Bounds on connections that others make, and on patience with a socket that
// only reports errors.
const (
	maxConnsPerAddr = 8
	maxConns        = 64
	maxReadErrors   = 20
)

// isKeepAlive matches CRLFs, lone NULs and the like, which some peers send to
// hold a NAT open.
func isKeepAlive(b []byte) bool {
	if len(b) > 4 {
		return false
	}
	for _, c := range b {
		if c != '\r' && c != '\n' && c != 0 && c != ' ' {
			return false
		}
	}
	return true
}

// admitConn counts a connection in, or not when there are too many.
func (s *Stack) admitConn(f *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	all, same := 0, 0
	for _, c := range s.conns {
		if c.ours {
			continue
		}
		all++
		if c.to.Addr() == f.to.Addr() {
			same++
		}
	}
	if all >= maxConns || (same >= maxConnsPerAddr && !s.trusts(f.to.Addr())) || s.conns[f.key()] != nil {
		return false
	}
	s.conns[f.key()] = f
	return true
}

// serve reads a connection that is in conns. When it ends, so do its
// transactions: nothing waits for timers on a dead connection.
func (s *Stack) serve(f *stream) {
	started := s.spawn("sip tcp", func() {
		err := f.read()
		f.Close()
		close(f.gone)
		s.forget(f, fmt.Errorf("%w: the connection to %v ended: %w", ErrTransport, f.to, err))
	})
	if !started {
		f.Close()
	}
}

func (s *Stack) forget(f *stream, why error) {
	s.mu.Lock()
	if s.conns[f.key()] == f {
		delete(s.conns, f.key())
	}
	var clients []*clientTx
	for _, ct := range s.clients {
		if ct.flow == flow(f) {
			clients = append(clients, ct)
		}
	}
	s.mu.Unlock()
	for _, ct := range clients {
		ct.fail(why)
	}
	if f == s.server {
		s.fail(why)
	}
}

// flowTo finds or makes the way to a peer. name is whom it must prove to be
// over TLS; "" is its address. The connection to the server is never made
// again: a stack that lost it is to be replaced.
func (s *Stack) flowTo(ctx context.Context, to netip.AddrPort, name string) (flow, error) {
	to = unmap(to)
	switch {
	case s.transport != locate.TLS:
		name = ""
	case name == "":
		name = to.Addr().String()
	}
	if s.isClosed() {
		return nil, ErrStackClosed
	}
	if s.transport == locate.UDP {
		return datagram{s, to}, nil
	}
	s.mu.Lock()
	f := s.conns[connKey{to, name}]
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	if s.server != nil && s.server.key() == (connKey{to, name}) {
		return nil, fmt.Errorf("%w: the connection to the server ended", ErrTransport)
	}
	dialCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	f, err := s.connect(dialCtx, to, name)
	if err != nil {
		if s.isClosed() {
			return nil, ErrStackClosed
		}
		return nil, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		f.Close()
		return nil, ErrStackClosed
	}
	if other := s.conns[f.key()]; other != nil { // someone else was faster
		s.mu.Unlock()
		f.Close()
		return other, nil
	}
	s.conns[f.key()] = f
	s.mu.Unlock()
	s.serve(f)
	return f, nil
}

// serverFlow is the way to the account's server.
func (s *Stack) serverFlow() (flow, error) {
	switch {
	case s.isClosed():
		return nil, ErrStackClosed
	case !s.o.Server.Addr.IsValid():
		return nil, fmt.Errorf("%w: the account has no server", ErrTransport)
	case s.transport == locate.UDP:
		return datagram{s, s.o.Server.Addr}, nil
	}
	select {
	case <-s.server.gone:
		return nil, fmt.Errorf("%w: the connection to the server ended", ErrTransport)
	default:
		return s.server, nil
	}
}
