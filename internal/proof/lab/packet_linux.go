package lab

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Packet is a UDP or TCP packet, taken apart.
type Packet struct {
	At       time.Time
	Out      bool // sent by the host that captured it
	TCP      bool
	Src, Dst netip.AddrPort
	Payload  []byte
}

// parseFrame takes an Ethernet frame apart. Fragments and what is not UDP or
// TCP give false.
func parseFrame(f Frame) (Packet, bool) {
	if len(f.Data) < 14 {
		return Packet{}, false
	}
	body := f.Data[14:]
	var src, dst netip.Addr
	var protocol byte
	switch binary.BigEndian.Uint16(f.Data[12:]) {
	case 0x0800:
		if len(body) < 20 || body[0]>>4 != 4 {
			return Packet{}, false
		}
		head, total := int(body[0]&15)*4, int(binary.BigEndian.Uint16(body[2:]))
		fragment := binary.BigEndian.Uint16(body[6:]) & 0x3fff // more fragments, or not the first
		if head < 20 || total < head || total > len(body) || fragment != 0 {
			return Packet{}, false
		}
		src, dst, protocol = netip.AddrFrom4([4]byte(body[12:16])), netip.AddrFrom4([4]byte(body[16:20])), body[9]
		body = body[head:total]
	case 0x86dd:
		if len(body) < 40 || body[0]>>4 != 6 {
			return Packet{}, false
		}
		total := 40 + int(binary.BigEndian.Uint16(body[4:]))
		if total > len(body) {
			return Packet{}, false
		}
		src, dst, protocol = netip.AddrFrom16([16]byte(body[8:24])), netip.AddrFrom16([16]byte(body[24:40])), body[6]
		body = body[40:total]
	default:
		return Packet{}, false
	}
	p := Packet{At: f.At, Out: f.Out, TCP: protocol == 6}
	head := 8
	switch {
	case protocol == 17 && len(body) >= 8:
	case protocol == 6 && len(body) >= 20:
		head = int(body[12]>>4) * 4
		if head < 20 || head > len(body) {
			return Packet{}, false
		}
	default:
		return Packet{}, false
	}
	p.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(body))
	p.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(body[2:]))
	p.Payload = body[head:]
	return p, true
}

// RTP is the head of an RTP packet (RFC 3550 5.1).
type RTP struct {
	Type      byte
	Marker    bool
	Sequence  uint16
	Timestamp uint32
	SSRC      uint32
	Payload   []byte
}

// RTP takes a packet for RTP if it looks like it: UDP, version 2, a payload type
// that RTCP does not use (RFC 5761 4), between ports that are not SIP's.
func (p Packet) RTP() (RTP, bool) {
	b := p.Payload
	if p.TCP || len(b) < 12 || b[0]>>6 != 2 || p.Src.Port() == SIPPort || p.Dst.Port() == SIPPort {
		return RTP{}, false
	}
	r := RTP{
		Type: b[1] & 127, Marker: b[1]&128 != 0, Sequence: binary.BigEndian.Uint16(b[2:]),
		Timestamp: binary.BigEndian.Uint32(b[4:]), SSRC: binary.BigEndian.Uint32(b[8:]),
	}
	head := 12 + 4*int(b[0]&15)
	if r.Type >= 64 && r.Type <= 95 || head > len(b) {
		return RTP{}, false
	}
	r.Payload = b[head:]
	return r, true
}

// SIP is what the figures need of a SIP message.
type SIP struct {
	Method   string // of a request, or of the CSeq of an answer
	Code     int    // 0: a request
	CallID   string
	Contacts []string
	Text     string
}

// SIP reads the message that a packet begins with. On TCP a message that does
// not begin a segment is not seen; phones write whole messages.
func (p Packet) SIP() (SIP, bool) {
	if p.Src.Port() != SIPPort && p.Dst.Port() != SIPPort && !bytes.Contains(firstLine(p.Payload), []byte("SIP/2.0")) {
		return SIP{}, false
	}
	head, _, _ := strings.Cut(string(p.Payload), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := SIP{Text: string(p.Payload)}
	switch words := strings.SplitN(lines[0], " ", 3); {
	case len(words) == 3 && words[0] == "SIP/2.0":
		m.Code, _ = strconv.Atoi(words[1])
	case len(words) == 3 && words[2] == "SIP/2.0":
		m.Method = words[0]
	default:
		return SIP{}, false
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "cseq":
			if _, method, ok := strings.Cut(value, " "); ok {
				m.Method = strings.TrimSpace(method)
			}
		case "call-id", "i":
			m.CallID = value
		case "contact", "m":
			m.Contacts = append(m.Contacts, value)
		}
	}
	return m, true
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	return line
}
