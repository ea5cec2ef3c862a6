package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// Open makes a stack's sockets: for UDP one bound to the path address, for TCP
// a listener there and a connection to the server, for TLS the connection
// alone, since a phone has no certificate to be called by. It respects ctx.
// Nothing is received before Run. Errors are ErrPortInUse, ErrTimeout or
// ErrTransport, the latter two for TLS perhaps with a *CertificateError or a
// *HandshakeError within.
func Open(ctx context.Context, o StackOptions) (*Stack, error) {
	if o.Account == nil || o.Sockets == nil || !o.Local.IsValid() {
		return nil, errors.New("sip.Open: Account, Sockets and Local are needed")
	}
	s := &Stack{o: o, transport: o.Account.Transport, dialogs: o.Dialogs, log: o.Log, parser: wire.NewParser(),
		ready: make(chan struct{}), vitals: vitals{hurry: make(chan struct{}, 1)},
		tables: tables{clients: map[string]*clientTx{}, servers: map[string]*serverTx{}, conns: map[connKey]*stream{}, front: newFront()}}
	if s.transport == locate.Auto {
		s.transport = locate.UDP
	}
	if o.Server.Addr.IsValid() {
		s.transport = o.Server.Transport
		s.o.Server.Addr = unmap(o.Server.Addr)
	}
	if s.dialogs == nil {
		s.dialogs = NewDialogs()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.o.Now == nil {
		s.o.Now = time.Now
	}
	if o.Account.secureOnly() && s.transport != locate.TLS {
		return nil, fmt.Errorf("%w: this account's path is %v", ErrNotSecure, s.transport)
	}
	s.o.MaxCalls = cmp.Or(o.MaxCalls, 4)
	s.o.KeepAlive = cmp.Or(o.KeepAlive, 25*time.Second)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.bind(ctx, netip.AddrPortFrom(o.Local, o.Port)); err != nil {
		s.cancel()
		return nil, err
	}
	return s, nil
}

func (s *Stack) bind(ctx context.Context, at netip.AddrPort) (err error) {
	switch s.transport {
	case locate.UDP:
		if s.port, err = portsOf(s.o.Sockets).join(ctx, s, at); err != nil {
			return openError(ctx, "listen on", at, err)
		}
		s.local, s.pc = s.port.key.local, s.port.pc
		if s.o.STUN.IsValid() {
			s.stun = s.stunClient(s.o.STUN)
		}
		return nil
	case locate.TCP:
		if s.port, err = portsOf(s.o.Sockets).join(ctx, s, at); err != nil {
			return openError(ctx, "listen on", at, err)
		}
		s.local = s.port.key.local
		if !s.o.Server.Addr.IsValid() {
			return nil
		}
		if s.server, err = s.connect(ctx, s.o.Server.Addr, ""); err != nil {
			return errors.Join(err, s.port.leave(s))
		}
		s.conns[s.server.key()] = s.server
		return nil
	case locate.TLS:
		if !s.o.Server.Addr.IsValid() {
			return fmt.Errorf("%w: an account over TLS needs a server", ErrTransport)
		}
		if s.server, err = s.connect(ctx, s.o.Server.Addr, s.o.Server.Identity()); err != nil {
			return err
		}
		s.local = addrPort(s.server.conn.LocalAddr())
		s.conns[s.server.key()] = s.server
		return nil
	case locate.Auto:
	}
	return fmt.Errorf("%w: nobody chose a transport", ErrTransport)
}

// Run serves until Close or until ctx ends, which closes the stack. It returns
// nil after all of the stack's goroutines have.
func (s *Stack) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	switch {
	case s.port == nil:
	case s.transport == locate.UDP:
		s.spawn("sip udp", s.readDatagrams)
	default:
		s.spawn("sip accept", s.accept)
	}
	if s.server != nil {
		s.serve(s.server)
	}
	if s.o.Server.Addr.IsValid() && (s.o.KeepAlive > 0 || s.stun != nil) {
		s.spawn("sip keep-alive", s.keepAlive)
	}
	close(s.ready)
	<-s.ctx.Done()
	s.wg.Wait()
	return nil
}

// Close drops sockets, connections and transactions at once and sends nothing.
// What is in flight fails with ErrStackClosed. Calls and registrations stay.
func (s *Stack) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	clients, servers, conns := s.clients, s.servers, s.conns
	s.clients, s.servers, s.conns = nil, nil, nil
	s.mu.Unlock()
	s.cancel()
	s.log.Debug("the path is closed", "local", s.local, "dropped", s.drops())
	var err error
	if s.port != nil {
		err = s.port.leave(s)
	}
	for _, f := range conns {
		f.Close()
	}
	for _, ct := range clients {
		ct.tx.Terminate()
	}
	for _, st := range servers {
		st.tx.Terminate()
	}
	return err
}
