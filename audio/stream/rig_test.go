package stream

import (
	"context"
	"math"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"ramble/audio/codec"
	"ramble/audio/path"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

const tickLength = 10 * time.Millisecond

type system struct{}

func (system) ListenPacket(ctx context.Context, local netip.AddrPort, _ string) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, "udp", local.String())
}

func openPath(t testing.TB) *path.Transport {
	t.Helper()
	s, err := path.Open(context.Background(), system{}, loopback, "", path.Range{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// clock is the time of a test, which passes only when the test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// end is one end of a call under test. The test is its sound clock and its
// receiving goroutine, so that nothing happens by itself.
type end struct {
	*Stream
	t      testing.TB
	buf    []byte
	pkt    rtp.Packet
	phase  float64
	tone   float64 // Hz; 0: silence
	say    []int16 // in place of the tone, from its start
	frame  []int16
	out    []int16
	heard  []int16 // all that was played
	keys   string
	spans  []time.Duration
	change []Heard
	moved  []netip.AddrPort
	lose   func() bool
	double bool
}

// rig is two streams that talk over loopback.
type rig struct {
	*clock
	a, b *end
}

var (
	pcmu   = codec.Format{Name: "PCMU", ClockRate: 8000}
	pcma   = codec.Format{Name: "PCMA", ClockRate: 8000}
	events = codec.Format{Name: TelephoneEvent, ClockRate: 8000}
)

// header is that of the next packet.
func (e *end) header() rtp.Header {
	out := e.paths.sending.out
	return rtp.Header{SSRC: out.ssrc, SequenceNumber: out.seq, Timestamp: e.tx.timestamp}
}

func negotiated(t testing.TB, remote *path.Transport) Negotiated {
	return Negotiated{
		Format: pcmu, EventSendPT: 101, Hears: []Payload{{0, pcmu}, {101, events}},
		Remote: remote.RTP(), RemoteRTCP: remote.RTCP(), Send: true, Receive: true,
	}
}

func newRig(t testing.TB, change func(a, b *Config)) *rig {
	t.Helper()
	r := &rig{clock: &clock{now: time.Unix(1_700_000_000, 0)}}
	sa, sb := openPath(t), openPath(t)
	r.a, r.b = &end{t: t, tone: 440}, &end{t: t, tone: 1000}
	ca := Config{Negotiated: negotiated(t, sb), Now: r.Now}
	cb := Config{Negotiated: negotiated(t, sa), Now: r.Now}
	if change != nil {
		change(&ca, &cb)
	}
	r.a.start(ca, sa)
	r.b.start(cb, sb)
	return r
}

func (e *end) start(cfg Config, s *path.Transport) {
	e.buf = make([]byte, maxDatagram)
	e.frame, e.out = make([]int16, 80), make([]int16, 80)
	cfg.OnDigit = func(k rune, d time.Duration) { e.keys += string(k); e.spans = append(e.spans, d) }
	cfg.OnHeard = func(h Heard) { e.change = append(e.change, h) }
	cfg.OnMoved = func(to netip.AddrPort) { e.moved = append(e.moved, to) }
	e.Stream = New(cfg, s)
}

// speak captures one tick and returns how many packets left.
func (e *end) speak() int {
	for i := range e.frame {
		e.frame[i] = 0
		if e.tone > 0 {
			e.frame[i] = int16(8000 * math.Sin(e.phase))
			e.phase += 2 * math.Pi * e.tone / 8000
		}
	}
	e.say = e.say[copy(e.frame, e.say):]
	before := e.tx.packets
	e.Capture(e.frame)
	return int(e.tx.packets - before)
}

func (e *end) play() {
	e.Play(e.out)
	e.heard = append(e.heard, e.out...)
}

// read takes n packets from a socket of the stream, as its goroutine would.
func (e *end) read(l *leg, n int) {
	e.t.Helper()
	for range n {
		n, src, err := l.sock.ReadFrom(e.buf)
		if err != nil {
			e.t.Fatal(err)
		}
		if e.lose != nil && e.lose() {
			continue
		}
		e.datagram(e.cfg.Now(), l, &e.pkt, e.buf[:n], src)
		if e.double {
			e.datagram(e.cfg.Now(), l, &e.pkt, e.buf[:n], src)
		}
	}
}

func (e *end) readControl(l *leg) {
	e.t.Helper()
	n, src, err := l.sock.ReadFromRTCP(e.buf)
	if err != nil {
		e.t.Fatal(err)
	}
	e.datagram(e.cfg.Now(), l, &e.pkt, e.buf[:n], src)
}

// leg finds the path of a generation.
func (e *end) leg(generation uint64) *leg {
	e.t.Helper()
	for _, l := range e.paths.legs {
		if l.generation == generation {
			return l
		}
	}
	e.t.Fatalf("no path %d", generation)
	return nil
}

// tick lets both ends speak and hear for 10 ms, over their first paths.
func (r *rig) tick() { r.tickOn(0, 0) }

// tickOn is tick with what a and b send arriving at the peer's path of the
// given generation; a negative one loses it.
func (r *rig) tickOn(atA, atB int) {
	na, nb := r.a.speak(), r.b.speak()
	if atB >= 0 {
		r.b.read(r.b.leg(uint64(atB)), na)
	}
	if atA >= 0 {
		r.a.read(r.a.leg(uint64(atA)), nb)
	}
	r.a.play()
	r.b.play()
	r.pass(tickLength)
}

func (r *rig) run(d time.Duration) {
	for range d / tickLength {
		r.tick()
	}
}

// packet builds an RTP packet as an attacker or an odd peer would.
func packet(t testing.TB, pt uint8, seq uint16, ts, ssrc uint32, marker bool, payload []byte) []byte {
	t.Helper()
	b, err := (&rtp.Packet{Header: rtp.Header{
		Version: 2, PayloadType: pt, SequenceNumber: seq, Timestamp: ts, SSRC: ssrc, Marker: marker,
	}, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// silent returns the longest stretch of digital silence in the sound.
func silent(sound []int16) time.Duration {
	longest, n := 0, 0
	for _, s := range sound {
		if n++; s != 0 {
			n = 0
		}
		longest = max(longest, n)
	}
	return time.Duration(longest) * time.Second / 8000
}

// retire closes the old paths without waiting until the new one was heard.
func retire(s *Stream) {
	s.mu.Lock()
	old := s.paths.retire()
	s.mu.Unlock()
	closeAll(old)
}
