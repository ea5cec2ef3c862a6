package sip

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of the tests; none of them takes it when all is
// well.
const patience = 5 * time.Second

const sdpB = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4002 RTP/AVP 0\r\n"

// sockets is the seam over the operating system.
type sockets struct{}

func (sockets) ListenPacket(ctx context.Context, local netip.AddrPort, _ string) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, "udp", local.String())
}

func (sockets) Listen(ctx context.Context, local netip.AddrPort, _ string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", local.String())
}

func (sockets) Dial(ctx context.Context, local, remote netip.AddrPort, _ string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(local)}
	return d.DialContext(ctx, "tcp", remote.String())
}

// peer is the other side: a server or a phone that does what the test says.
type peer struct {
	t         testing.TB
	transport locate.Transport
	host      string // its name; newPeer gives it example.test
	addr      netip.AddrPort
	pc        net.PacketConn
	ln        net.Listener
	in        chan *message
	wg        sync.WaitGroup

	mu    sync.Mutex
	auto  func(*message) bool // true: dealt with
	conns []net.Conn
	seen  []*message
}

// message is one that the peer got.
type message struct {
	*wire.Message
	p    *peer
	from netip.AddrPort
	conn net.Conn // TCP
	text string
}

func newPeer(t testing.TB, transport locate.Transport) *peer {
	t.Helper()
	return newPeerAt(t, transport, "127.0.0.1:0", nil)
}

// newPeerAt is newPeer at an address; conf is for TLS.
func newPeerAt(t testing.TB, transport locate.Transport, at string, conf *tls.Config) *peer {
	t.Helper()
	p := &peer{t: t, transport: transport, host: "example.test", in: make(chan *message, 256)}
	var err error
	if transport == locate.UDP {
		p.pc, err = net.ListenPacket("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		p.addr = addrPort(p.pc.LocalAddr())
		p.wg.Go(p.readUDP)
	} else {
		p.ln, err = net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		p.addr = addrPort(p.ln.Addr())
		if transport == locate.TLS {
			p.ln = tls.NewListener(p.ln, conf)
		}
		p.wg.Go(p.accept)
	}
	t.Cleanup(p.close)
	return p
}

func (p *peer) close() {
	if p.pc != nil {
		p.pc.Close()
	}
	if p.ln != nil {
		p.ln.Close()
	}
	p.dropConns()
	p.wg.Wait()
}

func (p *peer) dropConns() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func (p *peer) server() locate.Server {
	return locate.Server{Transport: p.transport, Addr: p.addr, Host: p.host}
}

func (p *peer) readUDP() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := p.pc.ReadFrom(buf)
		if err != nil {
			return
		}
		p.got(bytes.Clone(buf[:n]), addrPort(from), nil)
	}
}

func (p *peer) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
		p.wg.Go(func() { p.readTCP(c) })
	}
}

// dial connects to a phone, as a proxy does to deliver a call.
func (p *peer) dial(to netip.AddrPort) net.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.conns = append(p.conns, c)
	p.mu.Unlock()
	p.wg.Go(func() { p.readTCP(c) })
	return c
}

func (p *peer) readTCP(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		var head strings.Builder
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\r\n" && head.Len() == 0 {
				continue // keep-alive
			}
			head.WriteString(line)
			if line == "\r\n" {
				break
			}
		}
		n, _ := wire.ContentLength([]byte(head.String()))
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		p.got(append([]byte(head.String()), body...), addrPort(c.RemoteAddr()), c)
	}
}

func (p *peer) got(b []byte, from netip.AddrPort, conn net.Conn) {
	raw, err := wire.Scan(b)
	if err != nil {
		return
	}
	m := &message{Message: raw, p: p, from: from, conn: conn, text: string(b)}
	p.mu.Lock()
	auto := p.auto
	p.seen = append(p.seen, m)
	p.mu.Unlock()
	if auto != nil && auto(m) {
		return
	}
	select {
	case p.in <- m:
	default:
		p.t.Error("the peer's queue is full")
	}
}

// soFar is what came until now, and over how many connections.
func (p *peer) soFar() ([]*message, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen), len(p.conns)
}

func (p *peer) setAuto(f func(*message) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.auto = f
}

// count is how many requests with a method came, retransmissions included.
func (p *peer) count(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, m := range p.seen {
		if m.Method() == method {
			n++
		}
	}
	return n
}

