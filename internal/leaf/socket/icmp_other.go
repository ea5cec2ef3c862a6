//go:build !linux

package socket

import "net"

// hearing has nothing to do: these systems tell ICMP errors where they can.
func hearing(c net.PacketConn, _ string) net.PacketConn { return c }
