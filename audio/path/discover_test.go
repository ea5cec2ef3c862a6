package path

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"
)

// answers is a STUN server that says the same address to everybody, with the
// port of the question one hundred higher. The zero address answers nothing.
func answers(t *testing.T, says netip.Addr, otherSource bool) netip.AddrPort {
	t.Helper()
	listen := func() net.PacketConn {
		conn, err := system{}.ListenPacket(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	conn, from := listen(), listen()
	if !otherSource {
		from = conn
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, asker, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if n < 20 || !says.IsValid() {
				continue
			}
			port := uint16(asker.(*net.UDPAddr).Port) + 100
			b := append([]byte{0x01, 0x01, 0, 12}, buf[4:20]...)
			b = append(b, 0, 0x20, 0, 8, 0, 1)
			b = binary.BigEndian.AppendUint16(b, port^0x2112)
			ip := says.As4()
			b = binary.BigEndian.AppendUint32(b, binary.BigEndian.Uint32(ip[:])^0x2112A442)
			_, _ = from.WriteTo(b, asker)
		}
	}()
	at, _ := addrPort(conn.LocalAddr())
	return at
}

func TestDiscover(t *testing.T) {
	for _, c := range []struct {
		name        string
		says        string // "": nothing
		otherSource bool
		found       bool
	}{
		{"a public address is announced", "198.51.100.7", false, true},
		{"an answer of another source is none", "198.51.100.7", true, false},
		{"nobody is at 0.0.0.0", "0.0.0.0", false, false},
		{"nor on a loopback", "127.0.0.9", false, false},
		{"nor at a multicast address", "224.0.0.9", false, false},
		{"a silent server changes nothing", "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var says netip.Addr
			if c.says != "" {
				says = netip.MustParseAddr(c.says)
			}
			server := answers(t, says, c.otherSource)
			s, err := Open(t.Context(), system{}, loopback, "", Range{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if !c.found {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 250*time.Millisecond)
			}
			defer cancel()
			err = s.Discover(ctx, server)
			rtp, rtcp := s.Announced()
			if !c.found {
				if err == nil || rtp != s.RTP() || rtcp != s.RTCP() {
					t.Fatalf("announces %s, %s (%v), want its own addresses", rtp, rtcp, err)
				}
				return
			}
			want := netip.AddrPortFrom(says, s.RTP().Port()+100)
			if err != nil || rtp != want || rtcp != netip.AddrPortFrom(says, s.RTCP().Port()+100) {
				t.Fatalf("announces %s, %s (%v), want %s and the port after it", rtp, rtcp, err, want)
			}
			heard(t, s)
		})
	}
}

// heard: after Discover the socket reads on without a deadline.
func heard(t *testing.T, s *Socket) {
	t.Helper()
	if err := s.Send([]byte("hello"), s.RTP()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	for {
		n, _, err := s.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		if string(buf[:n]) == "hello" {
			return
		}
	}
}
