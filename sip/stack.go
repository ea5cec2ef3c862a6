package sip

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/safego"
	"ramble/internal/leaf/stun"
	"ramble/sip/dialog"
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
	Server    locate.Server  // where the account's requests go; zero: calls go straight to their targets
	Local     netip.Addr     // the path address
	Interface string         // the path's interface, for pinning
	Port      uint16         // to listen on; 0: any
	Sockets   Sockets        // *Ports, where stacks may have one port
	Trusted   []netip.Addr   // who may make the phone ring besides Server and Account.AllowFrom
	KeepAlive time.Duration  // between keep-alives to the server; 0: 25 s; negative: none
	STUN      netip.AddrPort // over UDP: asked, with each keep-alive, where we are seen; zero: nobody
	MaxCalls  int            // incoming calls that ring at once; 0: 4
	Events    func(Event)
	Trace     func(TraceEntry)
	Shared
}

// Shared is what all stacks of an account have in common.
type Shared struct {
	Auth    *Credentials // for requests within incoming calls; nil: none
	Dialogs *Dialogs     // shared by the account's stacks; nil: this stack's own
	// Sessions is shared by the account's stacks, so that a stack on a new path
	// resumes the TLS session of the one before it; nil: each starts anew.
	Sessions  tls.ClientSessionCache
	Lookup    locate.Lookup // for next hops that are names; nil: literals only
	UserAgent string        // "" sends none
	Guard     *safego.Guard
	Log       *slog.Logger     // nil: discard
	Now       func() time.Time // nil: time.Now
}

// Stack is one path: sockets on one local address and the transactions on
// them. Its methods are safe for concurrent use.
type Stack struct {
	o         StackOptions
	transport locate.Transport
	local     netip.AddrPort
	dialogs   *Dialogs
	log       *slog.Logger
	parser    *wire.Parser
	ends
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	ready  chan struct{}
	wg     sync.WaitGroup // children; Add under mu while not closed
	failed sync.Once
	vitals
	sight
	tables
}

// ends are a path's sockets.
type ends struct {
	port   *port          // UDP and TCP
	pc     net.PacketConn // the port's, UDP
	server *stream        // TCP and TLS, when there is a Server
}

// vitals is what is known of the server at the other end, and how it is asked.
type vitals struct {
	heard     atomic.Bool              // a message came: the path's neighbours are known
	outbound  atomic.Bool              // the server answers pings (RFC 5626)
	flows     atomic.Bool              // it keeps to RFC 5626, as its 2xx to the REGISTER said
	pinged    atomic.Bool              // it answered an OPTIONS
	face      face                     // of the server, as its answers to OPTIONS show it
	unheard   atomic.Int32             // OPTIONS in a row that it did not answer
	flowTimer atomic.Int64             // its Flow-Timer, a time.Duration
	hurry     chan struct{}            // capacity 1: the interval has changed
	gruu      atomic.Pointer[string]   // our public GRUU (RFC 5627), "" none
	services  atomic.Pointer[[]string] // Service-Route of the registrar (RFC 3608)
}

// sight is where others see this path, and what its Contact says of it.
type sight struct {
	stun   *stun.Client                   // over UDP, where there is a STUN server
	seenAt atomic.Pointer[netip.AddrPort] // where the server saw us last
	stunAt atomic.Pointer[netip.AddrPort] // where the STUN server did
	public atomic.Pointer[netip.AddrPort] // see Announce
}

// tables are what is under way, under their lock.
type tables struct {
	mu      sync.Mutex
	closed  bool
	clients map[string]*clientTx
	servers map[string]*serverTx
	conns   map[connKey]*stream
	front   *front // what is answered and dropped before any transaction
}

// wsaAddrInUse is what Windows says for EADDRINUSE; no other system has the
// number.
const wsaAddrInUse = syscall.Errno(10048)

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

// clientTx is a request of ours in progress.
type clientTx struct {
	tx   *sipgo.ClientTx
	flow flow
	in   chan *sipgo.Response  // from the reader to pump
	hear func(*sipgo.Response) // on the reader's goroutine, each response once; nil: see await

	mu    sync.Mutex
	err   error // why it failed, when the reader knows better than sipgo
	final bool  // a final response was heard
}

// serverTx is a request of theirs in progress.
type serverTx struct {
	tx     *sipgo.ServerTx
	cancel func(*inbound) // an INVITE's: what its CANCEL does; nil when nothing any more
}

// inbound is a request as the handlers get it.
type inbound struct {
	st   *Stack
	req  *sipgo.Request
	raw  *wire.Message
	flow flow // to whom responses go
	key  string
	tx   *sipgo.ServerTx

	// What the goroutine that owns the calls has made of it.
	call *Call
	id   dialog.ID
}

// front is what stands before the transactions: it answers what needs none, so
// that no flood takes up their table, and counts what is dropped.
type front struct {
	secret string // of this stack's tags

	mu      sync.Mutex
	dropped map[string]int // by reason
	strange strangers
}

// stream is a flow over one connection, TCP or TLS.
type stream struct {
	st    *Stack
	conn  net.Conn // what is read and written
	raw   net.Conn // what carries it: conn itself, or what is under TLS
	to    netip.AddrPort
	name  string        // TLS: whom the other side proved to be
	ours  bool          // we dialled it
	pongs chan struct{} // capacity 1: a pong came since it was last emptied
	gone  chan struct{} // closed when reading ended

	mu    sync.Mutex // keeps messages whole
	close sync.Once
}

// connKey tells connections apart. The name is part of it: another domain at
// the same address is somebody else until it has shown a certificate of its
// own (RFC 5923 9.1).
type connKey struct {
	to   netip.AddrPort
	name string // "" for TCP
}

// Ports are Sockets whose stacks listen together: those of one address and port
// share a socket, the present stack of an account with the one that it takes
// over from, and accounts that were given the same port. What comes is handed
// to the stack whose transaction, dialog or account it is about, so that no
// stack takes another's messages. The last one to leave closes the socket.
// Safe for concurrent use.
type Ports struct {
	Sockets
	mu   sync.Mutex
	open map[portKey]*port
}

// portKey tells sockets apart as the system does: the same address and port on
// another interface is another socket.
type portKey struct {
	stream bool
	local  netip.AddrPort
	iface  string
}

// port is one socket and the stacks on it.
type port struct {
	of  *Ports
	key portKey
	pc  net.PacketConn // UDP
	ln  net.Listener   // TCP
	// turn is held by the one stack that reads, so that messages keep their order.
	turn   chan struct{} // capacity 1
	stacks []*Stack      // the newest last; guarded by of.mu
}

// TraceEntry is one message as it stood on the wire, or within TLS, secrets and
// all: whoever keeps it hides them first.
type TraceEntry struct {
	At        time.Time
	Sent      bool
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Transport locate.Transport
	Message   []byte // valid during the call only
}

// flow is a way from a stack to one peer; sipgo's transactions write to it. A
// transaction keeps its flow for life, so nothing is ever sent from another
// socket than the one it started on.
type flow interface {
	sipgo.Connection
	remote() netip.AddrPort
	reliable() bool
	send(b []byte) error
}
