// Package socket opens the sockets of the real phone: tied to an address and,
// where two uplinks are up at once, to an interface, with the options that a
// telephone needs. It is the one place that knows how each operating system
// does that. The choice of ports is the caller's.
package socket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// DSCP is a class of traffic (RFC 2474); the zero value leaves the default.
type DSCP uint8

// The classes of a telephone (RFC 4594 2.3).
const (
	CS3 DSCP = 24 // signalling
	EF  DSCP = 46 // speech
)

// Keep-alive of TCP, and how long written data may stay unacknowledged. They
// are nets below the phone's own keep-alive. The last is not less than the
// others together: otherwise Linux gives up after one lost probe.
const (
	keepIdle     = 30 * time.Second
	keepInterval = time.Second
	keepCount    = 5
	userTimeout  = keepIdle + keepCount*keepInterval
)

// System opens sockets of the operating system. The zero value is usable.
type System struct {
	DSCP        DSCP
	UserTimeout time.Duration // TCP: unacknowledged data ends the connection; 0: 35 s; Linux only
	Log         *slog.Logger  // nil: discard
}

// ListenPacket opens a UDP socket. Port 0 is any. iface "" leaves the choice
// of the interface to the routing table; a name pins the socket to it. Where
// the system does not permit that, the socket is unpinned and the log says so.
// The caller closes it.
func (s System) ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: s.control(local, iface)}
	c, err := lc.ListenPacket(ctx, network("udp", local), text(local))
	if err != nil {
		return nil, explain("UDP", local, iface, err)
	}
	return hearing(c, network("udp", local)), nil
}

// Listen opens a TCP listener; see ListenPacket.
func (s System) Listen(ctx context.Context, local netip.AddrPort, iface string) (net.Listener, error) {
	lc := net.ListenConfig{Control: s.control(local, iface), KeepAliveConfig: keepAlive()}
	// Multipath TCP, the default of Go's listeners, takes fewer options.
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(ctx, network("tcp", local), text(local))
	if err != nil {
		return nil, explain("TCP", local, iface, err)
	}
	return l, nil
}

// Dial opens a TCP connection and gives up when ctx ends; see ListenPacket.
func (s System) Dial(ctx context.Context, local, remote netip.AddrPort, iface string) (net.Conn, error) {
	if !remote.IsValid() {
		return nil, errors.New("no address to connect to")
	}
	d := net.Dialer{Control: s.control(local, iface), KeepAliveConfig: keepAlive()}
	if local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
	}
	c, err := d.DialContext(ctx, network("tcp", remote), remote.String())
	if err != nil {
		return nil, explain("TCP", local, iface, err)
	}
	return c, nil
}

func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: keepIdle, Interval: keepInterval, Count: keepCount}
}

// network keeps the families apart: one socket for each, so that a source
// address is always of the family it looks like. An invalid address takes both.
func network(proto string, a netip.AddrPort) string {
	switch {
	case !a.Addr().IsValid():
		return proto
	case a.Addr().Is4():
		return proto + "4"
	default:
		return proto + "6"
	}
}

func text(a netip.AddrPort) string {
	if !a.Addr().IsValid() {
		return fmt.Sprintf(":%d", a.Port())
	}
	return a.String()
}

// control sets the options before the socket is bound or connected.
func (s System) control(local netip.AddrPort, iface string) func(string, string, syscall.RawConn) error {
	return func(network, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			if iface != "" && !reachesOwn(local, iface) {
				failed = s.pin(fd, network, local, iface)
			}
			s.options(fd, network)
		})
		return errors.Join(err, failed)
	}
}

// reachesOwn says that a path leads to this machine itself, by an address of
// one of its other interfaces. What a neighbour on the same machine sends to
// such an address counts as arrived on the interface that has the address, not
// on the loopback that it went through: a socket pinned to the loopback would
// never hear it. Left to the routing table, it hears it either way.
func reachesOwn(local netip.AddrPort, iface string) bool {
	if a := local.Addr(); !a.IsValid() || a.IsUnspecified() || a.IsLoopback() {
		return false
	}
	i, err := net.InterfaceByName(iface)
	return err == nil && i.Flags&net.FlagLoopback != 0
}

func (s System) pin(fd uintptr, network string, local netip.AddrPort, iface string) error {
	err := pin(fd, network, iface)
	switch {
	case err == nil:
		return nil
	case mayPass(err):
		s.log().Info("socket is not pinned to its interface", "interface", iface, "local", local, "reason", err)
		return nil
	}
	return err
}

// options sets what is good to have: a system that refuses is no obstacle.
func (s System) options(fd uintptr, network string) {
	if s.DSCP != 0 {
		if err := mark(fd, network, s.DSCP); err != nil {
			s.log().Debug("no traffic class", "reason", err)
		}
	}
	if network == "tcp4" || network == "tcp6" {
		t := s.UserTimeout
		if t <= 0 {
			t = userTimeout
		}
		if err := limitUnacked(fd, t); err != nil {
			s.log().Debug("no limit for unacknowledged data", "reason", err)
		}
	}
}

func (s System) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

// explain says what a person can understand, around the error of the system.
func explain(proto string, local netip.AddrPort, iface string, err error) error {
	switch {
	case is(err, errInUse):
		return fmt.Errorf("%s port %d on %s is in use by another program: %w", proto, local.Port(), local.Addr(), err)
	case is(err, errNotAvailable):
		return fmt.Errorf("this machine does not have the address %s now: %w", local.Addr(), err)
	case is(err, errNoDevice):
		return fmt.Errorf("there is no interface %s now: %w", iface, err)
	}
	return err
}

func is(err error, one []syscall.Errno) bool {
	for _, e := range one {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
