package sip

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

var update = flag.Bool("update", false, "write docs/torture.md anew")

// TestTorture sends every message to a phone that is registered, once alone and
// once in a call, over UDP and TCP, and holds docs/torture.md to what comes.
func TestTorture(t *testing.T) {
	list := tortures()
	files, err := filepath.Glob("testdata/*/*.sip")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(list) {
		t.Errorf("%d files, %d in the table", len(files), len(list))
	}
	both(t, func(t *testing.T, transport locate.Transport) {
		for _, inCall := range []bool{false, true} {
			t.Run(map[bool]string{false: "registered", true: "in a call"}[inCall], func(t *testing.T) {
				w := newRack(t, transport, inCall)
				for _, tc := range list {
					want := tc.udp
					if transport == locate.TCP && tc.tcp != "" {
						want = tc.tcp
					}
					t.Run(tc.file, func(t *testing.T) { w.play(t, tc, want) })
				}
				w.finish()
			})
		}
	})
	doc := tortureDoc(list)
	const path = "../docs/torture.md"
	if *update {
		if err := os.WriteFile(path, doc, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, doc) {
		t.Errorf("docs/torture.md is out of date: make golden (%v)", err)
	}
}

// rack is a registered phone and a server with an address of its own, so that
// answers to the ports that the Vias name can be heard.
type rack struct {
	t    *testing.T
	ph   *phone
	p    *peer
	call *talker
	leg  *leg
	addr netip.Addr
	log  *syncBuffer
}

func newRack(t *testing.T, transport locate.Transport, inCall bool) *rack {
	w := &rack{t: t, log: new(syncBuffer),
		addr: netip.AddrFrom4([4]byte{127, byte(2 + rand.IntN(250)), byte(rand.IntN(256)), byte(1 + rand.IntN(250))})}
	w.p = newPeerAt(t, transport, netip.AddrPortFrom(w.addr, 0).String(), nil)
	w.p.host = "example.com"
	w.p.setAuto(newRegistrar().serve)
	acct := account()
	acct.AOR = wire.URI{Scheme: "sip", User: "user", Host: "example.com"}
	w.ph = open(t, acct, w.p.server(), func(o *StackOptions) {
		o.Log = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	if _, err := NewRegistration(w.ph.acct, w.ph.auth).Register(ctxOf(t), w.ph.st, RegisterOptions{}); err != nil {
		t.Fatal(err)
	}
	w.p.setAuto(nil)
	if inCall {
		w.call, w.leg = dialled(t, w.ph, w.p)
	}
	return w
}

// finish shows that the call has outlived everything.
func (w *rack) finish() {
	if w.call == nil {
		return
	}
	if ask(w.call, w.call.IsOver) {
		w.t.Fatal("the call is over")
	}
	w.leg.send("BYE", "")
	w.p.expect("SIP/2.0 200", "BYE")
}

// play sends one message, compares what comes, and shows that the phone goes
// on: an OPTIONS sent after it is answered next.
func (w *rack) play(t *testing.T, tc torture, want string) {
	b, err := os.ReadFile("testdata/" + tc.file + ".sip")
	if err != nil {
		t.Fatal(err)
	}
	port := tc.port
	if port == 0 {
		port = 5060
	}
	before := total(w.ph.st.drops())
	line := w.line(t, uint16(port))
	line.write(b)
	var got []string
	for _, step := range strings.Split(want, ", ") {
		switch step {
		case rings:
			c := event[incoming](w.ph).Call
			c.Ring(180)
			if m := line.answer(); !strings.HasPrefix(m.Start, "SIP/2.0 180 ") {
				t.Errorf("answered %q, want 180", m.Start)
			}
			c.Reject(603)
			m := line.answer()
			if !strings.HasPrefix(m.Start, "SIP/2.0 603 ") {
				t.Errorf("answered %q, want 603", m.Start)
			}
			line.write(ackTo(t, b, m))
			w.forgive()
			got = append(got, rings)
		case ignored, waits, astray:
			got = append(got, step)
		case closed:
			line.ends()
			got = append(got, closed)
		default:
			got = append(got, line.answer().Start[8:11])
		}
	}
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("%s, want %s", s, want)
	}
	if strings.Contains(want, closed) || strings.Contains(want, astray) || want == waits {
		line.conn.Close()
		line = w.line(t, 5060)
	}
	line.write([]byte(line.options()))
	if m := line.answer(); !strings.HasPrefix(m.Start, "SIP/2.0 200 ") {
		t.Errorf("the next OPTIONS was answered %q", m.Start)
	}
	line.conn.Close()
	dropped := total(w.ph.st.drops()) - before
	if must := strings.Contains(want, ignored); must != (dropped > 0) {
		t.Errorf("%d were counted as dropped", dropped)
	}
	if logged := strings.Count(w.log.take(), "dropped: "); logged != dropped {
		t.Errorf("%d were dropped, %d logged", dropped, logged)
	}
}

// forgive has the phone forget that one caller rings again and again here.
func (w *rack) forgive() {
	d := w.ph.st.dialogs
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.ringers)
}

func total(n map[string]int) (sum int) {
	for _, v := range n {
		sum += v
	}
	return sum
}

// line is a way to the phone from the server's address.
type line struct {
	t    *testing.T
	conn net.Conn
	rest []byte
}

// line opens a way. Over UDP it comes from a port of its own, where the phone
// has to answer requests whose Via names it.
func (w *rack) line(t *testing.T, port uint16) *line {
	t.Helper()
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(w.addr, port))}
	network := "udp"
	if w.p.transport == locate.TCP {
		network, d.LocalAddr = "tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(w.addr, 0))
	}
	conn, err := d.DialContext(t.Context(), network, w.ph.st.Local().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &line{t: t, conn: conn}
}

