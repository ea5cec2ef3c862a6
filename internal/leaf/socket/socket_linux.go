package socket

import (
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// pin ties a socket to an interface. Without it the kernel sends an address of
// one uplink through the other. Linux before 5.7 wants CAP_NET_RAW for it.
func pin(fd uintptr, _, iface string) error {
	return unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, iface)
}

// mayPass reports whether a pin that failed with err may be done without.
func mayPass(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOPROTOOPT)
}

func mark(fd uintptr, network string, d DSCP) error {
	// The lower two bits belong to ECN (RFC 3168).
	if strings.HasSuffix(network, "6") {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(d)<<2)
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, int(d)<<2)
}

func limitUnacked(fd uintptr, t time.Duration) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(t.Milliseconds()))
}
