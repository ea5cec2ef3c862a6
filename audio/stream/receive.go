package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"

	"ramble/audio/jitter"
	"ramble/audio/path"
)

// maxDatagram is longer than any packet of voice and than any MTU met. A read
// that fills it was cut, and is garbage.
const maxDatagram = 2048

// receiver is what arrives, up to the buffer.
type receiver struct {
	buffer   *jitter.Buffer
	decoders decoders
	from     reception
	flow     flow
	keys     listener
	jumps    uint64    // of the buffer, that keys knows of
	said     [2]uint64 // foreign payload types that were told of, a bit each
}

func (r *receiver) stats() jitter.Stats {
	if r.buffer == nil {
		return jitter.Stats{}
	}
	return r.buffer.Stats()
}

// read starts the goroutine that reads one half of a leg until it is closed.
// Errors of the network (ICMP, an interface that went) are counted, and the
// socket stays.
func (s *Stream) read(ctx context.Context, children *sync.WaitGroup, half string, l *leg,
	from func([]byte) (int, netip.AddrPort, error)) {
	children.Add(1)
	s.cfg.Guard.Go("stream "+half, func() {
		defer children.Done()
		buf := make([]byte, maxDatagram)
		var p rtp.Packet
		for failed := 0; ctx.Err() == nil; {
			n, src, err := from(buf)
			switch {
			case err == nil:
				failed = 0
				s.datagram(s.cfg.Now(), l, &p, buf[:n], src)
				continue
			case errors.Is(err, net.ErrClosed):
				return
			}
			s.mu.Lock()
			s.count.readErrors++
			s.mu.Unlock()
			if failed++; failed > 10 { // it does not get better: do not spin
				select {
				case <-ctx.Done():
				case <-time.After(100 * time.Millisecond):
				}
			}
		}
	})
}

// datagram takes whatever came to a media port, and when. p is the reader's own.
func (s *Stream) datagram(now time.Time, l *leg, p *rtp.Packet, b []byte, src netip.AddrPort) {
	long := len(b) >= maxDatagram
	b, kind, err := l.sock.Receive(b, src)
	switch {
	case errors.Is(err, path.ErrTaken):
		return
	case err != nil, long:
		kind = path.Unknown
	case kind == path.RTCP:
		s.control(now, l, b, src)
		return
	case kind == path.RTP && p.Unmarshal(b) != nil:
		kind = path.Unknown
	}
	if kind != path.RTP {
		s.mu.Lock()
		s.count.garbage++
		s.mu.Unlock()
		return
	}
	s.mu.Lock()
	out := s.packet(now, l, p, src)
	s.mu.Unlock()
	s.handOn(out)
}

// outcome is what a packet gives others to know; it is told without the lock.
type outcome struct {
	heard  Heard
	tell   bool
	look   bool
	moved  netip.AddrPort
	digits [2]digit
	clock  int

	foreign     bool
	foreignType uint8
}

func (s *Stream) handOn(o outcome) {
	s.tell(o.heard, o.tell)
	if o.foreign && s.cfg.OnForeign != nil {
		s.cfg.OnForeign(o.foreignType)
	}
	if o.look {
		s.rouse()
	}
	if o.moved.IsValid() {
		s.log.Info("audio comes from elsewhere than the SDP said, following it", "to", o.moved)
		if s.cfg.OnMoved != nil {
			s.cfg.OnMoved(o.moved)
		}
	}
	for _, d := range o.digits {
		if d.key != 0 && s.cfg.OnDigit != nil {
			s.cfg.OnDigit(d.key, time.Duration(d.units)*time.Second/time.Duration(o.clock))
		}
	}
}

// packet takes a well-formed RTP packet.
func (s *Stream) packet(now time.Time, l *leg, p *rtp.Packet, src netip.AddrPort) (o outcome) {
	m := &s.media
	o.clock = m.Format.ClockRate
	x := s.rx.decoders.find(p.PayloadType)
	event, voice := x != nil && x.event, x != nil && !x.event
	ok, moved := s.gate.admit(now, src, p.SSRC, p.SequenceNumber, event || voice)
	if !ok {
		s.count.strange++
		return o
	}
	if moved {
		o.moved = s.gate.target()
	}
	if l == s.paths.newest() {
		s.gate.thaw()
	}
	take, fresh := s.rx.from.source(now, p.SSRC, s.unplayed())
	if !take {
		s.count.strange++
		return o
	}
	if fresh {
		o.digits[0] = s.rx.keys.flush()
		s.rx.keys = listener{}
		s.rx.buffer.Restart()
	}
	missing := s.rx.from.packet(now, p.SequenceNumber)
	s.rx.flow.packet(now, p, voice, o.clock)
	o.heard, o.tell, o.look = s.paths.arrived(now, l, missing, s.sends())
	switch {
	case !m.Receive:
		return o
	case event:
		s.event(now, p, &o)
	case voice && len(p.Payload) > 0:
		s.voice(now, p, s.decoder(x), &o)
	case x == nil && p.PayloadType != comfortNoise && len(p.Payload) > 0:
		s.foreign(now, p, &o)
	default: // comfort noise: nothing to play, but nothing lost either
		s.count.unknown++
		s.rx.buffer.Push(now, jitter.Packet{Seq: p.SequenceNumber, Timestamp: p.Timestamp})
	}
	return o
}

// foreign takes a packet of sound in a format that was never agreed on. What it
// holds is not heard, and that is counted and said, once for each payload type.
func (s *Stream) foreign(now time.Time, p *rtp.Packet, o *outcome) {
	s.count.foreign++
	s.count.foreignAt = now
	s.rx.buffer.Push(now, jitter.Packet{Seq: p.SequenceNumber, Timestamp: p.Timestamp, Unheard: true})
	if bit := &s.rx.said[p.PayloadType/64]; *bit&(1<<(p.PayloadType%64)) == 0 {
		*bit |= 1 << (p.PayloadType % 64)
		o.foreign, o.foreignType = true, p.PayloadType
	}
}

func (s *Stream) event(now time.Time, p *rtp.Packet, o *outcome) {
	s.rx.buffer.Push(now, jitter.Packet{Seq: p.SequenceNumber, Timestamp: p.Timestamp})
	present, earlier, ok := s.rx.keys.packet(p.Timestamp, p.SequenceNumber, p.Marker, p.Payload, o.clock)
	if !ok {
		s.count.unknown++
		return
	}
	if earlier.key != 0 {
		o.digits[0] = earlier
	}
	o.digits[1] = present
}

func (s *Stream) voice(now time.Time, p *rtp.Packet, d jitter.Decoder, o *outcome) {
	v := s.rx.buffer.Push(now, jitter.Packet{
		Seq: p.SequenceNumber, Timestamp: p.Timestamp, Decoder: d, Payload: p.Payload,
	})
	switch v {
	case jitter.Kept:
		if jumps := s.rx.buffer.Stats().Jumps; jumps != s.rx.jumps {
			s.rx.jumps, s.rx.keys = jumps, listener{} // its timestamps mean nothing now
		}
		if d := s.rx.keys.audio(p.Timestamp); d.key != 0 {
			o.digits[1] = d
		}
	case jitter.Refused:
		s.count.garbage++
	case jitter.Late, jitter.Duplicate, jitter.Jumped: // the buffer counts them
	}
}

// sends reports whether packets are due from us. A peer that gave no address,
// or the 0.0.0.0 of an old kind of hold, gets none, wherever it speaks from.
func (s *Stream) sends() bool {
	return s.media.Send && reachable(s.media.Remote)
}

func reachable(a netip.AddrPort) bool {
	return a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified()
}
