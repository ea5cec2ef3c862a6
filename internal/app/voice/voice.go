package voice

import (
	"context"
	"errors"
	"math/rand/v2"
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

// frame is the packet time; samples are as many of 8000 a second.
const (
	frame   = 20 * time.Millisecond
	samples = 160
)

// Opener opens the media sockets.
type Opener interface {
	ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error)
}

// Options of a Voice. Sockets and At are needed.
type Options struct {
	Sockets Opener
	At      netip.Addr
	IPv6    netip.Addr        // for peers that want IPv6; invalid: At is for all
	Say     func(dst []int16) // what it says, 8000 samples a second; nil: it repeats what it hears
	Guard   *safego.Guard     // nil is one without a log
	Renew   func()            // asks for a new agreement, where the peer took another family than was offered; nil: nothing does
}

// Voice is the sound of one call of a peer, as siptest.Media. It does not latch:
// a phone that forgets to say where it went is not heard from again, and hears
// nothing.
type Voice struct {
	o    Options
	done sync.WaitGroup // its goroutines but renewals

	mu     sync.Mutex
	conns  map[bool]net.PacketConn // by whether it is IPv6
	remote sdp.Negotiated
	coder  codec.Coder
	header rtp.Header
	mute   bool   // it sends nothing, not even silence
	sent   uint64 // packets, since remote had its address
	heard  tally
	closed bool
	life   context.Context // until Close
	end    context.CancelFunc
}

// New makes a Voice that is silent until it is told where to send.
func New(o Options) *Voice {
	v := &Voice{o: o, conns: map[bool]net.PacketConn{}}
	v.life, v.end = context.WithCancel(context.Background())
	v.header = rtp.Header{Version: 2, SSRC: rand.Uint32(), SequenceNumber: uint16(rand.Uint32()), Timestamp: rand.Uint32()}
	return v
}

// Local opens the socket, the first time, and returns its address.
func (v *Voice) Local(ctx context.Context) (netip.AddrPort, error) {
	return v.LocalFor(ctx, v.o.At)
}

// LocalFor is Local for a peer with that address.
func (v *Voice) LocalFor(ctx context.Context, remote netip.Addr) (netip.AddrPort, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	six, at := remote.Is6() && v.o.IPv6.IsValid(), v.o.At
	if six {
		at = v.o.IPv6
	}
	if conn := v.conns[six]; conn != nil {
		return addrPort(conn.LocalAddr()), nil
	}
	if v.closed {
		return netip.AddrPort{}, net.ErrClosed
	}
	conn, err := v.o.Sockets.ListenPacket(ctx, netip.AddrPortFrom(at, 0), "")
	if err != nil {
		return netip.AddrPort{}, err
	}
	v.conns[six] = conn
	v.start("voice's ear", func() { v.listen(conn) })
	if len(v.conns) == 1 && v.o.Say != nil {
		v.start("voice", v.speak)
	}
	return addrPort(conn.LocalAddr()), nil
}

// start is called with the lock held, before Close.
func (v *Voice) start(name string, f func()) {
	v.done.Add(1)
	v.o.Guard.Go(name, func() { defer v.done.Done(); f() })
}

// Remote is told the peer's half, at the start and after every change.
func (v *Voice) Remote(n sdp.Negotiated) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	if v.coder == nil || !n.Codec.Is(v.remote.Codec) {
		cd, err := codec.Format{Name: n.Codec.Name, ClockRate: n.Codec.ClockRate, Channels: n.Codec.Channels}.Open()
		if err != nil {
			return
		}
		v.coder = cd
	}
	if n.Remote.RTP != v.remote.Remote.RTP {
		v.sent = 0
	}
	v.remote, v.header.PayloadType = n, n.SendPT
	if a := n.Remote.RTP.Addr(); a.IsValid() && v.conn(a) == nil && v.o.Renew != nil {
		v.o.Guard.Go("voice's offer", v.o.Renew)
	}
}

// conn is the socket towards an address; nil: not open.
func (v *Voice) conn(to netip.Addr) net.PacketConn {
	return v.conns[to.Is6() && v.o.IPv6.IsValid()]
}

// Close ends the sound and waits for its goroutines.
func (v *Voice) Close() {
	v.mu.Lock()
	if !v.closed {
		v.closed = true
		v.end()
		for _, c := range v.conns {
			_ = c.Close()
		}
	}
	v.mu.Unlock()
	v.done.Wait()
}

// Mute stops sending, or goes on; time goes on in any case.
func (v *Voice) Mute(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mute = on
}

// speak sends a packet each frame until Close.
func (v *Voice) speak() {
	pcm, payload := make([]int16, samples), make([]byte, samples)
	pace := audio.Pace{Frame: frame}
	_ = pace.Run(v.life, func() error {
		v.o.Say(pcm)
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.coder != nil {
			v.send(payload[:v.coder.Encode(payload, pcm)], len(pcm), false)
		}
		return nil
	})
}

// send is called with the lock held.
func (v *Voice) send(payload []byte, samples int, marker bool) {
	v.header.SequenceNumber++
	v.header.Timestamp += uint32(samples)
	v.header.Marker = marker
	to := v.remote.Remote.RTP
	conn := v.conn(to.Addr())
	if v.mute || v.closed || conn == nil || !v.remote.Direction.Sends() || !to.IsValid() {
		return
	}
	packet := rtp.Packet{Header: v.header, Payload: payload}
	if b, err := packet.Marshal(); err == nil {
		if _, err := conn.WriteTo(b, net.UDPAddrFromAddrPort(to)); err == nil {
			v.sent++
		}
	}
}

// listen reads until the socket closes.
func (v *Voice) listen(conn net.PacketConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		var p rtp.Packet
		if err == nil && p.Unmarshal(buf[:n]) == nil { // else ICMP: the next read goes on
			v.hear(addrPort(from), &p)
		}
	}
}

func (v *Voice) hear(from netip.AddrPort, p *rtp.Packet) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ours := p.PayloadType == v.remote.RecvPT() // else it may be RTCP on the same port
	v.heard.add(time.Now(), from, p.SequenceNumber, ours)
	if v.o.Say == nil && from == v.remote.Remote.RTP && ours {
		v.send(p.Payload, len(p.Payload), p.Marker)
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		p := u.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}
