package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
)

// Numbers of the pcapng format (draft-ietf-opsawg-pcapng).
const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockPacket    = 6
	byteOrderMagic = 0x1A2B3C4D
	linkRaw        = 101 // packets begin with their IP header

	optionEnd        = 0
	optionComment    = 1
	optionFlags      = 2
	optionDropCount  = 4
	optionUserAppl   = 4 // of a section
	optionResolution = 9 // of an interface

	protocolUDP = 17
	largestData = 65535 - 40 - 8 // what the lengths of IP and UDP can say
)

// Pcapng writes messages as packets that every analyser reads. Each message is
// one UDP datagram between the addresses that it had, whatever carried it: what
// TLS hid is in clear, and a TCP message needs no reassembly. The comment of a
// packet says what is true.
type Pcapng struct{ w io.Writer }

// NewPcapng writes the head of a file.
func NewPcapng(w io.Writer, program string) (*Pcapng, error) {
	section := binary.LittleEndian.AppendUint32(nil, byteOrderMagic)
	section = binary.LittleEndian.AppendUint16(section, 1)
	section = binary.LittleEndian.AppendUint16(section, 0)
	section = binary.LittleEndian.AppendUint64(section, ^uint64(0)) // of unknown length
	section = option(section, optionUserAppl, []byte(program))
	section = option(section, optionEnd, nil)
	wire := binary.LittleEndian.AppendUint32(nil, linkRaw) // and two reserved bytes
	wire = binary.LittleEndian.AppendUint32(wire, 0)       // no limit of length
	wire = option(wire, optionResolution, []byte{9})       // nanoseconds
	wire = option(wire, optionEnd, nil)
	_, err := w.Write(append(block(blockSection, section), block(blockInterface, wire)...))
	return &Pcapng{w}, err
}

// Write is one call of the underlying Write.
func (p *Pcapng) Write(m Message, missed uint64) error {
	from, to, flags := m.Remote, m.Local, uint32(1)
	if m.Sent {
		from, to, flags = m.Local, m.Remote, 2
	}
	data := datagram(from, to, m.Text[:min(len(m.Text), largestData)])
	at := uint64(m.At.UnixNano())
	body := binary.LittleEndian.AppendUint32(nil, 0) // the only interface
	body = binary.LittleEndian.AppendUint32(body, uint32(at>>32))
	body = binary.LittleEndian.AppendUint32(body, uint32(at))
	body = binary.LittleEndian.AppendUint32(body, uint32(len(data)))
	body = binary.LittleEndian.AppendUint32(body, uint32(len(data)+max(0, len(m.Text)-largestData)))
	body = padded(append(body, data...))
	body = option(body, optionComment, []byte(comment(m)))
	body = option(body, optionFlags, binary.LittleEndian.AppendUint32(nil, flags))
	body = option(body, optionDropCount, binary.LittleEndian.AppendUint64(nil, missed))
	body = option(body, optionEnd, nil)
	_, err := p.w.Write(block(blockPacket, body))
	return err
}

// comment says of a packet what its bytes do not. ReadPcapng reads it.
func comment(m Message) string {
	text := fmt.Sprintf("transport=%s path=%d account=%q", m.Transport, m.Epoch, m.Account)
	if m.Again {
		text += " again"
	}
	return text
}

// block frames a body (section 3.1 of the draft).
func block(kind uint32, body []byte) []byte {
	length := uint32(len(body) + 12)
	out := binary.LittleEndian.AppendUint32(nil, kind)
	out = binary.LittleEndian.AppendUint32(out, length)
	out = append(out, body...)
	return binary.LittleEndian.AppendUint32(out, length)
}

func option(to []byte, code uint16, value []byte) []byte {
	value = value[:min(len(value), 1<<16-1)]
	to = binary.LittleEndian.AppendUint16(to, code)
	to = binary.LittleEndian.AppendUint16(to, uint16(len(value)))
	return append(to, padded(append([]byte(nil), value...))...)
}

// padded fills up to 32 bits.
func padded(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

// datagram is an IP packet with a UDP datagram in it.
func datagram(from, to netip.AddrPort, payload []byte) []byte {
	length := len(payload) + 8
	udp := binary.BigEndian.AppendUint16(nil, from.Port())
	udp = binary.BigEndian.AppendUint16(udp, to.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(length))
	udp = append(binary.BigEndian.AppendUint16(udp, 0), payload...)
	src, dst := from.Addr().Unmap(), to.Addr().Unmap()
	pseudo := append(src.AsSlice(), dst.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(length))
	pseudo = binary.BigEndian.AppendUint32(pseudo, protocolUDP)
	sum := checksum(append(pseudo, udp...))
	if sum == 0 {
		sum = 0xffff // RFC 768: zero means none
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	if !src.Is4() || !dst.Is4() {
		s16, d16 := src.As16(), dst.As16()
		ip := []byte{6 << 4, 0, 0, 0}
		ip = binary.BigEndian.AppendUint16(ip, uint16(length))
		ip = append(ip, protocolUDP, 64)
		return append(append(append(ip, s16[:]...), d16[:]...), udp...)
	}
	ip := []byte{4<<4 | 5, 0}
	ip = binary.BigEndian.AppendUint16(ip, uint16(length+20))
	ip = append(ip, 0, 0, 0x40, 0, 64, protocolUDP, 0, 0) // do not fragment
	ip = append(append(ip, src.AsSlice()...), dst.AsSlice()...)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return append(ip, udp...)
}

// checksum is the internet's (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
