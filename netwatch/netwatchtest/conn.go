package netwatchtest

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// backlog is how many connections wait to be accepted; more are reset.
const backlog = 128

var (
	_ net.Conn     = (*conn)(nil)
	_ net.Listener = (*listener)(nil)
)

// conn is one end of a TCP connection.
type conn struct {
	binding
	n      *Network
	s      *stream
	remote netip.AddrPort
	ready  *sync.Cond // anything that a reader, writer or dialler waits for

	in        []byte // arrived and not read
	out       []byte // written and not arrived
	flying    int    // how much of out is under way
	due       time.Time
	endFlying bool // the end of the stream is under way
	ended     bool // the other end's has arrived
	broken    error
	stopped   bool
	read      deadline
	write     deadline
}

func newConn(s *stream, b binding, remote netip.AddrPort) *conn {
	return &conn{binding: b, n: s.n, s: s, remote: remote, ready: sync.NewCond(&s.n.mu)}
}

func (c *conn) wake() { c.ready.Broadcast() }

// Dial opens a TCP connection. It waits for a path until ctx ends, as the
// retransmission of the SYN does; a local address that is not there and a
// peer that refuses are errors at once.
func (h *Host) Dial(ctx context.Context, local, remote netip.AddrPort, iface string) (net.Conn, error) {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	n := h.n
	n.mu.Lock()
	defer n.mu.Unlock()
	// Outgoing ports are told apart by the whole connection, so only
	// listeners are in the way.
	b, err := h.bind("tcp", local, iface, h.listens)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && !remote.IsValid() {
		err = os.NewSyscallError("connect", syscall.EINVAL)
	}
	if err != nil {
		return nil, b.fail("dial", remote, err)
	}
	from, src := b.egress(remote.Addr())
	if from == nil {
		return nil, b.fail("dial", remote, os.NewSyscallError("connect", syscall.ENETUNREACH))
	}
	b.local, b.home, b.dual = netip.AddrPortFrom(src, b.local.Port()), from.net, false
	n.opened++
	s := &stream{n: n, id: n.opened}
	s.client = newConn(s, b, remote)
	n.streams[s] = struct{}{}
	stop := context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		s.client.wake()
	})
	defer stop()
	s.pump()
	for s.phase == opening && ctx.Err() == nil {
		s.client.ready.Wait()
	}
	switch {
	case s.err != nil:
		err = s.err
	case s.phase == opening:
		err = ctx.Err()
		s.finish(err)
	}
	if err != nil {
		return nil, b.fail("dial", remote, err)
	}
	return s.client, nil
}

func (c *conn) Read(b []byte) (int, error) {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	for {
		switch {
		case c.stopped:
			return 0, c.fail("read", c.remote, net.ErrClosed)
		case c.read.passed:
			return 0, c.fail("read", c.remote, os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case len(c.in) > 0:
			size := copy(b, c.in)
			c.in = append(c.in[:0], c.in[size:]...)
			c.peer().pump() // there is room again
			return size, nil
		case c.broken != nil:
			return 0, c.fail("read", c.remote, os.NewSyscallError("read", syscall.ECONNRESET))
		case c.ended:
			return 0, io.EOF
		}
		c.ready.Wait()
	}
}

func (c *conn) Write(b []byte) (int, error) {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	done := 0
	for {
		switch {
		case c.stopped:
			return done, c.fail("write", c.remote, net.ErrClosed)
		case c.write.passed:
			return done, c.fail("write", c.remote, os.ErrDeadlineExceeded)
		case c.broken != nil:
			return done, c.fail("write", c.remote, os.NewSyscallError("write", syscall.EPIPE))
		case done == len(b):
			return done, nil
		}
		room := min(bufferLen-len(c.out), len(b)-done)
		if room == 0 {
			c.ready.Wait()
			continue
		}
		c.out = append(c.out, b[done:done+room]...)
		done += room
		c.pump()
	}
}

func (c *conn) LocalAddr() net.Addr  { return c.addr(c.local) }
func (c *conn) RemoteAddr() net.Addr { return c.addr(c.remote) }

func (c *conn) SetDeadline(t time.Time) error      { return c.setDeadline(t, &c.read, &c.write) }
func (c *conn) SetReadDeadline(t time.Time) error  { return c.setDeadline(t, &c.read) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(t, &c.write) }

func (c *conn) setDeadline(t time.Time, which ...*deadline) error {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	if c.stopped {
		return c.fail("set", c.remote, net.ErrClosed)
	}
	for _, d := range which {
		d.at(&c.n.mu, t, c.wake)
	}
	return nil
}

// Close closes this end. What was written still arrives, then the other end
// reads the end of the stream.
func (c *conn) Close() error {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	if c.stopped {
		return c.fail("close", c.remote, net.ErrClosed)
	}
	c.shut()
	c.pump()
	c.s.forget()
	return nil
}

// shut closes this end for its user. Call with mu held.
func (c *conn) shut() {
	c.stopped = true
	c.in = nil
	c.read.stop()
	c.write.stop()
	c.wake()
}

// listener is a TCP listener.
type listener struct {
	binding
	n       *Network
	ready   *sync.Cond
	queue   []*conn
	limit   deadline
	stopped bool
}

func newListener(b binding) *listener {
	return &listener{binding: b, n: b.host.n, ready: sync.NewCond(&b.host.n.mu)}
}

// offer queues a connection for Accept and reports whether there was room.
// Call with mu held.
func (l *listener) offer(c *conn) bool {
	if l.stopped || len(l.queue) == backlog {
		return false
	}
	l.queue = append(l.queue, c)
	l.ready.Signal()
	return true
}

func (l *listener) Accept() (net.Conn, error) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	for {
		switch {
		case l.stopped:
			return nil, l.fail("accept", netip.AddrPort{}, net.ErrClosed)
		case len(l.queue) > 0:
			c := l.queue[0]
			l.queue = l.queue[1:]
			return c, nil
		case l.limit.passed:
			return nil, l.fail("accept", netip.AddrPort{}, os.ErrDeadlineExceeded)
		}
		l.ready.Wait()
	}
}

// SetDeadline is as that of *net.TCPListener.
func (l *listener) SetDeadline(t time.Time) error {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.limit.at(&l.n.mu, t, l.ready.Broadcast)
	return nil
}

func (l *listener) Addr() net.Addr { return l.addr(l.local) }

func (l *listener) Close() error {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if l.stopped {
		return l.fail("close", netip.AddrPort{}, net.ErrClosed)
	}
	l.shut()
	return nil
}

// shut closes the listener and resets who was not accepted. Call with mu held.
func (l *listener) shut() {
	l.stopped = true
	for _, c := range l.queue {
		c.shut()
		if c.reaches() {
			c.later(c.peer().reset)
		}
	}
	l.queue = nil
	l.limit.stop()
	delete(l.host.listeners, l)
	l.ready.Broadcast()
}
