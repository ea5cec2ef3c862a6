package soak

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"ramble/sip/sdp"
)

// frame is the packet time of the talker.
const frame = 20 * time.Millisecond

// Ear is the sound of one call of the talker. It sends to where the description
// says and nowhere else, and takes packets from anywhere: what it counts is who
// they came from.
type Ear struct {
	o TalkerOptions

	mu     sync.Mutex
	conns  map[bool]net.PacketConn // by whether it is IPv6
	remote sdp.Negotiated
	since  time.Time // when remote was last said
	sent   uint64
	heard  map[netip.AddrPort]uint64
	last   time.Time // packet heard, from anybody
	from   netip.AddrPort
	first  map[netip.AddrPort]time.Time
	pause  time.Duration // longest time between two packets since Watch
	stop   chan struct{} // closed by Close
	renew  func()        // asks the peer for a new agreement
	closed bool
	done   sync.WaitGroup
}

func newEar(o TalkerOptions) *Ear {
	return &Ear{
		o: o, conns: map[bool]net.PacketConn{}, heard: map[netip.AddrPort]uint64{}, first: map[netip.AddrPort]time.Time{},
		stop: make(chan struct{}), renew: func() {},
	}
}

// Local opens the socket, the first time.
func (e *Ear) Local(ctx context.Context) (netip.AddrPort, error) {
	return e.LocalFor(ctx, e.o.Addr.Addr())
}

// LocalFor opens the socket of the family of remote, the first time.
func (e *Ear) LocalFor(ctx context.Context, remote netip.Addr) (netip.AddrPort, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	six := remote.Is6()
	if conn := e.conns[six]; conn != nil {
		return addrPort(conn.LocalAddr()), nil
	}
	if e.closed {
		return netip.AddrPort{}, net.ErrClosed
	}
	at := e.o.Addr.Addr()
	if six {
		if at = e.o.IPv6; !at.IsValid() {
			return netip.AddrPort{}, errors.New("the talker has no IPv6")
		}
	}
	conn, err := e.o.Sockets.ListenPacket(ctx, netip.AddrPortFrom(at, 0), "")
	if err != nil {
		return netip.AddrPort{}, err
	}
	e.conns[six] = conn
	e.done.Add(1)
	e.o.Guard.Go("talker's ear", func() { defer e.done.Done(); e.listen(conn) })
	if len(e.conns) == 1 {
		e.done.Add(1)
		e.o.Guard.Go("talker's voice", func() { defer e.done.Done(); e.speak() })
	}
	return addrPort(conn.LocalAddr()), nil
}

// Remote is told what was negotiated.
func (e *Ear) Remote(n sdp.Negotiated) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n.Remote.RTP != e.remote.Remote.RTP {
		e.since, e.sent = time.Now(), 0
	}
	e.remote = n
	if a := n.Remote.RTP.Addr(); a.IsValid() && e.conns[a.Is6()] == nil && !e.closed {
		e.done.Add(1)
		e.o.Guard.Go("talker's offer", func() { defer e.done.Done(); e.renew() })
	}
}

// Close ends the sound, without waiting for its goroutines.
func (e *Ear) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	close(e.stop)
	for _, c := range e.conns {
		_ = c.Close()
	}
}

// Sound is what became of a call's audio, as the talker counts it.
type Sound struct {
	To        netip.AddrPort // where the description says to send
	Direction sdp.Direction  // the talker's
	Sent      uint64         // packets since To was said
	From      netip.AddrPort // source of the last packet heard
	Heard     uint64         // packets from it
	First     time.Time      // the first of them
	Last      time.Time
	Pause     time.Duration // the longest since Watch
}

// Sound is how things are.
func (e *Ear) Sound() Sound {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Sound{
		To: e.remote.Remote.RTP, Direction: e.remote.Direction, Sent: e.sent,
		From: e.from, Heard: e.heard[e.from], First: e.first[e.from], Last: e.last, Pause: e.pause,
	}
}

// Watch begins to look for the longest pause anew.
func (e *Ear) Watch() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pause = 0
}

func (e *Ear) listen(conn net.PacketConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 12 || buf[0]>>6 != 2 {
			continue
		}
		e.hear(addrPort(from))
	}
}

func (e *Ear) hear(from netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if !e.last.IsZero() {
		e.pause = max(e.pause, now.Sub(e.last))
	}
	if e.heard[from] == 0 {
		e.first[from] = now
	}
	e.heard[from]++
	e.last, e.from = now, from
}

// speak sends a packet each frame.
func (e *Ear) speak() {
	tick := time.NewTicker(frame)
	defer tick.Stop()
	packet := make([]byte, 12+160)
	for i := range 160 {
		packet[12+i] = byte(0x10 + i%16) // loud
	}
	seq, stamp := uint16(rand.Uint32()), rand.Uint32()
	binary.BigEndian.PutUint32(packet[8:], rand.Uint32())
	for {
		select {
		case <-tick.C:
		case <-e.stop:
			return
		}
		seq++
		stamp += 160
		packet[0] = 0x80
		binary.BigEndian.PutUint16(packet[2:], seq)
		binary.BigEndian.PutUint32(packet[4:], stamp)
		e.send(packet)
	}
}

func (e *Ear) send(packet []byte) {
	e.mu.Lock()
	to, conn := e.remote.Remote.RTP, e.conns[e.remote.Remote.RTP.Addr().Is6()]
	if conn == nil || e.closed || !e.remote.Direction.Sends() || !to.IsValid() {
		e.mu.Unlock()
		return
	}
	packet[1] = e.remote.SendPT
	e.mu.Unlock()
	if _, err := conn.WriteTo(packet, net.UDPAddrFromAddrPort(to)); err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.remote.Remote.RTP == to {
		e.sent++
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
