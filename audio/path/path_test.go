package path

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// system opens real sockets; wrapped, it hides that they are *net.UDPConn.
type system struct{ wrapped bool }

type plain struct{ net.PacketConn }

func (s system) ListenPacket(ctx context.Context, local netip.AddrPort, _ string) (net.PacketConn, error) {
	var lc net.ListenConfig
	c, err := lc.ListenPacket(ctx, "udp", local.String())
	if err == nil && s.wrapped {
		c = plain{c}
	}
	return c, err
}

// busy refuses every port.
type busy struct{ asked []uint16 }

func (b *busy) ListenPacket(_ context.Context, local netip.AddrPort, _ string) (net.PacketConn, error) {
	b.asked = append(b.asked, local.Port())
	return nil, errors.New("address already in use")
}

var loopback = netip.MustParseAddr("127.0.0.1")

func TestOpen(t *testing.T) {
	for _, tc := range []struct {
		name    string
		wrapped bool
		r       Range
	}{
		{"any port", false, Range{}},
		{"any port, on a connection that knows only net.Addr", true, Range{}},
		{"a range", false, Range{40000, 49999}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := Open(t.Context(), system{tc.wrapped}, loopback, "", tc.r)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if p := a.RTP().Port(); p%2 != 0 || a.RTCP().Port() != p+1 || tc.r.Low > p || (tc.r.High > 0 && tc.r.High < p+1) {
				t.Fatalf("%v and %v", a.RTP(), a.RTCP())
			}
			b, err := Open(t.Context(), system{tc.wrapped}, loopback, "", tc.r)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			buf := make([]byte, 64)
			if err := a.Send([]byte("sound"), b.RTP()); err != nil {
				t.Fatal(err)
			}
			if n, from, err := b.ReadFrom(buf); err != nil || string(buf[:n]) != "sound" || from != a.RTP() {
				t.Fatalf("%q from %v: %v", buf[:n], from, err)
			}
			if err := b.SendRTCP([]byte("report"), a.RTCP()); err != nil {
				t.Fatal(err)
			}
			if n, from, err := a.ReadFromRTCP(buf); err != nil || string(buf[:n]) != "report" || from != b.RTCP() {
				t.Fatalf("%q from %v: %v", buf[:n], from, err)
			}
		})
	}
}

func TestOpenGivesUp(t *testing.T) {
	t.Run("after a bounded number of tries, saying what was tried", func(t *testing.T) {
		o := &busy{}
		_, err := Open(t.Context(), o, loopback, "wlan0", Range{10001, 10020})
		if err == nil || len(o.asked) != tries {
			t.Fatalf("%d tries: %v", len(o.asked), err)
		}
		for _, want := range []string{"127.0.0.1 (wlan0)", "10001-10020", "address already in use"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q lacks %q", err, want)
			}
		}
		for _, p := range o.asked {
			if p%2 != 0 || p < 10002 || p > 10018 {
				t.Fatalf("tried port %d", p)
			}
		}
	})
	t.Run("when the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Open(ctx, system{}, loopback, "", Range{}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
	t.Run("when the range holds no pair", func(t *testing.T) {
		for _, r := range []Range{{0, 100}, {2, 2}, {3, 4}, {20, 10}, {65535, 65535}} {
			if _, err := Open(t.Context(), system{}, loopback, "", r); err == nil {
				t.Errorf("%v", r)
			}
		}
	})
	t.Run("when the address is not ours", func(t *testing.T) {
		if _, err := Open(t.Context(), system{}, netip.MustParseAddr("192.0.2.1"), "", Range{}); err == nil {
			t.Fatal("opened")
		}
	})
}

func TestCloseWakesReadersAndMayBeRepeated(t *testing.T) {
	s, err := Open(t.Context(), system{}, loopback, "", Range{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	go func() { _, _, err := s.ReadFrom(make([]byte, 10)); done <- err }()
	go func() { _, _, err := s.ReadFromRTCP(make([]byte, 10)); done <- err }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		b    []byte
		want Kind
	}{
		{nil, Unknown},
		{[]byte{0x80}, Unknown},
		{[]byte{0, 1}, STUN},
		{[]byte{3, 0}, STUN},
		{[]byte{4, 0}, Unknown},
		{[]byte{16, 0}, ZRTP},
		{[]byte{20, 254}, DTLS},
		{[]byte{63, 254}, DTLS},
		{[]byte{64, 0}, TURN},
		{[]byte{80, 0}, Unknown},
		{[]byte{0x80, 0}, RTP},
		{[]byte{0x80, 0x80 | 8}, RTP},
		{[]byte{0x80, 101}, RTP},
		{[]byte{0x80, 0x80 | 101}, RTP},
		{[]byte{0xbf, 127}, RTP},
		{[]byte{0x80, 200}, RTCP},
		{[]byte{0x81, 203}, RTCP},
		{[]byte{0x80, 224}, RTP},
		{[]byte{192, 0}, Unknown},
	} {
		if got := Classify(tc.b); got != tc.want {
			t.Errorf("% x is %v, want %v", tc.b, got, tc.want)
		}
	}
}

func TestAPacketCostsNoAllocation(t *testing.T) {
	a, err := Open(t.Context(), system{}, loopback, "", Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	out, in := bytes.Repeat([]byte{1}, 172), make([]byte, 2048)
	to := a.RTP()
	if n := testing.AllocsPerRun(200, func() {
		if err := a.Send(out, to); err != nil {
			t.Fatal(err)
		}
		if n, _, err := a.ReadFrom(in); err != nil || n != len(out) {
			t.Fatal(n, err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations a packet", n)
	}
}
