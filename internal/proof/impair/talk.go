package impair

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"ramble/audio/codec"
	"ramble/internal/leaf/safego"
	"ramble/internal/leaf/socket"
	"ramble/sip/sdp"
	"ramble/sip/siptest"
)

// tooLate is by how much the carrier may miss the plan of a packet: more and it is
// the carrier's jitter that is heard.
const tooLate = 10 * time.Millisecond

const (
	rate   = 8000
	header = 12
)

// Talker calls one phone, again and again.
type Talker struct {
	peer  *siptest.Peer
	here  netip.Addr
	guard *safego.Guard

	mu    sync.Mutex // guards lines
	lines map[*siptest.PeerCall]*line
}

// NewTalker makes a caller at an address of this machine; Run has it live.
func NewTalker(here netip.Addr) *Talker {
	t := &Talker{here: here, lines: map[*siptest.PeerCall]*line{}}
	t.peer = siptest.NewPeer(siptest.PeerOptions{
		User: "talker", Domain: here.String(), Addr: netip.AddrPortFrom(here, 0), Media: t.media, Sockets: socket.System{},
		Codecs: []sdp.Codec{{Name: "PCMU", ClockRate: rate}},
	})
	return t
}

func (t *Talker) media(c *siptest.PeerCall) siptest.Media {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &line{here: t.here, guard: t.guard, ready: make(chan struct{})}
	t.lines[c] = l
	return l
}

// Run serves until ctx ends.
func (t *Talker) Run(ctx context.Context) error { return t.peer.Run(ctx) }

// Ready is closed when it can call.
func (t *Talker) Ready() <-chan struct{} { return t.peer.Ready() }

// Round is one speech through one network.
type Round struct {
	Sent []time.Duration // when each packet would have left the talker, after the start
	Back []Packet        // what came, in order of arrival
	Late float64         // share of packets that reached the phone 10 ms or more after their plan
}

// Packet is one that came back.
type Packet struct {
	At        time.Duration // after the start
	Timestamp uint32
	Samples   []int16
}

// Call is one call to a phone that answers and plays back what it hears.
type Call struct {
	sip  *siptest.PeerCall
	line *line
}

// Call invites target, a SIP URI, and returns when it has answered.
func (t *Talker) Call(ctx context.Context, target string) (*Call, error) {
	c, err := t.peer.Call(ctx, target)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	l := t.lines[c]
	t.mu.Unlock()
	if l == nil {
		return nil, errors.New("the call has no sound")
	}
	select {
	case <-l.ready:
		return &Call{c, l}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Hangup ends the call.
func (c *Call) Hangup(ctx context.Context) error { return c.sip.Hangup(ctx) }

// Say speaks through a plan and hears until a second after its end. The packets
// of a call go on in their numbers and times from one Say to the next.
func (c *Call) Say(ctx context.Context, speech []int16, n Network, plan []Delivery) (Round, error) {
	l := c.line
	size := int(rate * n.packetTime() / time.Second)
	count := len(speech) / size
	packets := make([][]byte, count)
	coder, err := codec.Format{Name: "PCMU", ClockRate: rate}.Open()
	if err != nil {
		return Round{}, err
	}
	defer coder.Close()
	for i := range packets {
		b := make([]byte, header+size)
		b[0] = 0x80
		if i == 0 {
			b[1] = 0x80
		}
		binary.BigEndian.PutUint16(b[2:], l.seq+uint16(i))
		binary.BigEndian.PutUint32(b[4:], l.ts+uint32(i*size))
		binary.BigEndian.PutUint32(b[8:], 0x5eed)
		coder.Encode(b[header:], speech[i*size:(i+1)*size])
		packets[i] = b
	}
	l.seq, l.ts = l.seq+uint16(count), l.ts+uint32(count*size)
	r := Round{Sent: make([]time.Duration, count)}
	for i := range r.Sent {
		r.Sent[i] = time.Duration(float64(i+1) * float64(n.packetTime()) / (1 + n.Drift/1e6))
	}
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan []Packet, 1)
	start := time.Now().Add(20 * time.Millisecond)
	l.guard.Go("ear", func() { heard <- l.hear(ctx, start) })
	r.Late, err = l.send(ctx, start, packets, plan)
	if err == nil && len(plan) > 0 {
		err = until(ctx, start.Add(r.Sent[count-1]+time.Second))
	}
	cancel()
	r.Back = <-heard
	return r, err
}

// send sends each packet at its time, from a thread of its own.
func (l *line) send(ctx context.Context, start time.Time, packets [][]byte, plan []Delivery) (late float64, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, d := range plan {
		if err := until(ctx, start.Add(d.At)); err != nil {
			return late, err
		}
		if time.Since(start.Add(d.At)) >= tooLate {
			late += 1 / float64(len(plan))
		}
		if d.Index >= len(packets) {
			continue
		}
		if _, err := l.conn.WriteTo(packets[d.Index], net.UDPAddrFromAddrPort(l.remote)); err != nil {
			return late, err
		}
	}
	return late, nil
}

func until(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// line is the sound of one call.
type line struct {
	here  netip.Addr
	guard *safego.Guard
	once  sync.Once
	ready chan struct{} // closed when remote is known

	conn   net.PacketConn
	remote netip.AddrPort
	seq    uint16
	ts     uint32
}

// Local opens the socket, the first time.
func (l *line) Local(ctx context.Context) (netip.AddrPort, error) {
	if l.conn == nil {
		conn, err := socket.System{}.ListenPacket(ctx, netip.AddrPortFrom(l.here, 0), "")
		if err != nil {
			return netip.AddrPort{}, err
		}
		l.conn = conn
	}
	return netip.ParseAddrPort(l.conn.LocalAddr().String())
}

// Remote takes the first agreement; the phones of this house keep to it.
func (l *line) Remote(n sdp.Negotiated) {
	if n.Remote.RTP.IsValid() {
		l.once.Do(func() { l.remote = n.Remote.RTP; close(l.ready) })
	}
}

// Close closes the socket.
func (l *line) Close() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// hear writes down what comes until ctx ends.
func (l *line) hear(ctx context.Context, start time.Time) (list []Packet) {
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(time.Now()) })
	defer func() {
		stop()
		_ = l.conn.SetReadDeadline(time.Time{})
	}()
	coder, err := codec.Format{Name: "PCMU", ClockRate: rate}.Open()
	if err != nil {
		return nil
	}
	defer coder.Close()
	b := make([]byte, 2048)
	for ctx.Err() == nil {
		n, _, err := l.conn.ReadFrom(b)
		at := time.Since(start)
		if err != nil || n <= header || b[0]&0xf0 != 0x80 || b[1]&0x7f != 0 {
			continue
		}
		pcm := make([]int16, n-header)
		coder.Decode(pcm, b[header:n])
		list = append(list, Packet{At: at, Timestamp: binary.BigEndian.Uint32(b[4:]), Samples: pcm})
	}
	return list
}
