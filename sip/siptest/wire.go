package siptest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/safego"
)

const (
	maxMessage  = 64 << 10
	dialTimeout = 5 * time.Second
	// A stream that has this many messages waiting is not being read: it is
	// closed rather than waited for.
	streamQueue = 128
)

// flow is the way back to where a message came from: an address for UDP, a
// connection for TCP.
type flow struct {
	remote netip.AddrPort
	stream *stream // nil: UDP
}

func (f flow) transport() Transport {
	if f.stream == nil {
		return UDP
	}
	return f.stream.kind
}

func (f flow) alive() bool {
	if f.stream == nil {
		return f.remote.IsValid()
	}
	select {
	case <-f.stream.done:
		return false
	default:
		return true
	}
}

// inbound is a message and the way it came.
type inbound struct {
	msg  sipgo.Message
	flow flow
}

// wire is the sockets of one endpoint on one address: UDP, TCP, or both on
// the same port. Its run owns every goroutine; deliver is called from them.
type wire struct {
	sockets Sockets
	guard   *safego.Guard
	log     *slog.Logger
	trace   func(Traced)
	deliver func(inbound)
	parser  *sipgo.Parser
	tls     *tls.Config

	ends
	mu      sync.Mutex
	streams map[netip.AddrPort]*stream
	closed  bool
	done    chan struct{} // closed with it
	wg      sync.WaitGroup
}

// ends are the sockets of a wire.
type ends struct {
	local netip.AddrPort
	udp   net.PacketConn
	ln    net.Listener
	kind  Transport // of its connections: TCP or TLS
}

// stream is one TCP connection. Writes go through a queue, so that nobody
// waits for a peer that does not read.
type stream struct {
	kind   Transport
	conn   net.Conn
	local  netip.AddrPort
	remote netip.AddrPort
	out    chan []byte
	done   chan struct{}
	once   sync.Once
}

func (s *stream) close() {
	s.once.Do(func() {
		close(s.done)
		_ = s.conn.Close()
	})
}

// open makes the sockets and starts nothing.
func (w *wire) open(ctx context.Context, local netip.AddrPort, transports []Transport) error {
	w.parser = sipgo.NewParser()
	w.kind = TCP
	for _, t := range transports {
		w.kind = max(w.kind, t)
	}
	w.streams = make(map[netip.AddrPort]*stream)
	w.done = make(chan struct{})
	var err error
	for range 10 { // port 0: until one is free for both transports
		w.local = local
		for _, t := range transports {
			if err = w.listen(ctx, t); err != nil {
				break
			}
		}
		if err == nil {
			return nil
		}
		w.closeSockets()
		if local.Port() != 0 {
			break
		}
	}
	return err
}

func (w *wire) closeSockets() {
	if w.udp != nil {
		_ = w.udp.Close()
	}
	if w.ln != nil {
		_ = w.ln.Close()
	}
}

func (w *wire) listen(ctx context.Context, t Transport) (err error) {
	var at net.Addr
	if t == UDP {
		if w.udp, err = w.sockets.ListenPacket(ctx, w.local, ""); err != nil {
			return fmt.Errorf("listen on UDP %v: %w", w.local, err)
		}
		at = w.udp.LocalAddr()
	} else {
		if w.ln, err = w.sockets.Listen(ctx, w.local, ""); err != nil {
			return fmt.Errorf("listen on %v %v: %w", t, w.local, err)
		}
		at = w.ln.Addr()
		if t == TLS {
			w.ln = tls.NewListener(w.ln, w.tls)
		}
	}
	w.local = addrPort(at)
	return nil
}

// addrPort reads an address of any implementation of net.Addr.
func addrPort(a net.Addr) netip.AddrPort {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
}

// run reads until ctx ends and returns when every goroutine has.
func (w *wire) run(ctx context.Context) {
	if w.udp != nil {
		w.spawn("sip udp reader", w.readPackets)
	}
	if w.ln != nil {
		w.spawn("sip tcp listener", w.accept)
	}
	<-ctx.Done()
	w.shut()
	w.wg.Wait()
}

// spawn starts a goroutine of run's; it does not once shut was called.
func (w *wire) spawn(name string, fn func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.wg.Add(1)
	w.guard.Go(name, func() {
		defer w.wg.Done()
		fn()
	})
	return true
}

func (w *wire) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed = true
		close(w.done)
	}
	w.closeSockets()
	for _, s := range w.streams {
		s.close()
	}
}

