package netwatchtest

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// queueLen is how many datagrams a socket holds; more are dropped.
	queueLen = 512
	// maxDatagram is the largest payload of UDP over IPv4.
	maxDatagram = 65507
)

var _ net.PacketConn = (*packetConn)(nil)

// packetConn is a UDP socket. Besides net.PacketConn it has the netip methods
// of *net.UDPConn.
type packetConn struct {
	binding
	n       *Network
	ready   *sync.Cond // a datagram, a deadline or the end
	queue   []datagram // ring of queueLen
	head    int
	held    int
	read    deadline
	write   deadline
	stopped bool
}

type datagram struct {
	data []byte
	from netip.AddrPort
}

func newPacketConn(b binding) *packetConn {
	return &packetConn{binding: b, n: b.host.n, ready: sync.NewCond(&b.host.n.mu), queue: make([]datagram, queueLen)}
}

func (s *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFromUDPAddrPort is as that of *net.UDPConn: it waits for a datagram,
// and what does not fit into b is lost.
func (s *packetConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	for {
		switch {
		case s.stopped:
			return 0, netip.AddrPort{}, s.fail("read", netip.AddrPort{}, net.ErrClosed)
		case s.read.passed:
			return 0, netip.AddrPort{}, s.fail("read", netip.AddrPort{}, os.ErrDeadlineExceeded)
		case s.held > 0:
			d := s.queue[s.head]
			s.queue[s.head] = datagram{}
			s.head, s.held = (s.head+1)%queueLen, s.held-1
			return copy(b, d.data), d.from, nil
		}
		s.ready.Wait()
	}
}

func (s *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if u, ok := to.(*net.UDPAddr); ok {
		return s.WriteToUDPAddrPort(b, u.AddrPort())
	}
	a, err := netip.ParseAddrPort(to.String())
	if err != nil {
		return 0, s.fail("write", netip.AddrPort{}, syscall.EINVAL)
	}
	return s.WriteToUDPAddrPort(b, a)
}

// WriteToUDPAddrPort is as that of *net.UDPConn: it sends one datagram.
func (s *packetConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	switch {
	case s.stopped:
		return 0, s.fail("write", to, net.ErrClosed)
	case s.write.passed:
		return 0, s.fail("write", to, os.ErrDeadlineExceeded)
	case len(b) > maxDatagram:
		return 0, s.fail("write", to, os.NewSyscallError("sendto", syscall.EMSGSIZE))
	case !to.IsValid() || to.Port() == 0:
		return 0, s.fail("write", to, os.NewSyscallError("sendto", syscall.EINVAL))
	}
	from, src := s.egress(to.Addr())
	if from == nil {
		return 0, s.fail("write", to, os.NewSyscallError("sendto", syscall.ENETUNREACH))
	}
	f := Flow{Proto: "udp", From: netip.AddrPortFrom(src, s.local.Port()), To: to}
	s.host.sent[f] = s.host.sent[f].add(time.Now(), len(b))
	if s.home != nil && s.home != from.net {
		s.n.dropped[DropStale]++
		return len(b), nil
	}
	s.n.transmit(from, f, b)
	return len(b), nil
}

// transmit puts a datagram on its way. Call with mu held.
func (n *Network) transmit(from *port, f Flow, b []byte) {
	f, to := n.translate(from, f)
	switch {
	case to == nil:
		n.dropped[DropNoHost]++
	case to.host == from.host:
		n.arrive(from, to.net, f, bytes.Clone(b))
	case from.net.stalled || to.net.stalled:
		n.dropped[DropStalled]++
	case n.lost(from, to):
		n.dropped[DropLost]++
	default:
		data := bytes.Clone(b)
		n.events.after(n.delay(from, to), func() { n.arrive(from, to.net, f, data) })
	}
}

// arrive hands a datagram to the socket that is there now. A NAT has let it in
// before. Call with mu held.
func (n *Network) arrive(from *port, in *segment, f Flow, data []byte) {
	to := n.find(from, f.To.Addr())
	if in.nat != nil {
		to = n.inside(in, f.To.Addr())
	}
	if to == nil {
		n.dropped[DropNoHost]++
		return
	}
	if to.host != from.host && to.net.stalled {
		n.dropped[DropStalled]++
		return
	}
	var best *packetConn
	fit := 0
	for s := range to.host.packets {
		if x := s.takes(f.To, to); x > fit {
			best, fit = s, x
		}
	}
	switch {
	case best == nil:
		n.dropped[DropNoSocket]++
	case best.held == queueLen:
		n.dropped[DropQueueFull]++
	default:
		best.queue[(best.head+best.held)%queueLen] = datagram{data: data, from: f.From}
		best.held++
		best.ready.Signal()
		now := time.Now()
		to.host.received[f] = to.host.received[f].add(now, len(data))
		carry(now, from, to, len(data))
	}
}

func (s *packetConn) LocalAddr() net.Addr { return s.addr(s.local) }

func (s *packetConn) SetDeadline(t time.Time) error {
	return s.setDeadline(t, &s.read, &s.write)
}

func (s *packetConn) SetReadDeadline(t time.Time) error  { return s.setDeadline(t, &s.read) }
func (s *packetConn) SetWriteDeadline(t time.Time) error { return s.setDeadline(t, &s.write) }

func (s *packetConn) setDeadline(t time.Time, which ...*deadline) error {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	if s.stopped {
		return s.fail("set", netip.AddrPort{}, net.ErrClosed)
	}
	for _, d := range which {
		d.at(&s.n.mu, t, s.ready.Broadcast)
	}
	return nil
}

func (s *packetConn) Close() error {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	if s.stopped {
		return s.fail("close", netip.AddrPort{}, net.ErrClosed)
	}
	s.shut()
	return nil
}

// shut closes the socket. Call with mu held.
func (s *packetConn) shut() {
	s.stopped = true
	s.queue, s.held = nil, 0
	s.read.stop()
	s.write.stop()
	delete(s.host.packets, s)
	s.ready.Broadcast()
}
