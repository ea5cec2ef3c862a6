package path

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ramble/internal/leaf/stun"
)

// answers is a STUN server that says the same address to everybody, with the
// port of the question one hundred higher. The zero address answers nothing.
func answers(t *testing.T, says netip.Addr, otherSource bool) netip.AddrPort {
	t.Helper()
	return answersWith(t, func(asker netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(says, asker.Port()+100)
	}, otherSource)
}

// answersWith is answers with a NAT of the test's own.
func answersWith(t *testing.T, nat func(netip.AddrPort) netip.AddrPort, otherSource bool) netip.AddrPort {
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
			at, _ := addrPort(asker)
			says := nat(at)
			if n < 20 || !says.Addr().IsValid() {
				continue
			}
			b := append([]byte{0x01, 0x01, 0, 12}, buf[4:20]...)
			b = append(b, 0, 0x20, 0, 8, 0, 1)
			b = binary.BigEndian.AppendUint16(b, says.Port()^0x2112)
			ip := says.Addr().As4()
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
			d := s.Announced()
			rtp, rtcp := d.RTP, d.RTCP
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
func heard(t *testing.T, s *Transport) {
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

// inUse opens a pair that is read until the test ends, as a call's is. It counts
// what is STUN and answers no question.
func inUse(t *testing.T, local netip.Addr) (*Transport, *atomic.Int32) {
	t.Helper()
	s, err := Open(t.Context(), system{}, local, "", Range{})
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	strange := new(atomic.Int32)
	for _, from := range []func([]byte) (int, netip.AddrPort, error){s.ReadFrom, s.ReadFromRTCP} {
		readers.Go(func() {
			buf := make([]byte, 1500)
			for {
				n, src, err := from(buf)
				if err != nil {
					return
				}
				if _, kind, err := s.Receive(buf[:n], src); kind == STUN && err == nil {
					strange.Add(1)
				}
			}
		})
	}
	t.Cleanup(func() { _ = s.Close(); readers.Wait() })
	return s, strange
}

func TestAskWhileOthersRead(t *testing.T) {
	var higher atomic.Uint32
	higher.Store(100)
	public := netip.MustParseAddr("198.51.100.7")
	server := answersWith(t, func(asker netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(public, asker.Port()+uint16(higher.Load()))
	}, false)
	s, strange := inUse(t, loopback)
	for _, by := range []uint16{100, 100, 2000} {
		higher.Store(uint32(by))
		was := s.Announced().RTP
		seen, err := s.Ask(t.Context(), server)
		want := Seen{netip.AddrPortFrom(public, s.RTP().Port()+by), netip.AddrPortFrom(public, s.RTCP().Port()+by)}
		if err != nil || seen != want {
			t.Fatalf("seen at %v (%v), want %v", seen, err, want)
		}
		if at := s.Announced().RTP; at != was {
			t.Fatalf("%v is announced before anybody said so, was %v", at, was)
		}
		s.Announce(seen)
		if d := s.Announced(); d.RTP != want.RTP || d.RTCP != want.RTCP {
			t.Fatalf("announces %+v", d)
		}
	}
	if n := strange.Load(); n != 0 {
		t.Errorf("%d answers were taken for a stranger's", n)
	}
}

func TestAskBelievesNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		says        string
		otherSource bool
		want        error
	}{
		"another source":                  {"198.51.100.7", true, stun.ErrNoAnswer},
		"nobody":                          {"", false, stun.ErrNoAnswer},
		"an address that nobody can have": {"0.0.0.0", false, stun.ErrNoAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			says, _ := netip.ParseAddr(c.says)
			server := answers(t, says, c.otherSource)
			s, _ := inUse(t, loopback)
			ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
			defer cancel()
			seen, err := s.Ask(ctx, server)
			if rtp := s.Announced().RTP; !errors.Is(err, c.want) || seen != (Seen{}) || rtp != s.RTP() {
				t.Fatalf("seen at %v (%v), announces %v", seen, err, rtp)
			}
		})
	}
}

// TestAskLeavesRTCPOut where the server answers the first half alone.
func TestAskLeavesRTCPOut(t *testing.T) {
	public := netip.MustParseAddr("198.51.100.7")
	server := answersWith(t, func(asker netip.AddrPort) netip.AddrPort {
		if asker.Port()%2 != 0 {
			return netip.AddrPort{}
		}
		return netip.AddrPortFrom(public, asker.Port())
	}, false)
	s, _ := inUse(t, loopback)
	seen, err := s.Ask(t.Context(), server)
	if want := (Seen{RTP: netip.AddrPortFrom(public, s.RTP().Port())}); err != nil || seen != want {
		t.Fatalf("%v (%v), want %v", seen, err, want)
	}
	rtcp := netip.AddrPortFrom(public, s.RTCP().Port())
	s.Announce(Seen{seen.RTP, rtcp})
	s.Announce(seen)
	if at := s.Announced().RTCP; at != rtcp {
		t.Errorf("RTCP is at %v, want %v as before", at, rtcp)
	}
	s.Announce(Seen{RTP: netip.AddrPortFrom(public, 9)})
	if at := s.Announced().RTCP; at.IsValid() {
		t.Errorf("RTCP is at %v, although the pair moved", at)
	}
}

// TestAnswersToNoQuestionAreNotTaken, when none is out, or one of another ID.
func TestAnswersToNoQuestionAreNotTaken(t *testing.T) {
	server := netip.MustParseAddrPort("198.51.100.3:3478")
	b := stun.Request(stun.NewID())
	b[0] = 1 // a success response
	s, err := Open(t.Context(), system{}, loopback, "", Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if s.asker.take(b, server) {
		t.Error("taken before anything was asked")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	asking.Go(func() { _, _ = s.Ask(ctx, s.RTCP()) }) // which answers nothing
	buf := make([]byte, 1500)
	if n, from, err := s.ReadFromRTCP(buf); err != nil || from != s.RTP() || !stun.Is(buf[:n]) {
		t.Fatal(n, from, err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if s.asker.take(b, s.RTCP()) || s.asker.take(b, server) || s.asker.take(b[:8], s.RTCP()) {
			t.Error("taken for an answer")
		}
	}); n != 0 {
		t.Errorf("a stranger's STUN costs %v allocations", n)
	}
	cancel()
	asking.Wait()
	buf[0] = 1 // the right ID, too late
	if s.asker.take(buf[:28], s.RTCP()) {
		t.Error("taken after the end")
	}
}
