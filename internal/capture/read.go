package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
)

// ErrNotOurs is a file that no Pcapng wrote, or one that is damaged.
var ErrNotOurs = errors.New("this is no trace that ramble wrote")

// longestBlock bounds what a file can make its reader hold.
const longestBlock = 1 << 20

// ReadPcapng calls visit for each message of a file that Pcapng wrote, with how
// many were lost before it. A last block that was cut off ends the file: its
// program was killed. Other errors are ErrNotOurs, or those of r and visit.
func ReadPcapng(r io.Reader, visit func(m Message, missed uint64) error) error {
	for first := true; ; first = false {
		kind, body, err := readBlock(r)
		switch {
		case first && (err != nil || kind != blockSection || len(body) < 4 || binary.LittleEndian.Uint32(body) != byteOrderMagic):
			return ErrNotOurs
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		case kind != blockPacket:
			continue
		}
		m, missed, err := packet(body)
		if err != nil {
			return err
		}
		if err := visit(m, missed); err != nil {
			return err
		}
	}
}

func readBlock(r io.Reader) (kind uint32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.LittleEndian.Uint32(head[4:])
	if length < 12 || length%4 != 0 || length > longestBlock {
		return 0, nil, ErrNotOurs
	}
	body = make([]byte, length-8)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, err
	}
	return binary.LittleEndian.Uint32(head[:]), body[:len(body)-4], nil
}

// packet reads an enhanced packet block.
func packet(body []byte) (m Message, missed uint64, err error) {
	if len(body) < 20 {
		return m, 0, ErrNotOurs
	}
	at := uint64(binary.LittleEndian.Uint32(body[4:]))<<32 | uint64(binary.LittleEndian.Uint32(body[8:]))
	length := int(binary.LittleEndian.Uint32(body[12:]))
	rest := body[20:]
	if length > len(rest) {
		return m, 0, ErrNotOurs
	}
	from, to, payload, ok := readDatagram(rest[:length])
	if !ok {
		return m, 0, ErrNotOurs
	}
	m = Message{At: time.Unix(0, int64(at)), Remote: from, Local: to, Text: payload, CallID: callID(payload)}
	eachOption(rest[min(len(rest), length+-length&3):], func(code uint16, value []byte) {
		switch {
		case code == optionFlags && len(value) == 4 && value[0]&3 == 2:
			m.Sent, m.Local, m.Remote = true, from, to
		case code == optionDropCount && len(value) == 8:
			missed = binary.LittleEndian.Uint64(value)
		case code == optionComment:
			m.Again = strings.HasSuffix(string(value), " again")
			_, _ = fmt.Sscanf(string(value), "transport=%s path=%d account=%q", &m.Transport, &m.Epoch, &m.Account) // what is not there stays empty
		}
	})
	return m, missed, nil
}

func eachOption(b []byte, visit func(code uint16, value []byte)) {
	for len(b) >= 4 {
		code, length := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if b = b[4:]; code == optionEnd || length > len(b) {
			return
		}
		visit(code, b[:length])
		b = b[min(len(b), length+-length&3):]
	}
}

// readDatagram takes an IP packet with UDP in it apart.
func readDatagram(b []byte) (from, to netip.AddrPort, payload []byte, ok bool) {
	if len(b) < 1 {
		return from, to, nil, false
	}
	head, proto, src, dst := 20, 9, 12, 16
	if b[0]>>4 == 6 {
		head, proto, src, dst = 40, 6, 8, 24
	} else if b[0] != 4<<4|5 {
		return from, to, nil, false
	}
	if len(b) < head+8 || b[proto] != protocolUDP {
		return from, to, nil, false
	}
	s, _ := netip.AddrFromSlice(b[src:dst])
	d, _ := netip.AddrFromSlice(b[dst : dst+dst-src])
	udp := b[head:]
	return netip.AddrPortFrom(s, binary.BigEndian.Uint16(udp)), netip.AddrPortFrom(d, binary.BigEndian.Uint16(udp[2:])), udp[8:], true
}
