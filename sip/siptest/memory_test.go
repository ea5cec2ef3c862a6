package siptest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// memory is a network of invented addresses: nothing of the operating system
// is behind it. lose decides about each datagram.
type memory struct {
	mu        sync.Mutex
	packets   map[netip.AddrPort]*memoryPackets
	listeners map[netip.AddrPort]*memoryListener
	port      uint16
	lose      func() bool
}

func newMemory() *memory {
	return &memory{packets: map[netip.AddrPort]*memoryPackets{}, listeners: map[netip.AddrPort]*memoryListener{}, port: 10000}
}

func (m *memory) bind(local netip.AddrPort) netip.AddrPort {
	if local.Port() != 0 {
		return local
	}
	m.port++
	return netip.AddrPortFrom(local.Addr(), m.port)
}

type datagram struct {
	from netip.AddrPort
	b    []byte
}

type memoryPackets struct {
	net.PacketConn // for what is not used here
	m              *memory
	at             netip.AddrPort
	in             chan datagram
	done           chan struct{}
	once           sync.Once
}

func (m *memory) ListenPacket(_ context.Context, local netip.AddrPort, _ string) (net.PacketConn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &memoryPackets{m: m, at: m.bind(local), in: make(chan datagram, 256), done: make(chan struct{})}
	m.packets[p.at] = p
	return p, nil
}

func (p *memoryPackets) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.at) }

func (p *memoryPackets) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-p.in:
		return copy(b, d.b), net.UDPAddrFromAddrPort(d.from), nil
	case <-p.done:
		return 0, nil, net.ErrClosed
	}
}

func (p *memoryPackets) WriteTo(b []byte, to net.Addr) (int, error) {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	if p.m.lose != nil && p.m.lose() {
		return len(b), nil
	}
	if dst := p.m.packets[addrPort(to)]; dst != nil {
		select {
		case dst.in <- datagram{p.at, append([]byte(nil), b...)}:
		default:
		}
	}
	return len(b), nil
}

func (p *memoryPackets) Close() error {
	p.once.Do(func() {
		close(p.done)
		p.m.mu.Lock()
		delete(p.m.packets, p.at)
		p.m.mu.Unlock()
	})
	return nil
}

type memoryListener struct {
	m    *memory
	at   netip.AddrPort
	in   chan net.Conn
	done chan struct{}
	once sync.Once
}

func (m *memory) Listen(_ context.Context, local netip.AddrPort, _ string) (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &memoryListener{m: m, at: m.bind(local), in: make(chan net.Conn), done: make(chan struct{})}
	m.listeners[l.at] = l
	return l, nil
}

