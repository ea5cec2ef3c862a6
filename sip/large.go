package sip

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/locate"
)

// streamPatience bounds the making of a connection for a large request: who
// takes no TCP mostly says so at once, and else the user waits.
const streamPatience = 4 * time.Second

// roomFor is the way of a request that is to go by f: over UDP a large one goes
// by a connection to the same address (RFC 3261 18.1.1), and its Via says so.
// Where the peer takes none, it is ErrTooLarge with the reason: a request in
// fragments gets lost behind many a NAT, and nobody would know why.
func (s *Stack) roomFor(req *sipgo.Request, f flow) (flow, error) {
	d, ok := f.(datagram)
	if !ok {
		return f, nil
	}
	var b bytes.Buffer
	req.StringWrite(&b)
	if b.Len() <= maxDatagram {
		return f, nil
	}
	wide, err := s.streamTo(d.to)
	if err != nil {
		return nil, fmt.Errorf("%w: it has %d bytes, RFC 3261 18.1.1 allows %d, and over TCP: %w", ErrTooLarge, b.Len(), maxDatagram, err)
	}
	if via := req.Via(); via != nil {
		via.Transport = locate.TCP.Via()
	}
	req.SetTransport(locate.TCP.Via())
	return wide, nil
}

// streamTo finds or makes a connection of a stack that speaks UDP.
func (s *Stack) streamTo(to netip.AddrPort) (flow, error) {
	s.mu.Lock()
	f := s.conns[connKey{to: to}]
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, streamPatience)
	defer cancel()
	raw, err := s.o.Sockets.Dial(ctx, netip.AddrPortFrom(s.o.Local, 0), to, s.o.Interface)
	if err != nil {
		return nil, openError(ctx, "connect to", to, err)
	}
	f = newStream(s, raw, raw, "", true)
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