func (l *line) write(b []byte) {
	l.t.Helper()
	if _, err := l.conn.Write(b); err != nil {
		l.t.Fatal(err)
	}
}

func (l *line) options() string {
	return fmt.Sprintf("OPTIONS sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bK%s\r\nFrom: <sip:a@b>;tag=1\r\n"+
		"To: <sip:user@example.com>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", wire.RandomToken(), wire.RandomToken())
}

// answer is the next response that is not 100.
func (l *line) answer() *wire.Message {
	l.t.Helper()
	if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		l.t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	for {
		l.rest = bytes.TrimLeft(l.rest, "\r\n")
		if end := bytes.Index(l.rest, []byte("\r\n\r\n")); end >= 0 {
			m, err := wire.Scan(l.rest[:end+4])
			if err != nil {
				l.t.Fatal(err)
			}
			length, _ := m.Get("Content-Length")
			n, err := strconv.Atoi(length)
			if err != nil || len(l.rest) < end+4+n {
				l.t.Fatalf("half an answer: %q", l.rest)
			}
			l.rest = l.rest[end+4+n:]
			if !strings.HasPrefix(m.Start, "SIP/2.0 100 ") {
				return m
			}
			continue
		}
		n, err := l.conn.Read(buf)
		if err != nil {
			l.t.Fatal(err)
		}
		l.rest = append(l.rest, buf[:n]...)
	}
}

// ackTo acknowledges a refusal of the INVITE in b, as its sender does.
func ackTo(t *testing.T, b []byte, res *wire.Message) []byte {
	t.Helper()
	m, err := wire.Scan(b)
	if err != nil {
		t.Fatal(err)
	}
	to, _ := res.Get("To")
	via, _ := m.Get("Via")
	from, _ := m.Get("From")
	callID, _ := m.Get("Call-ID")
	cseq, _ := m.Get("CSeq")
	number, _, _ := strings.Cut(cseq, " ")
	return fmt.Appendf(nil, "ACK %s SIP/2.0\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s ACK\r\nContent-Length: 0\r\n\r\n",
		m.Target(), via, from, to, callID, number)
}

// ends waits until the phone closes the connection.
func (l *line) ends() {
	l.t.Helper()
	if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		l.t.Fatal(err)
	}
	if _, err := io.ReadAll(l.conn); err != nil && !strings.Contains(err.Error(), "reset") {
		l.t.Errorf("the connection stays: %v", err)
	}
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.b.String()
	s.b.Reset()
	return out
}
