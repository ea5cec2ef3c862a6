package sip

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ramble/internal/leaf/safego"
	"ramble/internal/leaf/stun"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// Sockets is the seam to the network: the operating system, or addresses that
// no operating system has. iface "" means unpinned, port 0 any.
type Sockets interface {
	ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error)
	Listen(ctx context.Context, local netip.AddrPort, iface string) (net.Listener, error)
	Dial(ctx context.Context, local, remote netip.AddrPort, iface string) (net.Conn, error)
}

// StackOptions says what a Stack is made of. Local, Sockets and Account are
// needed; the rest has useful zero values.
type StackOptions struct {
	Account   *Account
	Server    locate.Server // where the account's requests go; zero: calls go straight to their targets
	Local     netip.Addr    // the path address
	Interface string        // the path's interface, for pinning
	Port      uint16        // to listen on; 0: any
	Sockets   Sockets       // *Ports, where stacks may have one port
	Auth      *Credentials  // for requests within incoming calls; nil: none
	Dialogs   *Dialogs      // shared by the account's stacks; nil: this stack's own
	// Sessions is shared by the account's stacks, so that a stack on a new path
	// resumes the TLS session of the one before it; nil: each starts anew.
	Sessions  tls.ClientSessionCache
	Trusted   []netip.Addr   // who may make the phone ring besides Server and Account.AllowFrom
	Lookup    locate.Lookup  // for next hops that are names; nil: literals only
	KeepAlive time.Duration  // between keep-alives to the server; 0: 25 s; negative: none
	STUN      netip.AddrPort // over UDP: asked, with each keep-alive, where we are seen; zero: nobody
	MaxCalls  int            // incoming calls that ring at once; 0: 4
	UserAgent string         // "" sends none
	Events    func(Event)
	Trace     func(TraceEntry)
	Guard     *safego.Guard
	Log       *slog.Logger     // nil: discard
	Now       func() time.Time // nil: time.Now
}

// Stack is one path: sockets on one local address and the transactions on
// them. Its methods are safe for concurrent use. (It has more fields than a
// struct should, because a path is what everything here hangs on; those that
// change are at the end.)
type Stack struct {
	o         StackOptions
	transport locate.Transport
	local     netip.AddrPort
	dialogs   *Dialogs
	log       *slog.Logger
	parser    *wire.Parser
	port      *port          // UDP and TCP
	pc        net.PacketConn // the port's, UDP
	server    *stream        // TCP and TLS, when there is a Server

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	ready  chan struct{}
	wg     sync.WaitGroup // children; Add under mu while not closed

	heard     atomic.Bool                    // a message came: the path's neighbours are known
	outbound  atomic.Bool                    // the server answers pings (RFC 5626)
	flows     atomic.Bool                    // it keeps to RFC 5626, as its 2xx to the REGISTER said
	pinged    atomic.Bool                    // it answered an OPTIONS
	unheard   atomic.Int32                   // OPTIONS in a row that it did not answer
	flowTimer atomic.Int64                   // its Flow-Timer, a time.Duration
	hurry     chan struct{}                  // capacity 1: the interval has changed
	stun      *stun.Client                   // over UDP, where there is a STUN server
	seenAt    atomic.Pointer[netip.AddrPort] // where the server saw us last
	stunAt    atomic.Pointer[netip.AddrPort] // where the STUN server did
	gruu      atomic.Pointer[string]         // our public GRUU (RFC 5627), "" none
	failed    sync.Once
	public    atomic.Pointer[netip.AddrPort] // see Announce
	services  atomic.Pointer[[]string]       // Service-Route of the registrar (RFC 3608)

	mu      sync.Mutex
	closed  bool
	clients map[string]*clientTx
	servers map[string]*serverTx
	conns   map[connKey]*stream
	front   *front // what is answered and dropped before any transaction
}

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
		ready: make(chan struct{}), clients: map[string]*clientTx{}, servers: map[string]*serverTx{},
		conns: map[connKey]*stream{}, hurry: make(chan struct{}, 1), front: newFront()}
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

// wsaAddrInUse is what Windows says for EADDRINUSE; no other system has the
// number.
const wsaAddrInUse = syscall.Errno(10048)

func openError(ctx context.Context, what string, at netip.AddrPort, err error) error {
	kind := ErrTransport
	var no syscall.Errno
	switch {
	case errors.As(err, &no) && (no == syscall.EADDRINUSE || no == wsaAddrInUse):
		kind = ErrPortInUse
	case errors.Is(err, context.DeadlineExceeded) || (ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded)):
		kind = ErrTimeout
	}
	return fmt.Errorf("%w: %s %v: %w", kind, what, at, err)
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

// Ready is closed when requests may be sent.
func (s *Stack) Ready() <-chan struct{} { return s.ready }

// Done is closed when the stack is.
func (s *Stack) Done() <-chan struct{} { return s.ctx.Done() }

// Local is the address that the stack listens on.
func (s *Stack) Local() netip.AddrPort { return s.local }

// Server is where the account's requests go.
func (s *Stack) Server() locate.Server { return s.o.Server }

// Transport is how the stack's messages travel.
func (s *Stack) Transport() locate.Transport { return s.transport }

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

func (s *Stack) isClosed() bool { return s.ctx.Err() != nil }

func (s *Stack) now() time.Time { return s.o.Now() }

func (s *Stack) emit(e Event) {
	if s.o.Events != nil {
		s.o.Events(e)
	}
}

// fail reports, once, that the way to the server is dead.
func (s *Stack) fail(err error) {
	if s.isClosed() {
		return
	}
	s.failed.Do(func() {
		s.log.Info("the path to the server is dead", "local", s.local, "err", err)
		s.emit(StackFailed{Stack: s, Err: err})
	})
}

// spawn starts a child that Run waits for. It reports false when the stack is
// closed.
func (s *Stack) spawn(name string, fn func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	s.o.Guard.Go(name, func() {
		defer s.wg.Done()
		fn()
	})
	return true
}
