package stream

import (
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/rtcp"

	"ramble/audio/jitter"
)

const (
	reportEvery = 5 * time.Second // RFC 3550 6.2, least interval
	maxRTT      = 10 * time.Second
	ntpEpoch    = 2208988800 // 1970 in seconds since 1900
)

// interval is spread over 0.5 to 1.5 times, so that reports do not fall into
// step (RFC 3550 6.3.1).
func interval() time.Duration {
	return reportEvery/2 + time.Duration(rand.Int64N(int64(reportEvery)))
}

// cname is a short-term persistent name that tells nothing (RFC 7022 4.2).
func cname() string {
	var b [12]byte
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return hex.EncodeToString(b[:])
}

// ntp is the time in the format of RFC 3550 section 4.
func ntp(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// report sends a sender report, or a receiver report where nothing was sent.
func (s *Stream) report(now time.Time) { s.sendControl(now, false) }

// sayBye tells the peer that the stream ends (RFC 3550 6.6).
func (s *Stream) sayBye(now time.Time) { s.sendControl(now, true) }

func (s *Stream) sendControl(now time.Time, bye bool) {
	s.mu.Lock()
	packets := s.compose(now, bye)
	l, mux := s.paths.sending, s.media.Mux
	to := s.controlTarget()
	ready := reachable(to) && !s.paths.closed
	s.mu.Unlock()
	if !ready {
		return
	}
	b, err := rtcp.Marshal(packets)
	b = slices.Grow(b, stageRoom)
	if err == nil {
		if mux {
			err = l.sock.Send(b, to)
		} else {
			err = l.sock.SendRTCP(b, to)
		}
	}
	s.mu.Lock()
	if err != nil {
		s.count.sendErrors++
	}
	s.mu.Unlock()
}

// controlTarget is where RTCP goes. A latch moves it with the audio.
func (s *Stream) controlTarget() netip.AddrPort {
	to := s.gate.target()
	switch {
	case s.media.Mux:
		return to
	case s.media.RemoteRTCP.IsValid() && to == s.media.Remote:
		return s.media.RemoteRTCP
	case to.Port() == 0 || to.Port() == 65535:
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(to.Addr(), to.Port()+1)
}

// compose builds the compound packet (RFC 3550 6.1: a report first, then the
// CNAME).
func (s *Stream) compose(now time.Time, bye bool) []rtcp.Packet {
	t := &s.tx
	out := s.paths.sending.out
	ssrc := out.ssrc
	var blocks []rtcp.ReceptionReport
	var extended []rtcp.Packet
	if r := &s.rx.from; r.received > 0 {
		said := r.block(s.unplayed())
		b := rtcp.ReceptionReport{
			SSRC: r.ssrc, FractionLost: said.loss, TotalLost: said.lost, LastSequenceNumber: said.highest,
			Jitter: uint32(samples(s.media.Format.ClockRate, s.rx.stats().Jitter)),
		}
		if !r.srAt.IsZero() {
			b.LastSenderReport = r.sr
			b.Delay = uint32(now.Sub(r.srAt) * 65536 / time.Second)
		}
		blocks = append(blocks, b)
		extended = []rtcp.Packet{&rtcp.ExtendedReport{SenderSSRC: ssrc, Reports: []rtcp.ReportBlock{s.voiceMetrics(r.ssrc)}}}
	}
	var report rtcp.Packet = &rtcp.ReceiverReport{SSRC: ssrc, Reports: blocks}
	if out.packets > 0 && s.media.Send {
		since := samples(s.media.Format.ClockRate, min(max(now.Sub(t.last), 0), stall))
		report = &rtcp.SenderReport{
			SSRC: ssrc, NTPTime: ntp(now), RTPTime: t.timestamp + uint32(since),
			PacketCount: uint32(out.packets), OctetCount: uint32(out.octets), Reports: blocks,
		}
	}
	packets := append([]rtcp.Packet{report, rtcp.NewCNAMESourceDescription(ssrc, t.cname)}, extended...)
	if bye {
		packets = append(packets, &rtcp.Goodbye{Sources: []uint32{ssrc}})
	}
	return packets
}

// Values of RFC 3611 section 4.7 that say that nothing is known.
const (
	noMetric = 127
	noGap    = 16 // Gmin, which it recommends where bursts are not told
)

// voiceMetrics is what we heard of a source over the call, with what came and was not
// played beside what never came (RFC 3611 4.7). A plain report has no place for it: what
// came late was received (RFC 3550 6.4.1).
func (s *Stream) voiceMetrics(ssrc uint32) *rtcp.VoIPMetricsReportBlock {
	p, b := s.packets(), s.rx.stats()
	q := &s.count.quality
	m := &rtcp.VoIPMetricsReportBlock{
		SSRC: ssrc, LossRate: share256(p.Lost, p.RxPackets+p.Lost), DiscardRate: share256(p.Late+p.Refused, p.RxPackets+p.Lost),
		RoundTripDelay: milliseconds(s.count.rtt), EndSystemDelay: milliseconds(b.Delay + s.media.PTime),
		SignalLevel: noMetric, NoiseLevel: noMetric, RERL: noMetric, Gmin: noGap,
		RFactor: noMetric, ExtRFactor: noMetric, MOSLQ: noMetric, MOSCQ: noMetric,
		RXConfig:  0b10_11_0000, // concealment of our own is enhanced, the buffer is adaptive
		JBNominal: milliseconds(b.Target), JBMaximum: milliseconds(b.Target), JBAbsMax: milliseconds(s.maxDelay()),
	}
	if mos := q.mosOfCall(0); mos > 0 {
		m.MOSLQ = uint8(mos*10 + 0.5)
		m.MOSCQ = uint8(q.mosOfCall(s.delay())*10 + 0.5)
	}
	return m
}

func (s *Stream) maxDelay() time.Duration {
	if s.cfg.JitterMax > 0 {
		return s.cfg.JitterMax
	}
	return jitter.DefaultMax
}

func share256(part, whole uint64) uint8 { return uint8(min(255, part*256/max(whole, 1))) }

func milliseconds(d time.Duration) uint16 { return uint16(min(max(d.Milliseconds(), 0), 1<<16-1)) }

// control takes an RTCP compound packet.
func (s *Stream) control(now time.Time, l *leg, b []byte, src netip.AddrPort) {
	s.mu.Lock()
	ok := s.gate.admitControl(now, src.Addr())
	if !ok {
		s.count.strange++
	}
	s.mu.Unlock()
	if !ok {
		return
	}
	packets, err := rtcp.Unmarshal(b)
	s.mu.Lock()
	if err != nil {
		s.count.garbage++
		s.mu.Unlock()
		return
	}
	s.count.controlIn++
	for _, p := range packets {
		s.learn(now, p)
	}
	var o outcome
	if !s.media.Receive { // no audio is due: RTCP proves the path
		o.heard, o.tell, o.look = s.paths.arrived(now, l, 0, s.sends())
	}
	s.mu.Unlock()
	s.handOn(o)
}

func (s *Stream) learn(now time.Time, p rtcp.Packet) {
	r := &s.rx.from
	switch p := p.(type) {
	case *rtcp.SenderReport:
		if r.known && p.SSRC == r.ssrc {
			r.sr, r.srAt = uint32(p.NTPTime>>16), now
		}
		s.measure(now, p.Reports)
	case *rtcp.ReceiverReport:
		s.measure(now, p.Reports)
	case *rtcp.Goodbye:
		for _, ssrc := range p.Sources {
			r.bye = r.bye || r.known && ssrc == r.ssrc
		}
	}
}

// measure takes the round trip time from the block about us (RFC 3550 6.4.1).
func (s *Stream) measure(now time.Time, blocks []rtcp.ReceptionReport) {
	for _, b := range blocks {
		if !s.paths.ours(b.SSRC) {
			continue
		}
		s.count.lossOut = float64(b.FractionLost) / 256
		if b.LastSenderReport == 0 {
			continue
		}
		units := uint32(ntp(now)>>16) - b.LastSenderReport - b.Delay
		if rtt := time.Duration(units) * time.Second / 65536; rtt > 0 && rtt < maxRTT {
			s.count.rtt = rtt
		}
	}
}
