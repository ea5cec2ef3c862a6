package netwatch

import (
	"encoding/binary"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// addrsOf lists all addresses by the index of their interface, with the flags
// of IPv6, in one question to the kernel. The standard library asks for the
// whole list once for each interface: with forty of them that was seven
// milliseconds a look instead of one.
func addrsOf([]net.Interface) (map[int][]Addr, error) {
	dump, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	messages, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	out := map[int][]Addr{}
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < syscall.SizeofIfAddrmsg {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return nil, os.NewSyscallError("netlink", err)
		}
		if index, a, ok := parseAddr(m.Data, attrs); ok {
			out[index] = append(out[index], a)
		}
	}
	return out, nil
}

// parseAddr reads one address: a struct ifaddrmsg (family, length of the
// network, flags, scope, index) and its attributes.
func parseAddr(head []byte, attrs []syscall.NetlinkRouteAttr) (index int, a Addr, ok bool) {
	bits, flags := int(head[1]), uint32(head[2])
	index = int(binary.NativeEndian.Uint32(head[4:8]))
	var raw []byte
	local := false
	for _, x := range attrs {
		switch x.Attr.Type {
		case unix.IFA_LOCAL:
			// On a point-to-point link IFA_ADDRESS is the other end's.
			raw, local = x.Value, true
		case unix.IFA_ADDRESS:
			if !local {
				raw = x.Value
			}
		case unix.IFA_FLAGS:
			if len(x.Value) >= 4 {
				flags = binary.NativeEndian.Uint32(x.Value)
			}
		}
	}
	a.Prefix, ok = prefixFrom(raw, bits)
	if a.Prefix.Addr().Is6() {
		// An optimistic address is usable while it is being checked (RFC 4429).
		// For IPv4 the bit of "temporary" means a secondary address.
		a.Tentative = flags&unix.IFA_F_TENTATIVE != 0 && flags&unix.IFA_F_OPTIMISTIC == 0 || flags&unix.IFA_F_DADFAILED != 0
		a.Temporary = flags&unix.IFA_F_TEMPORARY != 0
		a.Deprecated = flags&unix.IFA_F_DEPRECATED != 0
	}
	return index, a, ok
}
