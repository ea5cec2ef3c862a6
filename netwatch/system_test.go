package netwatch

import (
	"errors"
	"net/netip"
	"testing"
)

func TestSystem(t *testing.T) {
	t.Run("the loopback interface is there with its address", func(t *testing.T) {
		all, err := System{}.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			if i.Has(ip("127.0.0.1")) {
				if !i.Up || i.Index == 0 || i.Name == "" {
					t.Fatalf("got %+v", i)
				}
				return
			}
		}
		t.Fatalf("127.0.0.1 is not among %+v", all)
	})
	t.Run("the path to the own machine is the loopback interface", func(t *testing.T) {
		p, err := System{}.PathTo(ip("127.0.0.1"))
		if err != nil || p.Source != ip("127.0.0.1") || p.Interface == "" || p.Index == 0 {
			t.Fatalf("got %+v, %v", p, err)
		}
		again, err := System{}.PathTo(ip("::ffff:127.0.0.1"))
		if err != nil || again != p {
			t.Fatalf("got %+v, %v, want %+v", again, err, p)
		}
	})
	for _, a := range []netip.Addr{{}, netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		t.Run("there is no path to "+a.String(), func(t *testing.T) {
			if _, err := (System{}).PathTo(a); !errors.Is(err, ErrNoPath) {
				t.Fatalf("got %v", err)
			}
		})
	}
	t.Run("an interface that does not exist gives no path", func(t *testing.T) {
		if p, err := (System{Interfaces: []string{"nowhere0"}}).PathTo(ip("127.0.0.1")); !errors.Is(err, ErrNoPath) {
			t.Fatalf("got %v, %v", p, err)
		}
	})
}

func BenchmarkSnapshot(b *testing.B) {
	for b.Loop() {
		if _, err := (System{}).Snapshot(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPathTo(b *testing.B) {
	for b.Loop() {
		if _, err := (System{}).PathTo(ip("127.0.0.1")); err != nil {
			b.Fatal(err)
		}
	}
}
