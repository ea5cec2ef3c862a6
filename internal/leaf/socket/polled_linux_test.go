package socket

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// waitable blocks until fd is readable: tests wait for events.
func (p *Polled) await(t *testing.T) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 5000); n != 1 {
		t.Fatal("nothing came", n, err)
	}
}

func polled(t *testing.T, at string) (*Polled, netip.AddrPort) {
	t.Helper()
	c, err := System{}.ListenPacket(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(at), 0), "")
	if err != nil {
		t.Skip(at, err)
	}
	p, err := Poll(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, netip.MustParseAddrPort(c.LocalAddr().String())
}

func TestAPolledSocketHandsOverWhatCame(t *testing.T) {
	for _, at := range []string{"127.0.0.1", "::1"} {
		a, from := polled(t, at)
		b, to := polled(t, at)
		batch := NewBatch()
		const many = 3*batchSize + 1
		for i := range many {
			if err := a.Send([]byte{byte(i), 1, 2}, to); err != nil {
				t.Fatal(err)
			}
		}
		b.await(t)
		waited := time.Now()
		var got []byte
		err := b.Receive(batch, func(data []byte, src netip.AddrPort, age time.Duration) {
			if src != from || len(data) != 3 {
				t.Errorf("%d bytes from %v, want 3 from %v", len(data), src, from)
			}
			if age <= 0 || age > time.Since(waited)+time.Second {
				t.Errorf("age %v: the kernel's receive time is missing", age)
			}
			got = append(got, data[0])
		})
		if err != nil || len(got) != many {
			t.Fatalf("%d of %d datagrams, %v", len(got), many, err)
		}
		for i, x := range got {
			if int(x) != i {
				t.Fatalf("out of order: %v", got)
			}
		}
		if err := b.Receive(batch, func([]byte, netip.AddrPort, time.Duration) { t.Error("twice") }); err != nil {
			t.Error(err)
		}
	}
}

// TestAPolledSocketAllocatesNothing: one packet each way, and a look at nothing.
func TestAPolledSocketAllocatesNothing(t *testing.T) {
	a, to := polled(t, "127.0.0.1")
	batch, packet := NewBatch(), make([]byte, 172)
	heard := 0
	take := func([]byte, netip.AddrPort, time.Duration) { heard++ }
	if n := testing.AllocsPerRun(100, func() {
		_ = a.Send(packet, to)
		_ = a.Receive(batch, take)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if heard == 0 {
		t.Error("nothing was heard")
	}
}

func TestAPolledSocketGoesOnAfterARefusal(t *testing.T) {
	a, own := polled(t, "127.0.0.1")
	gone, nobody := polled(t, "127.0.0.1")
	_ = gone.Close()
	for range 3 { // each tells of the one before, and leaves all the same
		if err := a.Send([]byte("x"), nobody); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
			t.Fatal(err)
		}
	}
	if err := a.Send([]byte("y"), own); err != nil {
		t.Fatal(err)
	}
	heard := 0
	for range 3 {
		_ = a.Receive(NewBatch(), func([]byte, netip.AddrPort, time.Duration) { heard++ })
	}
	if heard != 1 {
		t.Errorf("%d datagrams after a refusal, want 1", heard)
	}
}

func TestAClosedPolledSocketSaysSo(t *testing.T) {
	a, to := polled(t, "127.0.0.1")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Send([]byte("x"), to); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := a.Receive(NewBatch(), nil); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := a.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
