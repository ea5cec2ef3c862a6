package line

import (
	"net/netip"
	"testing"
	"time"

	"ramble/sip/locate"
)

func TestServers(t *testing.T) {
	at := func(transport locate.Transport, addr string) locate.Server {
		return locate.Server{Transport: transport, Addr: netip.MustParseAddrPort(addr), Host: "example.test"}
	}
	a, b, c := at(locate.TCP, "192.0.2.1:5060"), at(locate.TCP, "192.0.2.2:5060"), at(locate.UDP, "192.0.2.3:5060")
	secure := at(locate.TLS, "192.0.2.4:5061")
	now := time.Unix(1000, 0)
	expect := func(t *testing.T, s *Servers, now time.Time, want ...locate.Server) {
		t.Helper()
		got := s.Order(now)
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
	}
	t.Run("those that failed lately go last, for a while", func(t *testing.T) {
		var s Servers
		s.Replace([]locate.Server{a, b, c})
		s.Fail(a, now)
		expect(t, &s, now.Add(passOver-1), b, c, a)
		expect(t, &s, now.Add(passOver), a, b, c)
	})
	t.Run("the one that worked is first, whatever it failed before and DNS prefers", func(t *testing.T) {
		var s Servers
		s.Replace([]locate.Server{a, b, c})
		s.Fail(b, now)
		s.Worked(b)
		expect(t, &s, now, b, a, c)
		s.Replace([]locate.Server{c, a, b})
		expect(t, &s, now, b, c, a)
	})
	t.Run("the one that worked is the last resort when DNS does not name it any more", func(t *testing.T) {
		var s Servers
		s.Replace([]locate.Server{a})
		s.Worked(a)
		s.Replace([]locate.Server{c, b})
		expect(t, &s, now, c, b, a)
	})
	t.Run("no server without encryption takes the place of one with it", func(t *testing.T) {
		var s Servers
		if !s.Replace([]locate.Server{a}) || !s.Replace([]locate.Server{secure}) || s.Replace([]locate.Server{a}) {
			t.Error("wrong")
		}
		expect(t, &s, now, secure)
	})
	t.Run("what is remembered of servers that are gone is forgotten", func(t *testing.T) {
		var s Servers
		s.Replace([]locate.Server{a, b})
		s.Fail(a, now)
		s.Replace([]locate.Server{b})
		if len(s.failed) != 0 {
			t.Error(s.failed)
		}
	})
	t.Run("the next is one that a way leads to and that did not fail lately", func(t *testing.T) {
		var s Servers
		s.Replace([]locate.Server{a, b, c})
		s.Fail(a, now)
		reach := func(srv locate.Server) bool { return srv != b }
		if next, ok := s.Next(now, reach); !ok || next != c {
			t.Errorf("next is %v, %v", next, ok)
		}
		if s.Another(c, now, reach) {
			t.Error("there is nothing beside c")
		}
		if !s.Another(a, now, reach) {
			t.Error("c is there beside a")
		}
		if next, ok := s.Next(now.Add(passOver), reach); !ok || next != a {
			t.Errorf("later next is %v, %v", next, ok)
		}
	})
}
