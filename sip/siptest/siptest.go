// Package siptest is the other side of a telephone: a Registrar that is also
// a record-routing proxy, and Peers that call and can be called. Tests and
// the demo use it; it is real code over injected sockets, so that it works on
// loopback and on networks that exist only in memory.
//
// It knows sipgo's parser and messages and nothing else of sipgo. Transport,
// transactions and routing are its own, so that a fault of the phone's stack
// is not repeated, and so hidden, on this side. What it lacks against a
// server for the public: DNS, forking, and downstream retransmission of
// anything but INVITE.
package siptest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Sockets is where connections come from. Nil in the options means the
// operating system's.
type Sockets interface {
	// ListenPacket opens a UDP socket; port 0 is any, iface "" is unpinned.
	ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error)
	// Listen opens a TCP listener.
	Listen(ctx context.Context, local netip.AddrPort, iface string) (net.Listener, error)
	// Dial opens a TCP connection; local port 0 is any.
	Dial(ctx context.Context, local, remote netip.AddrPort, iface string) (net.Conn, error)
}

// Transport carries SIP.
type Transport int

// The transports.
const (
	UDP Transport = iota
	TCP
	TLS // in place of TCP, at the same port
)

func (t Transport) String() string { return [...]string{"UDP", "TCP", "TLS"}[t] }

// Timers of RFC 3261 17. They are not for tuning.
const (
	t1       = 500 * time.Millisecond
	t2       = 4 * time.Second
	deadline = 64 * t1 // timers B, F, H
)

// Traced is one message on the wire.
type Traced struct {
	Out           bool
	Transport     Transport
	Local, Remote netip.AddrPort
	Raw           []byte // must not be changed
}

// Reply is what a script has a request answered with.
type Reply struct {
	Code    int
	Reason  string         // "" is the usual one
	Headers []sipgo.Header // added
	Silent  bool           // no answer at all; Code is ignored
}

// Refused is a final answer of the other side that is not 2xx.
type Refused struct {
	Code   int
	Reason string
}

func (r *Refused) Error() string { return fmt.Sprintf("refused: %d %s", r.Code, r.Reason) }

// systemSockets is the operating system's network.
type systemSockets struct{}

func (systemSockets) ListenPacket(ctx context.Context, local netip.AddrPort, _ string) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, "udp", local.String())
}

func (systemSockets) Listen(ctx context.Context, local netip.AddrPort, _ string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", local.String())
}

func (systemSockets) Dial(ctx context.Context, local, remote netip.AddrPort, _ string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(local)}
	return d.DialContext(ctx, "tcp", remote.String())
}

func orSystem(s Sockets) Sockets {
	if s == nil {
		return systemSockets{}
	}
	return s
}

func orDiscard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// bell tells all that wait that something changed.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