func (l *memoryListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// memoryConn is a pipe with addresses. Its writes wait for a reader, which is
// harder than any kernel.
type memoryConn struct {
	net.Conn
	local, remote netip.AddrPort
}

func (c memoryConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c memoryConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (m *memory) Dial(ctx context.Context, local, remote netip.AddrPort, _ string) (net.Conn, error) {
	m.mu.Lock()
	l := m.listeners[remote]
	local = m.bind(local)
	m.mu.Unlock()
	if l == nil {
		return nil, errors.New("connection refused")
	}
	a, b := net.Pipe()
	select {
	case l.in <- memoryConn{b, remote, local}:
		return memoryConn{a, local, remote}, nil
	case <-l.done:
	case <-ctx.Done():
	}
	return nil, io.ErrClosedPipe
}

func TestPeers_roam_on_a_network_that_does_not_exist(t *testing.T) {
	for _, transport := range []Transport{UDP, TCP} {
		t.Run(transport.String(), func(t *testing.T) {
			m := newMemory()
			r := startRegistrar(t, Options{Addr: netip.MustParseAddrPort("203.0.113.5:5060"), Sockets: m})
			alice := startPeer(t, r, PeerOptions{User: "alice", Addr: netip.MustParseAddrPort("192.168.1.23:5060"), Transport: transport, Sockets: m})
			bob := startPeer(t, r, PeerOptions{User: "bob", Addr: netip.MustParseAddrPort("[2001:db8::7]:0"), Transport: transport, Sockets: m})
			a := must[*PeerCall](t)(alice.Call(within(t), "sip:bob@ramble.test"))
			b := theOther(t, bob)
			for _, at := range []string{"10.1.0.9:0", "192.168.1.23:5060", "[2001:db8::99]:0"} {
				if err := alice.Move(within(t), netip.MustParseAddrPort(at)); err != nil {
					t.Fatalf("to %s: %v", at, err)
				}
				if got := b.State().Media.Remote.RTP.Addr(); got != netip.MustParseAddrPort(at).Addr() {
					t.Errorf("bob sends to %v", got)
				}
			}
			if err := b.Hangup(within(t)); err != nil {
				t.Error(err)
			}
			if _, err := a.Wait(within(t), ended); err != nil {
				t.Error(err)
			}
		})
	}
}

// Three datagrams in ten are lost: the timers of RFC 3261 must bring the call
// up and down all the same.
func TestPeers_call_over_a_network_that_loses(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for real retransmission timers")
	}
	m := newMemory()
	r := startRegistrar(t, Options{Addr: netip.MustParseAddrPort("203.0.113.5:5060"), Sockets: m})
	alice := startPeer(t, r, PeerOptions{User: "alice", Addr: netip.MustParseAddrPort("192.168.1.23:5060"), Sockets: m})
	bob := startPeer(t, r, PeerOptions{User: "bob", Addr: netip.MustParseAddrPort("192.168.1.24:5060"), Sockets: m})
	m.mu.Lock()
	dice := rand.New(rand.NewPCG(1, 2))
	m.lose = func() bool { return dice.IntN(10) < 3 }
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a := must[*PeerCall](t)(alice.Call(ctx, "bob"))
	b := theOther(t, bob)
	if err := b.Reinvite(ctx, nil); err != nil {
		t.Error(err)
	}
	if err := a.Hangup(ctx); err != nil {
		t.Error(err)
	}
	if _, err := b.Wait(ctx, ended); err != nil {
		t.Error(err)
	}
}

func TestPeer_cancels_over_a_network_that_loses(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for real retransmission timers")
	}
	m := newMemory()
	r := startRegistrar(t, Options{Addr: netip.MustParseAddrPort("203.0.113.5:5060"), Sockets: m})
	alice := startPeer(t, r, PeerOptions{User: "alice", Addr: netip.MustParseAddrPort("192.168.1.23:5060"), Sockets: m})
	ringing := make(chan *PeerCall, 1)
	startPeer(t, r, PeerOptions{User: "bob", Addr: netip.MustParseAddrPort("192.168.1.24:5060"), Sockets: m, Script: Script{OnInvite: func(c *PeerCall) Decision {
		ringing <- c
		c.Ring()
		<-c.Done()
		return Decision{}
	}}})
	a := must[*PeerCall](t)(alice.Dial(within(t), "bob"))
	b := <-ringing
	if _, err := a.Wait(within(t), func(s CallState) bool { return s.Phase == Ringing }); err != nil {
		t.Fatal(err)
	}
	sent := 0
	m.mu.Lock()
	m.lose = func() bool { // the first CANCEL, and what the proxy makes of the second
		sent++
		return sent == 1 || sent == 4
	}
	m.mu.Unlock()
	_ = a.Hangup(within(t))
	if s, err := b.Wait(within(t), ended); err != nil || s.Code != 487 {
		t.Errorf("%+v %v", s, err)
	}
}

func BenchmarkCall(b *testing.B) {
	m := newMemory()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	start := func(run func(context.Context) error, ready <-chan struct{}) {
		wg.Go(func() { _ = run(ctx) })
		<-ready
	}
	r := NewRegistrar(Options{Addr: netip.MustParseAddrPort("203.0.113.5:5060"), Users: map[string]string{"a": "", "b": ""}, Sockets: m})
	start(r.Run, r.Ready())
	p := NewPeer(PeerOptions{User: "a", Addr: netip.MustParseAddrPort("192.168.1.23:5060"), Registrar: r.Addr(), Sockets: m})
	start(p.Run, p.Ready())
	q := NewPeer(PeerOptions{User: "b", Addr: netip.MustParseAddrPort("192.168.1.24:5060"), Registrar: r.Addr(), Sockets: m})
	start(q.Run, q.Ready())
	for b.Loop() {
		c, err := p.Call(ctx, "b")
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Hangup(ctx); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
}
