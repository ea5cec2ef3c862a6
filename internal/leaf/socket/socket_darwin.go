package socket

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pin ties a socket to an interface.
func pin(fd uintptr, network, iface string) error {
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return fmt.Errorf("%w: %w", syscall.ENXIO, err)
	}
	if strings.HasSuffix(network, "6") {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_BOUND_IF, i.Index)
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BOUND_IF, i.Index)
}

// mayPass reports whether a pin that failed with err may be done without:
// never, it needs no privilege here.
func mayPass(error) bool { return false }

func mark(fd uintptr, network string, d DSCP) error {
	// The lower two bits belong to ECN (RFC 3168).
	if strings.HasSuffix(network, "6") {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(d)<<2)
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, int(d)<<2)
}

// limitUnacked has no counterpart here; keep-alive is the net that remains.
func limitUnacked(uintptr, time.Duration) error { return nil }
