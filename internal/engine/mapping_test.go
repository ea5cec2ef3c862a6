package engine_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v3"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// mirror is a STUN server to which a NAT shows every port of the phone higher by
// what it maps to now.
type mirror struct {
	mu      sync.Mutex
	higher  uint16
	asked   []netip.AddrPort
	ignored uint16
}

func mirrorAddr() netip.AddrPort { return netip.MustParseAddrPort("198.51.100.30:3478") }
func outside() netip.Addr        { return netip.MustParseAddr("203.0.113.77") }

// mirrored is a phone whose account has a STUN server, and that server.
func mirrored(t *testing.T, transport locate.Transport, change func(*engine.Parts)) (*rig, *mirror) {
	t.Helper()
	r, phone := newRigAlone(t, demo.Options{})
	host := r.world.Net.Host("mirror")
	host.Plug("eth0", "datacentre", netip.PrefixFrom(mirrorAddr().Addr(), 24))
	conn, err := host.ListenPacket(r.ctx, mirrorAddr(), "")
	if err != nil {
		t.Fatal(err)
	}
	m := &mirror{higher: 1000}
	var all sync.WaitGroup
	all.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			asker := netip.MustParseAddrPort(from.String())
			q := &stun.Message{Raw: buf[:n]}
			if err := q.Decode(); err != nil {
				t.Error(err)
				return
			}
			higher, ok := m.note(asker)
			if !ok {
				continue
			}
			a, err := stun.Build(stun.NewTransactionIDSetter(q.TransactionID), stun.BindingSuccess,
				&stun.XORMappedAddress{IP: outside().AsSlice(), Port: int(asker.Port() + higher)})
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.WriteTo(a.Raw, from)
		}
	})
	t.Cleanup(func() { _ = conn.Close(); all.Wait() })
	r.start(phone, r.world.Phone, demo.User, transport, 0, func(p *engine.Parts) {
		p.KeepAlive = 5 * time.Second
		p.Accounts[0].STUN = engine.STUNServer{Host: mirrorAddr().Addr().String(), Port: mirrorAddr().Port()}
		if change != nil {
			change(p)
		}
	})
	return r, m
}

func (m *mirror) note(asker netip.AddrPort) (higher uint16, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, asker)
	return m.higher, asker.Port() != m.ignored
}

func (m *mirror) maps(higher uint16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.higher = higher
}

// ignores has the mirror leave questions about a port unanswered.
func (m *mirror) ignores(port uint16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ignored = port
}

// questions is how often a port was asked about.
func (m *mirror) questions(port uint16) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.asked {
		if a.Port() == port {
			n++
		}
	}
	return n
}

// up dials and waits until the call is up. No audio comes: the peer sends it to
// where the mirror says we are.
func (r *rig) up(target string) (id phone.CallID, port uint16) {
	r.t.Helper()
	id = r.dial(target)
	return id, r.stateIs(id, phone.Up).LocalMedia.Port()
}

// heardOf waits for the peer to be told that our media are there.
func (r *rig) heardOf(port uint16) {
	r.t.Helper()
	want := netip.AddrPortFrom(outside(), port)
	r.thereIs("melody", "media at "+want.String(), func(s siptest.CallState) bool {
		return s.Media.Remote.RTP == want
	})
}

// moved waits for a roam of a call because of a mapping to end well.
func (r *rig) moved(invites int) phone.Roam {
	r.t.Helper()
	r.stateAfter(time.Minute, "the refresh", func(phone.State) bool {
		return r.world.Peer("melody").Count("INVITE") >= invites
	})
	return r.done()
}

// TestMediaMappingMoves: over TCP nothing but the STUN server tells. Each move is
// one refresh with the new address, and no more than one in a minute.
func TestMediaMappingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := mirrored(t, locate.TCP, nil)
		id, port := r.up("melody")
		r.heardOf(port + 1000)
		m.maps(2000)
		began := time.Now()
		r.heardOf(port + 2000)
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %s, with a keep-alive each 5 s", took)
		}
		if last := r.done(); !strings.Contains(words.Step(last.Steps[0]), "the STUN server sees the media at "+outside().String()) {
			t.Errorf("%+v", last)
		}
		peer := r.world.Peer("melody")
		if n := peer.Count("INVITE"); n != 2 {
			t.Errorf("%d INVITEs, want the first and one refresh\n%s", n, r.story())
		}
		for higher := uint16(3000); higher < 11000; higher += 1000 { // a mapping that does not rest
			m.maps(higher)
			r.pass(5 * time.Second)
		}
		if n := peer.Count("INVITE"); n != 2 {
			t.Errorf("%d INVITEs within a minute\n%s", n, r.story())
		}
		r.pass(30 * time.Second)
		r.heardOf(port + 10000)
		if n := peer.Count("INVITE"); n != 3 {
			t.Errorf("%d INVITEs, want one more\n%s", n, r.story())
		}
		hangUp(t, r, id, true)
	})
}

// TestMediaMappingMovesWithTheContacts: when that of the SIP socket is seen to
// move, the refresh that follows tells the new place of the media as well.
func TestMediaMappingMovesWithTheContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := mirrored(t, locate.UDP, func(p *engine.Parts) { p.KeepAlive = 25 * time.Second })
		r.registered()
		r.pass(15 * time.Second) // the media are asked about after the SIP socket
		id, port := r.up("melody")
		r.heardOf(port + 1000)
		asked := m.questions(port)
		m.maps(2000)
		r.moved(2)
		r.heardOf(port + 2000)
		if n := m.questions(port); n != asked+1 {
			t.Errorf("it was asked about %d times, want once, before its time", n-asked)
		}
		r.pass(30 * time.Second)
		if n := r.world.Peer("melody").Count("INVITE"); n != 2 {
			t.Errorf("%d INVITEs, want the first and one refresh\n%s", n, r.story())
		}
		hangUp(t, r, id, true)
	})
}

// TestMediaMappingIsNotFollowed where the user said so: what was found when the
// sockets opened stays.
func TestMediaMappingIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := mirrored(t, locate.TCP, func(p *engine.Parts) { p.Accounts[0].KeepContact = true })
		id, port := r.up("melody")
		asked := m.questions(port)
		m.maps(2000)
		r.pass(30 * time.Second)
		r.heardOf(port + 1000)
		if n := m.questions(port); n != asked {
			t.Errorf("asked %d times more", n-asked)
		}
		hangUp(t, r, id, true)
	})
}

// TestAnUnansweredQuestionHoldsNothingUp: the refresh waits for the answer about
// the media, and not for long.
func TestAnUnansweredQuestionHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := mirrored(t, locate.UDP, nil)
		id, port := r.up("melody")
		r.heardOf(port + 1000)
		m.maps(2000)
		m.ignores(port)
		last := r.moved(2)
		if last.Total < 500*time.Millisecond || last.Total > time.Second {
			t.Errorf("the roam took %s, of which half a second is for the STUN server\n%s", last.Total, r.story())
		}
		r.heardOf(port + 1000)
		if n := r.world.Peer("melody").Count("INVITE"); n != 2 {
			t.Errorf("%d INVITEs, want the first and one refresh\n%s", n, r.story())
		}
		hangUp(t, r, id, true)
	})
}
