package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"time"

	"ramble/internal/leaf/stun"
)

// Patience with answers to keep-alives.
const (
	pongTimeout = 10 * time.Second // RFC 5626 4.4.1
	pingTimeout = 5 * time.Second  // in which an OPTIONS is sent four times
	stunTimeout = 5 * time.Second
	maxUnheard  = 3 // OPTIONS that a server never answered; then it gets no more
)

// keepAlive holds NATs open and notices dead ways. Over TCP and TLS a pong is
// expected only of a server that is known to answer pings: it said so (RFC
// 5626) or did so before. Over UDP the same goes for the answer to an OPTIONS.
func (s *Stack) keepAlive() {
	s.askSTUN()
	if s.o.KeepAlive < 0 {
		return
	}
	beat := s.pingServer
	if s.server != nil {
		beat = s.pingStream
	}
	for {
		timer := time.NewTimer(s.interval())
		select {
		case <-s.ctx.Done():
			timer.Stop()
			return
		case <-s.hurry: // the server named a shorter time
			timer.Stop()
			continue
		case <-timer.C:
		}
		s.askSTUN()
		if err := beat(); err != nil && !s.isClosed() {
			s.fail(err)
			return
		}
	}
}

// interval is the time until the next keep-alive: as configured, and never
// longer than the server's Flow-Timer allows, of which 80 to 100 % are taken
// (RFC 5626 4.4.1).
func (s *Stack) interval() time.Duration {
	flow := time.Duration(s.flowTimer.Load())
	if flow <= 0 {
		return s.o.KeepAlive
	}
	return min(s.o.KeepAlive, flow*4/5+rand.N(flow/5+1))
}

// setFlowTimer takes a server's Flow-Timer; 0 says that it named none.
func (s *Stack) setFlowTimer(d time.Duration) {
	if time.Duration(s.flowTimer.Swap(int64(d))) == d || d <= 0 {
		return
	}
	select {
	case s.hurry <- struct{}{}:
	default:
	}
}

// pingStream sends CRLFs and waits for the pong (RFC 5626 4.4.1).
func (s *Stack) pingStream() error {
	s.dropPong() // an old one proves nothing
	f, err := s.serverFlow()
	if err != nil {
		return err
	}
	if err := f.send([]byte("\r\n\r\n")); err != nil {
		return err
	}
	return s.awaitPong()
}

func (s *Stack) dropPong() {
	select {
	case <-s.server.pongs:
	default:
	}
}

func (s *Stack) awaitPong() error {
	timer := time.NewTimer(min(pongTimeout, s.o.KeepAlive))
	defer timer.Stop()
	select {
	case <-s.server.pongs:
		s.outbound.Store(true)
	case <-timer.C:
		if s.outbound.Load() {
			return fmt.Errorf("%w: no pong within %v", ErrTimeout, min(pongTimeout, s.o.KeepAlive))
		}
	case <-s.server.gone:
		return fmt.Errorf("%w: the connection to the server ended", ErrTransport)
	case <-s.ctx.Done():
	}
	return nil
}

// pingServer sends CRLFs, which hold a NAT open, and an OPTIONS, whose answer
// shows that the server is there and where it sees us. A server that never
// answered one is not taken for dead because of it, and one whose host refuses
// (ICMP) is only where it was there before: an account that does not register
// would be opened anew with each keep-alive.
func (s *Stack) pingServer() error {
	f, err := s.serverFlow()
	if err != nil {
		return err
	}
	if err := f.send([]byte("\r\n\r\n")); err != nil {
		return err
	}
	if s.unheard.Load() >= maxUnheard {
		return nil
	}
	patience := min(pingTimeout, s.o.KeepAlive)
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	_, err = s.Ping(ctx)
	switch {
	case err == nil:
		s.pinged.Store(true)
		s.unheard.Store(0)
	case errors.Is(err, syscall.ECONNREFUSED) && !s.heard.Load():
		s.unheard.Store(0) // it was away when the path was opened; ICMP shows that the path is whole
	case !errors.Is(err, ErrTimeout):
		return err
	case s.pinged.Load():
		return fmt.Errorf("%w: no answer to the keep-alive within %v", ErrTimeout, patience)
	default:
		s.unheard.Add(1)
	}
	return nil
}

// Ping asks the server for any sign of life with an OPTIONS (RFC 3261 11) and
// returns the time until its answer, whatever that says. Without a deadline
// in ctx it waits 5 s. Where the server sees us elsewhere than before, that is
// told as Mapped.
func (s *Stack) Ping(ctx context.Context) (time.Duration, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pingTimeout)
		defer cancel()
	}
	f, err := s.serverFlow()
	if err != nil {
		return 0, err
	}
	req, err := s.optionsRequest()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	res, err := s.exchange(ctx, req, f, nil)
	if err == nil {
		s.noteSeen(s.seen(res), false)
		if s.face.changed(res) {
			s.emit(AnsweredAnew{Stack: s})
		}
	}
	return time.Since(start), err
}

// askSTUN asks under which address the STUN server sees the socket. That it
// does not answer says nothing about the way to the SIP server.
func (s *Stack) askSTUN() {
	if s.stun == nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, stunTimeout)
	defer cancel()
	at, err := s.stun.Mapped(ctx)
	if err != nil {
		if !s.isClosed() {
			s.log.Info("STUN", "server", s.stun.Server(), "err", err)
		}
		return
	}
	s.noteSeen(at, true)
}

// noteSeen tells where we are seen, once for each place.
func (s *Stack) noteSeen(at netip.AddrPort, bySTUN bool) {
	if !at.IsValid() {
		return
	}
	last := &s.seenAt
	if bySTUN {
		last = &s.stunAt
	}
	if was := last.Swap(&at); was == nil || *was != at {
		s.emit(Mapped{Stack: s, At: at, STUN: bySTUN})
	}
}

// stunClient is the client on the stack's UDP socket.
func (s *Stack) stunClient(server netip.AddrPort) *stun.Client {
	d := datagram{s, unmap(server)}
	return stun.NewClient(server, d.send)
}