func (w *wire) readPackets() {
	buf := make([]byte, maxMessage)
	for failures := 0; failures < 100; {
		n, from, err := w.udp.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			failures++ // ICMP answers surface here on some systems
			continue
		}
		failures = 0
		raw := append([]byte(nil), buf[:n]...)
		w.receive(raw, flow{remote: addrPort(from)})
	}
	w.log.Warn("UDP socket given up after many read errors", "local", w.local)
}

func (w *wire) accept() {
	for {
		conn, err := w.ln.Accept()
		if err != nil {
			return
		}
		w.adopt(conn)
	}
}

// adopt makes a stream of a connection; nil when the wire is shut.
func (w *wire) adopt(conn net.Conn) *stream {
	s := &stream{
		kind: w.kind, conn: conn, local: addrPort(conn.LocalAddr()), remote: addrPort(conn.RemoteAddr()),
		out: make(chan []byte, streamQueue), done: make(chan struct{}),
	}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		s.close()
		return nil
	}
	w.streams[s.remote] = s
	w.mu.Unlock()
	if !w.spawn("sip tcp reader", func() { w.readStream(s) }) || !w.spawn("sip tcp writer", s.write) {
		s.close()
		return nil
	}
	return s
}

func (s *stream) write() {
	for {
		select {
		case b := <-s.out:
			_ = s.conn.SetWriteDeadline(time.Now().Add(dialTimeout))
			if _, err := s.conn.Write(b); err != nil {
				s.close()
				return
			}
		case <-s.done:
			return
		}
	}
}

func (w *wire) readStream(s *stream) {
	defer func() {
		s.close()
		w.mu.Lock()
		if w.streams[s.remote] == s {
			delete(w.streams, s.remote)
		}
		w.mu.Unlock()
	}()
	r := bufio.NewReaderSize(s.conn, 8<<10)
	for {
		raw, err := readMessage(r, func() { _ = s.send([]byte("\r\n")) })
		if err != nil {
			return
		}
		w.receive(raw, flow{remote: s.remote, stream: s})
	}
}

func (w *wire) receive(raw []byte, f flow) {
	if len(raw) < 16 {
		return // keep-alive
	}
	if w.trace != nil {
		w.trace(Traced{Transport: f.transport(), Local: w.local, Remote: f.remote, Raw: raw})
	}
	msg, err := w.parser.ParseSIP(raw)
	if err != nil {
		w.log.Debug("not a SIP message", "from", f.remote, "error", err)
		return
	}
	msg.SetTransport(f.transport().String())
	msg.SetSource(f.remote.String())
	w.deliver(inbound{msg, f})
}

// send writes one message and does not wait for anyone.
func (w *wire) send(f flow, raw []byte) error {
	if w.trace != nil {
		w.trace(Traced{Out: true, Transport: f.transport(), Local: w.local, Remote: f.remote, Raw: raw})
	}
	if f.stream != nil {
		return f.stream.send(raw)
	}
	if w.udp == nil {
		return errors.New("no UDP here")
	}
	_, err := w.udp.WriteTo(raw, net.UDPAddrFromAddrPort(f.remote))
	return err
}

func (s *stream) send(raw []byte) error {
	select {
	case <-s.done:
		return net.ErrClosed
	default:
	}
	select {
	case s.out <- raw:
		return nil
	default:
		s.close()
		return errors.New("the peer does not read")
	}
}

// existing is the flow to an address if none has to be made.
func (w *wire) existing(t Transport, to netip.AddrPort) (flow, bool) {
	if t == UDP {
		return flow{remote: to}, w.udp != nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.streams[to]
	return flow{remote: to, stream: s}, s != nil && flow{stream: s}.alive()
}

// connect is the flow to an address, made if need be. It may take as long as
// dialTimeout.
func (w *wire) connect(ctx context.Context, t Transport, to netip.AddrPort) (flow, error) {
	if f, ok := w.existing(t, to); ok {
		return f, nil
	}
	if t == UDP {
		return flow{}, errors.New("no UDP here")
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := w.sockets.Dial(ctx, netip.AddrPortFrom(w.local.Addr(), 0), to, "")
	if err != nil {
		return flow{}, err
	}
	if t == TLS {
		secured := tls.Client(conn, w.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return flow{}, err
		}
		conn = secured
	}
	s := w.adopt(conn)
	if s == nil {
		return flow{}, net.ErrClosed
	}
	return flow{remote: to, stream: s}, nil
}
