package netwatch

import (
	"encoding/binary"
	"net/netip"
)

// The route socket of macOS, route(4), in numbers, so that its messages can be
// read and tested everywhere. All its machines are little-endian.
const (
	rtmAdd, rtmDelete, rtmChange      = 0x1, 0x2, 0x3
	rtmNewAddr, rtmDelAddr, rtmIfInfo = 0xc, 0xd, 0xe

	rtfLLInfo, rtfWasCloned = 0x400, 0x20000 // a neighbour, a cached route
	iffUp, iffRunning       = 0x1, 0x40
	rtaxIFP, rtaxIFA        = 4, 5 // places in the list of addresses
	afInet, afLink, afInet6 = 2, 18, 30

	ifMsgHdr, ifaMsgHdr, rtMsgHdr = 112, 20, 92 // sizes
)

// routeMessages reads what one read of a route socket gave. What cannot be
// read still says that something changed.
func (l links) routeMessages(b []byte, hint func(Reason)) {
	for len(b) >= 4 {
		size := int(binary.LittleEndian.Uint16(b))
		if size < 4 || size > len(b) {
			hint(Reason{Kind: Notified})
			return
		}
		r, telling, ok := l.routeMessage(b[3], b[:size])
		switch {
		case !ok:
			hint(Reason{Kind: Notified})
		case telling:
			hint(r)
		}
		b = b[size:]
	}
}

// routeMessage is what one message means, if anything; not ok: it is cut short.
func (l links) routeMessage(kind byte, b []byte) (r Reason, telling, ok bool) {
	switch kind {
	case rtmIfInfo: // struct if_msghdr
		if len(b) < ifMsgHdr {
			return r, false, false
		}
		flags, index := binary.LittleEndian.Uint32(b[8:]), int(binary.LittleEndian.Uint16(b[12:]))
		name := linkName(sockaddr(b[ifMsgHdr:], binary.LittleEndian.Uint32(b[4:]), rtaxIFP))
		r, telling = l.set(index, name, flags&(iffUp|iffRunning) == iffUp|iffRunning)
		return r, telling, true
	case rtmNewAddr, rtmDelAddr: // struct ifa_msghdr
		if len(b) < ifaMsgHdr {
			return r, false, false
		}
		k := AddressAdded
		if kind == rtmDelAddr {
			k = AddressLost
		}
		a := inetAddr(sockaddr(b[ifaMsgHdr:], binary.LittleEndian.Uint32(b[4:]), rtaxIFA))
		return l.addr(k, int(binary.LittleEndian.Uint16(b[12:])), a), true, true
	case rtmAdd, rtmDelete, rtmChange: // struct rt_msghdr
		if len(b) < rtMsgHdr {
			return r, false, false
		}
		// Neighbours are host routes here, and so is the cache: both come and go
		// with the traffic.
		if binary.LittleEndian.Uint32(b[8:])&(rtfLLInfo|rtfWasCloned) != 0 {
			return r, false, true
		}
		return Reason{Kind: Notified, Detail: "a route"}, true, true
	}
	return r, false, true // among them the questions of other processes
}

// sockaddr finds one address among those that present lists, each rounded up
// to four bytes; nil when it is not there or cut short.
func sockaddr(b []byte, present uint32, which int) []byte {
	for i := 0; i <= which && len(b) > 0; i++ {
		if present&(1<<i) == 0 {
			continue
		}
		size := int(b[0])
		if i == which {
			if size < 2 || size > len(b) {
				return nil
			}
			return b[:size]
		}
		b = b[min(max((size+3)&^3, 4), len(b)):]
	}
	return nil
}

// linkName reads the name of a struct sockaddr_dl.
func linkName(b []byte) string {
	if len(b) < 8 || b[1] != afLink || 8+int(b[5]) > len(b) {
		return ""
	}
	return string(b[8 : 8+int(b[5])])
}

// inetAddr reads a struct sockaddr_in or sockaddr_in6. The kernel keeps the
// interface of a link-local address inside the address.
func inetAddr(b []byte) netip.Addr {
	switch {
	case len(b) >= 8 && b[1] == afInet:
		return netip.AddrFrom4([4]byte(b[4:8]))
	case len(b) >= 24 && b[1] == afInet6:
		a := [16]byte(b[8:24])
		if a[0] == 0xfe && a[1]&0xc0 == 0x80 {
			a[2], a[3] = 0, 0
		}
		return netip.AddrFrom16(a)
	}
	return netip.Addr{}
}
