package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Never is the figure of what did not happen.
const Never = time.Duration(-1)

// Figures of one move, from the captures of the phone and of the callee.
type Figures struct {
	Registered time.Duration // from T0 to the REGISTER's 200 with the new Contact
	FirstOut   time.Duration // to the first RTP packet sent from the new address
	FirstIn    time.Duration // to the first RTP packet received at the new address
	PauseOut   time.Duration // longest silence from the phone, as the callee heard it
	PauseIn    time.Duration // longest silence from the callee, as the phone heard it
	LostOut    int           // packets of the phone that the callee missed, of those that should have come
	LostIn     int
	PeerPause  time.Duration // longest pause in what the callee sent; above 80 ms no figure can be trusted
}

// Trustworthy reports whether the machine was quiet enough for the figures.
func (f Figures) Trustworthy() bool { return f.PeerPause <= 80*time.Millisecond }

// Measure reads the figures of a move from what both ends captured.
func Measure(m Move, phone, callee []Packet, peer netip.Addr) Figures {
	own, zero := m.To, m.T0
	if peer.Is6() {
		own, zero = m.To6, m.T06
	}
	f := Figures{Registered: Never, FirstOut: Never, FirstIn: Never}
	first := func(to *time.Duration, at time.Time) {
		if d := at.Sub(zero); *to == Never && d >= 0 {
			*to = d
		}
	}
	for _, p := range phone {
		if _, ok := p.RTP(); ok {
			switch {
			case p.Out && p.Src.Addr() == own:
				first(&f.FirstOut, p.At)
			case !p.Out && p.Dst.Addr() == own:
				first(&f.FirstIn, p.At)
			}
			continue
		}
		if s, ok := p.SIP(); ok && !p.Out && s.Code == 200 && s.Method == "REGISTER" && mentions(s.Contacts, own) {
			first(&f.Registered, p.At)
		}
	}
	sent := flow(callee, func(p Packet) bool { return p.Out && p.Src.Addr() == peer })
	heard := flow(phone, func(p Packet) bool { return !p.Out && p.Src.Addr() == peer })
	said := flow(callee, func(p Packet) bool { return !p.Out && p.Dst.Addr() == peer })
	f.PeerPause, f.PauseIn, f.PauseOut = pause(sent), pause(heard), pause(said)
	f.LostIn, f.LostOut = lost(heard), lost(said)
	return f
}

func mentions(contacts []string, a netip.Addr) bool {
	return slices.ContainsFunc(contacts, func(c string) bool {
		return strings.Contains(c, a.String()+":") || strings.Contains(c, "["+a.String()+"]")
	})
}

// heardRTP is one RTP packet of a flow.
type heardRTP struct {
	at time.Time
	RTP
}

// flow is the RTP packets that match, in the order of the capture.
func flow(packets []Packet, match func(Packet) bool) []heardRTP {
	var out []heardRTP
	for _, p := range packets {
		if r, ok := p.RTP(); ok && match(p) {
			out = append(out, heardRTP{p.At, r})
		}
	}
	return out
}

// pause is the longest time between two packets.
func pause(packets []heardRTP) time.Duration {
	var longest time.Duration
	for i := 1; i < len(packets); i++ {
		longest = max(longest, packets[i].at.Sub(packets[i-1].at))
	}
	return longest
}

// lost counts, for each source, sequence numbers between the first and the last
// packet that never came.
func lost(packets []heardRTP) int {
	type source struct {
		highest int64
		first   int64
		seen    map[int64]bool
	}
	sources := map[uint32]*source{}
	for _, p := range packets {
		s, ok := sources[p.SSRC]
		if !ok {
			s = &source{highest: int64(p.Sequence), first: int64(p.Sequence), seen: map[int64]bool{}}
			sources[p.SSRC] = s
		}
		extended := s.highest + int64(int16(p.Sequence-uint16(s.highest)))
		s.highest, s.first = max(s.highest, extended), min(s.first, extended)
		s.seen[extended] = true
	}
	n := 0
	for _, s := range sources {
		n += int(s.highest-s.first+1) - len(s.seen)
	}
	return n
}

func (f Figures) String() string {
	return fmt.Sprintf("registered %s, first out %s, first in %s, pause out %s in %s, lost out %d in %d, peer's own pause %s",
		show(f.Registered), show(f.FirstOut), show(f.FirstIn), show(f.PauseOut), show(f.PauseIn), f.LostOut, f.LostIn, show(f.PeerPause))
}

func show(d time.Duration) string {
	if d == Never {
		return "never"
	}
	return d.Round(100 * time.Microsecond).String()
}
