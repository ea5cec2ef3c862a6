package ground

import (
	"context"
	"net"
	"net/netip"
)

// Sockets opens what programs of this process speak through on a host, as
// internal/leaf/socket does on the machine. Interfaces are left to the host's
// routes.
type Sockets struct{ Host *Host }

// ListenPacket opens a UDP socket.
func (s Sockets) ListenPacket(_ context.Context, local netip.AddrPort, _ string) (net.PacketConn, error) {
	return as[net.PacketConn](s.Host.ListenPacket(local))
}

// Listen opens a TCP listener.
func (s Sockets) Listen(_ context.Context, local netip.AddrPort, _ string) (net.Listener, error) {
	return as[net.Listener](s.Host.Listen(local))
}

// Dial opens a TCP connection; local may be the zero value.
func (s Sockets) Dial(ctx context.Context, local, remote netip.AddrPort, _ string) (net.Conn, error) {
	var conn net.Conn
	err := s.Host.Do(func() (err error) {
		var d net.Dialer
		if local.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(local)
		}
		conn, err = d.DialContext(ctx, "tcp", remote.String())
		return err
	})
	return conn, err
}

// as keeps a nil pointer from becoming an interface that is not nil.
func as[I any, T any](v *T, err error) (I, error) {
	var none I
	if err != nil {
		return none, err
	}
	return any(v).(I), nil
}
