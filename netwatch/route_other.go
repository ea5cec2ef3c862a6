//go:build !linux

package netwatch

import (
	"net/netip"
	"syscall"
)

// pin does nothing yet: the routing table decides.
func pin(string) func(network, address string, c syscall.RawConn) error { return nil }

// hopTowards knows nothing yet: the path is the source and its interface.
func hopTowards(_, _ netip.Addr, _ string) (nextHop, bool) { return nextHop{}, false }