// expect waits for the next message whose start line begins with prefix, for a
// response perhaps to a certain method, and skips others.
func (p *peer) expect(prefix string, method ...string) *message {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case m := <-p.in:
			if strings.HasPrefix(m.Start, prefix) && (len(method) == 0 || strings.HasSuffix(m.value("CSeq"), method[0])) {
				return m
			}
		case <-timeout:
			p.t.Fatalf("no %q came", prefix)
		}
	}
}

func (p *peer) write(to netip.AddrPort, conn net.Conn, text string) {
	p.t.Helper()
	var err error
	if conn != nil {
		_, err = conn.Write([]byte(text))
	} else {
		_, err = p.pc.WriteTo([]byte(text), net.UDPAddrFromAddrPort(to))
	}
	if err != nil && p.t.Context().Err() == nil {
		p.t.Logf("peer write: %v", err)
	}
}

func (m *message) value(name string) string { v, _ := m.Get(name); return v }

func (m *message) cseq() int {
	n, _ := strconv.Atoi(strings.Fields(m.value("CSeq"))[0])
	return n
}

// reply answers a request. extra are whole header lines; toTag "" leaves To as
// it is.
func (m *message) reply(code int, reason, toTag, body string, extra ...string) {
	m.p.t.Helper()
	m.replyAs("application/sdp", code, reason, toTag, body, extra...)
}

// replyAs is reply with a body of another kind.
func (m *message) replyAs(kind string, code int, reason, toTag, body string, extra ...string) {
	m.p.t.Helper()
	via := m.All("Via")
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", code, reason)
	for i, v := range via {
		if i == 0 {
			v = strings.Replace(v, ";rport", fmt.Sprintf(";rport=%d;received=%s", m.from.Port(), m.from.Addr()), 1)
		}
		fmt.Fprintf(&b, "Via: %s\r\n", v)
	}
	to := m.value("To")
	if toTag != "" && m.Tag("To") == "" {
		to += ";tag=" + toTag
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", m.value("From"), to, m.value("Call-ID"), m.value("CSeq"))
	for _, h := range extra {
		b.WriteString(h + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Type: " + kind + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	m.p.write(m.from, m.conn, b.String())
}

// leg is the peer's side of a dialog.
type leg struct {
	p             *peer
	callID        string
	local, remote string // From and To of its requests, with tags
	target        string
	seq           int
	to            netip.AddrPort
	conn          net.Conn
	branch        string // of the last request
	contact       string // a whole line; "": the peer's own
	kind          string // of its bodies; "": SDP
}

func (p *peer) contact() string {
	return fmt.Sprintf("Contact: <sip:peer@%s;transport=%s>", p.addr, p.transport)
}

// legOf is the dialog that the peer answered as toTag.
func (m *message) legOf(toTag string) *leg {
	to := m.value("To")
	if m.Tag("To") == "" {
		to += ";tag=" + toTag
	}
	c, _ := wire.ParseAddress(m.value("Contact"))
	return &leg{p: m.p, callID: m.value("Call-ID"), local: to, remote: m.value("From"), target: c.URI, seq: 100, to: m.from, conn: m.conn}
}

func (l *leg) send(method, body string, extra ...string) {
	if method != "ACK" && method != "CANCEL" {
		l.seq++
		l.branch = "z9hG4bK" + wire.RandomToken()
	}
	l.sendAs(method, l.seq, body, extra...)
}

func (l *leg) sendAs(method string, seq int, body string, extra ...string) {
	l.p.t.Helper()
	if method == "ACK" {
		l.branch = "z9hG4bK" + wire.RandomToken()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s;rport\r\n", method, l.target, l.p.transport.Via(), l.p.addr, l.branch)
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n", l.local, l.remote, l.callID, seq, method)
	if method == "INVITE" || method == "UPDATE" {
		b.WriteString(cmp.Or(l.contact, l.p.contact()) + "\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n")
	}
	for _, h := range extra {
		b.WriteString(h + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Type: " + cmp.Or(l.kind, "application/sdp") + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	l.p.write(l.to, l.conn, b.String())
}

// call makes the leg of a new call to a phone.
func (p *peer) call(to netip.AddrPort) *leg {
	l := &leg{p: p, callID: wire.RandomToken(), local: `"Peer" <sip:peer@example.test>;tag=` + wire.RandomToken(),
		remote: "<sip:alice@example.test>", target: "sip:alice@" + to.String(), to: to}
	if p.transport != locate.UDP {
		l.conn = p.dial(to)
	}
	return l
}

// answeredBy completes the leg with the tag of the phone's response.
func (l *leg) answeredBy(res *message) {
	l.remote = res.value("To")
	if c, err := wire.ParseAddress(res.value("Contact")); err == nil {
		l.target = c.URI
	}
}
