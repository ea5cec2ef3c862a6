package path

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
)

// lock is a stage that adds a tag to what leaves and refuses what has none.
type lock struct{ tag byte }

var errTag = errors.New("no tag of ours")

func (l lock) Outgoing(_ Kind, b []byte) ([]byte, error) { return append(b, l.tag), nil }

func (l lock) Incoming(_ Kind, b []byte, _ netip.AddrPort) ([]byte, error) {
	if len(b) == 0 || b[len(b)-1] != l.tag {
		return nil, errTag
	}
	return b[:len(b)-1], nil
}

func (l lock) Anew() bool { return true }

func TestStagesAreUndoneInTheOtherOrder(t *testing.T) {
	a, err := Open(t.Context(), system{}, loopback, "", Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := Open(t.Context(), system{}, loopback, "", Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if a.Anew() {
		t.Fatal("a bare pair has no keys")
	}
	a.Stack(lock{1}, lock{2})
	b.Stack(lock{1}, lock{2})
	if !a.Anew() {
		t.Fatal("a stage with keys begins anew")
	}
	packet := append(make([]byte, 0, 64), 0x80, 0, 7, 7)
	if err := a.Send(packet, b.RTP()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, from, err := b.ReadFrom(buf)
	if err != nil || !bytes.Equal(buf[:n], []byte{0x80, 0, 7, 7, 1, 2}) {
		t.Fatalf("% x %v", buf[:n], err)
	}
	got, kind, err := b.Receive(buf[:n], from)
	if err != nil || kind != RTP || !bytes.Equal(got, packet) {
		t.Fatalf("% x %v %v", got, kind, err)
	}
	if _, _, err := b.Receive(packet, from); !errors.Is(err, errTag) {
		t.Fatalf("what has no tag: %v", err)
	}
	out := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		if err := a.Send(append(out[:0], packet...), b.RTP()); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}
