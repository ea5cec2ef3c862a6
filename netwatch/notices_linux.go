package netwatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Notifications returns what tells of changes on this system: rtnetlink.
func Notifications() []Hinter { return []Hinter{notices{openNetlink}} }

const (
	// netlinkBuffer holds some hundred notices, for the time that this process
	// does not get the processor. The kernel may grant less.
	netlinkBuffer = 1 << 20
	// netlinkMessage is longer than any notice: those of links with many
	// virtual functions are the longest.
	netlinkMessage = 64 << 10
)

// netlinkFeed is an rtnetlink socket (rtnetlink(7)).
type netlinkFeed struct {
	file  *os.File
	raw   syscall.RawConn
	buf   []byte
	links links
}

func openNetlink() (feed, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("netlink socket", err)
	}
	// Being non-blocking, it is read by way of the runtime's poller, and Close
	// ends a read that waits.
	file := os.NewFile(uintptr(fd), "rtnetlink")
	f := &netlinkFeed{file: file, buf: make([]byte, netlinkMessage)}
	// Best effort: the kernel's limit holds without the privilege.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, netlinkBuffer)
	var groups uint32
	for _, g := range []int{
		unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH,
		unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE,
		unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE,
	} {
		groups |= 1 << (g - 1)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		file.Close()
		return nil, os.NewSyscallError("netlink bind", err)
	}
	if f.raw, err = file.SyscallConn(); err != nil {
		file.Close()
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	// After the bind, so that what changes meanwhile is told.
	f.links = currentLinks()
	return f, nil
}

func (f *netlinkFeed) Close() error { return f.file.Close() }

// receive is feed's. Notices that were lost because the buffer was full are
// one reason more to look, not an error.
func (f *netlinkFeed) receive(hint func(Reason)) error {
	var n int
	var from unix.Sockaddr
	var got error
	err := f.raw.Read(func(fd uintptr) bool {
		// MSG_TRUNC makes n the length that the notice had.
		n, from, got = unix.Recvfrom(int(fd), f.buf, unix.MSG_TRUNC)
		return got != unix.EAGAIN && got != unix.EINTR
	})
	if err == nil {
		err = got
	}
	if errors.Is(err, unix.ENOBUFS) || err == nil && n > len(f.buf) {
		f.links = currentLinks()
		hint(Reason{Kind: Notified, Detail: "some notifications were lost"})
		return nil
	}
	if err != nil {
		return err
	}
	if sa, ok := from.(*unix.SockaddrNetlink); !ok || sa.Pid != 0 {
		return nil // another process: only the kernel knows
	}
	f.links.netlink(f.buf[:n], hint)
	return nil
}

// netlink calls hint for each notice in a datagram. What it cannot read it
// leaves out: the next poll will see it.
func (l links) netlink(b []byte, hint func(Reason)) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return
		}
		if r, ok := l.notice(binary.NativeEndian.Uint16(b[4:]), b[unix.SizeofNlMsghdr:size]); ok {
			hint(r)
		}
		b = b[min(align(size), len(b)):]
	}
}

// notice is what one message of the kernel means, if anything.
func (l links) notice(kind uint16, data []byte) (Reason, bool) {
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return l.linkNotice(kind, data)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		if len(data) < unix.SizeofIfAddrmsg {
			return Reason{}, false
		}
		index, a, ok := parseAddr(data, attributes(data[unix.SizeofIfAddrmsg:]))
		k := AddressAdded
		if kind == unix.RTM_DELADDR {
			k = AddressLost
		}
		return l.addr(k, index, a.Prefix.Addr()), ok
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return l.routeNotice(data)
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		return Reason{Kind: Notified, Detail: "a routing rule"}, true
	case unix.RTM_NEWNEIGH:
		return l.neighbourNotice(data)
	}
	return Reason{}, false
}

// linkNotice reads a struct ifinfomsg (family, type, index, flags, change).
// Other families speak of the link's part in something else: an interface that
// leaves a bridge is "deleted" from it.
func (l links) linkNotice(kind uint16, data []byte) (Reason, bool) {
	if len(data) < unix.SizeofIfInfomsg || data[0] != unix.AF_UNSPEC {
		return Reason{}, false
	}
	index := int(int32(binary.NativeEndian.Uint32(data[4:])))
	if kind == unix.RTM_DELLINK {
		return l.gone(index), true
	}
	const carrier = unix.IFF_UP | unix.IFF_RUNNING
	flags := binary.NativeEndian.Uint32(data[8:])
	var name string
	for _, x := range attributes(data[unix.SizeofIfInfomsg:]) {
		if x.Attr.Type == unix.IFLA_IFNAME {
			name = unix.ByteSliceToString(x.Value)
		}
	}
	return l.set(index, name, flags&carrier == carrier)
}

// routeNotice reads a struct rtmsg (family, four lengths and kinds, table,
// protocol, scope, type, flags). The routes that the kernel makes for an
// address name its interface, so that those of ignored ones are no hint; any
// other route may lead every path away and is looked at, whatever its
// interface.
func (l links) routeNotice(data []byte) (Reason, bool) {
	if len(data) < unix.SizeofRtMsg || binary.NativeEndian.Uint32(data[8:])&unix.RTM_F_CLONED != 0 {
		return Reason{}, false // a cloned one is a cache entry
	}
	r := Reason{Kind: Notified, Detail: "a route"}
	if data[5] != unix.RTPROT_KERNEL {
		return r, true
	}
	for _, x := range attributes(data[unix.SizeofRtMsg:]) {
		if x.Attr.Type == unix.RTA_OIF && len(x.Value) >= 4 {
			r.Interface = l[int(int32(binary.NativeEndian.Uint32(x.Value)))].name
		}
	}
	return r, true
}

// neighbourNotice reads a struct ndmsg (family, padding, index, state, flags,
// type). Of the many notices about neighbours only those that tell a link
// address are passed on; the watcher knows which of them is a next hop.
func (l links) neighbourNotice(data []byte) (Reason, bool) {
	if len(data) < unix.SizeofNdMsg || data[0] != unix.AF_INET && data[0] != unix.AF_INET6 {
		return Reason{}, false
	}
	index := int(int32(binary.NativeEndian.Uint32(data[4:])))
	r := Reason{Kind: HopMoved, Interface: l[index].name}
	for _, x := range attributes(data[unix.SizeofNdMsg:]) {
		switch x.Attr.Type {
		case unix.NDA_DST:
			a, _ := netip.AddrFromSlice(x.Value)
			r.Addr = a.Unmap()
		case unix.NDA_LLADDR:
			r.Detail = net.HardwareAddr(x.Value).String()
		}
	}
	return r, r.Addr.IsValid() && r.Detail != ""
}

// attributes reads a list of struct rtattr (length, type, value).
func attributes(b []byte) []syscall.NetlinkRouteAttr {
	var out []syscall.NetlinkRouteAttr
	for len(b) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			break
		}
		out = append(out, syscall.NetlinkRouteAttr{
			Attr:  syscall.RtAttr{Len: uint16(size), Type: binary.NativeEndian.Uint16(b[2:])},
			Value: b[unix.SizeofRtAttr:size],
		})
		b = b[min(align(size), len(b)):]
	}
	return out
}

// align rounds up to four bytes, as netlink's messages and attributes are.
func align(n int) int { return (n + 3) &^ 3 }
