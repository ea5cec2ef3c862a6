package demo

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"

	"ramble/audio"
	"ramble/audio/codec"
	"ramble/internal/leaf/safego"
	"ramble/sip/sdp"
)

// frame is the packet time of the peers.
const frame = 20 * time.Millisecond

// opener opens a peer's media socket.
type opener interface {
	ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error)
}

// Voice is the sound of one peer in one call: it sends what its source makes
// to where the SDP says, and nowhere else. It does not latch: a phone that
// forgets to say where it went is not heard from again, and hears nothing.
type Voice struct {
	open  opener
	at    netip.Addr
	fill  func(dst []int16) // what it says; nil: it repeats what it hears
	guard *safego.Guard

	mu      sync.Mutex
	conn    net.PacketConn
	remote  sdp.Negotiated
	coder   codec.Coder
	header  rtp.Header
	heard   []Heard
	seq     uint16 // the newest heard
	missing int
	last    time.Time     // when the last packet came
	pause   time.Duration // longest silence between two, since Mark
	mute    bool          // it sends nothing, not even silence
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// Heard counts the packets a peer received from one source.
type Heard struct {
	From        netip.AddrPort
	Packets     int
	First, Last time.Time
}

// Local opens the socket, the first time, and returns its address.
func (v *Voice) Local(ctx context.Context) (netip.AddrPort, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != nil {
		return addrPort(v.conn.LocalAddr()), nil
	}
	conn, err := v.open.ListenPacket(ctx, netip.AddrPortFrom(v.at, 0), "")
	if err != nil {
		return netip.AddrPort{}, err
	}
	v.conn = conn
	return addrPort(conn.LocalAddr()), nil
}

// Remote is told the peer's half, at the start and after every change.
func (v *Voice) Remote(n sdp.Negotiated) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn == nil {
		return
	}
	if v.coder == nil || !n.Codec.Is(v.remote.Codec) {
		cd, err := codec.Format{Name: n.Codec.Name, ClockRate: n.Codec.ClockRate, Channels: n.Codec.Channels}.Open()
		if err != nil {
			return
		}
		v.coder = cd
	}
	v.remote = n
	v.header.PayloadType = n.SendPT
	if v.cancel != nil {
		return
	}
	v.header.Version, v.header.SSRC, v.header.SequenceNumber = 2, uint32(v.at.As4()[3])<<8|0x52, 1000
	ctx, cancel := context.WithCancel(context.Background())
	v.cancel = cancel
	v.done.Add(2)
	conn := v.conn
	v.guard.Go("demo voice", func() { defer v.done.Done(); v.speak(ctx) })
	v.guard.Go("demo ear", func() { defer v.done.Done(); v.listen(conn) })
}

// Close ends the sound and waits for its goroutines.
func (v *Voice) Close() {
	v.mu.Lock()
	if v.cancel != nil {
		v.cancel()
	}
	if v.conn != nil {
		_ = v.conn.Close()
	}
	v.mu.Unlock()
	v.done.Wait()
}

// Missing is how many packets, of whatever address, never came between the
// first and the newest.
func (v *Voice) Missing() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.missing
}

// count follows the sequence numbers.
func (v *Voice) count(seq uint16) {
	step := int16(seq - v.seq)
	switch {
	case len(v.heard) == 0:
		v.seq = seq
	case step > 0:
		v.missing += int(step) - 1
		v.seq = seq
	case step < 0:
		v.missing-- // late
	}
}

// Mute stops sending, or goes on; time goes on in any case.
func (v *Voice) Mute(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mute = on
}

// Heard returns what was received, by source in the order of appearance.
func (v *Voice) Heard() []Heard {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Heard(nil), v.heard...)
}

// Mark begins to measure Pause.
func (v *Voice) Mark() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pause = 0
}

// Pause is the longest silence between two packets, whatever their sources,
// that ended since Mark. Speech without a gap has one of a packet time.
func (v *Voice) Pause() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.pause
}

// speak sends a packet each frame until ctx ends.
func (v *Voice) speak(ctx context.Context) {
	if v.fill == nil {
		return
	}
	pcm, payload := make([]int16, 160), make([]byte, 160)
	pace := audio.Pace{Frame: frame}
	_ = pace.Run(ctx, func() error {
		v.fill(pcm)
		v.mu.Lock()
		defer v.mu.Unlock()
		n := v.coder.Encode(payload, pcm)
		v.send(payload[:n], len(pcm), false)
		return nil
	})
}

// send is called with the lock held.
func (v *Voice) send(payload []byte, samples int, marker bool) {
	v.header.SequenceNumber++
	v.header.Timestamp += uint32(samples)
	if v.mute {
		return
	}
	v.header.Marker = marker
	if !v.remote.Direction.Sends() || !v.remote.Remote.RTP.IsValid() {
		return
	}
	packet := rtp.Packet{Header: v.header, Payload: payload}
	if b, err := packet.Marshal(); err == nil {
		_, _ = v.conn.WriteTo(b, net.UDPAddrFromAddrPort(v.remote.Remote.RTP))
	}
}

// listen reads until the socket closes.
func (v *Voice) listen(conn net.PacketConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var p rtp.Packet
		if p.Unmarshal(buf[:n]) != nil {
			continue
		}
		v.hear(addrPort(from), &p)
	}
}

func (v *Voice) hear(from netip.AddrPort, p *rtp.Packet) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	if !v.last.IsZero() {
		v.pause = max(v.pause, now.Sub(v.last))
	}
	v.last = now
	if p.PayloadType == v.remote.RecvPT() { // not RTCP on the same port
		v.count(p.SequenceNumber)
	}
	i := len(v.heard) - 1
	for ; i >= 0 && v.heard[i].From != from; i-- {
	}
	if i < 0 {
		v.heard = append(v.heard, Heard{From: from, First: now})
		i = len(v.heard) - 1
	}
	v.heard[i].Packets++
	v.heard[i].Last = now
	if v.fill == nil && from == v.remote.Remote.RTP && p.PayloadType == v.remote.RecvPT() {
		v.send(p.Payload, len(p.Payload), p.Marker)
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	case *net.TCPAddr:
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}
