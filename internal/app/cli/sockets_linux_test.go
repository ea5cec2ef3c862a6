package cli

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ramble/internal/leaf/socket"
	"ramble/sip"
	"ramble/sip/locate"
)

// watched keeps the last connection that a stack dialled.
type watched struct {
	socket.System
	conn net.Conn
}

func (w *watched) Dial(ctx context.Context, local, remote netip.AddrPort, iface string) (net.Conn, error) {
	c, err := w.System.Dial(ctx, local, remote, iface)
	w.conn = c
	return c, err
}

// TestTheServersConnectionHasItsNets: the connection of a SIP stack dies within
// 35 s of its path, whatever the phone's own keep-alive says.
func TestTheServersConnectionHasItsNets(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := &watched{}
	st, err := sip.Open(t.Context(), sip.StackOptions{
		Account: &sip.Account{AOR: sip.URI{Scheme: "sip", User: "alice", Host: "127.0.0.1"}, Transport: locate.TCP},
		Server:  locate.Server{Transport: locate.TCP, Addr: netip.MustParseAddrPort(l.Addr().String())},
		Local:   netip.MustParseAddr("127.0.0.1"), Interface: "lo", Sockets: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	raw, err := w.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct {
		name                   string
		level, option, expects int
	}{
		{"keep-alive", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"idle", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 30},
		{"interval", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1},
		{"count", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 5},
		{"user timeout", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 35000},
	} {
		var got int
		var failed error
		if err := raw.Control(func(fd uintptr) { got, failed = unix.GetsockoptInt(int(fd), o.level, o.option) }); err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		if got != o.expects {
			t.Errorf("%s is %d, want %d", o.name, got, o.expects)
		}
	}
	var device string
	if err := raw.Control(func(fd uintptr) {
		device, err = unix.GetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
	}); err != nil || device != "lo" {
		t.Errorf("pinned to %q, %v", device, err)
	}
}
