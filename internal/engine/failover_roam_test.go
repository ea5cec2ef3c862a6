package engine_test

import (
	"net/netip"
	"testing"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/netwatch/netwatchtest"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// TestFailoverInARoam: the address of the server that served so far dies in the
// moment in which the network changes. The phone registers at the server's other
// address, and the call is repaired by it, whichever of the two its route set names.
func TestFailoverInARoam(t *testing.T) {
	first, second := netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("203.0.114.2")
	for _, tc := range []struct {
		name     string
		self     []netip.Addr
		peerEnds bool // it knows no other way than its route set
	}{
		{"the route sets name the dead address", []netip.Addr{first, second}, false},
		{"the route sets name the other address", []netip.Addr{second, first}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				var server *netwatchtest.Host
				r := script{
					world: demo.Options{
						Server: func(o *siptest.Options) {
							o.Addr, o.Self = netip.AddrPortFrom(netip.IPv4Unspecified(), 5060), tc.self
							server = o.Sockets.(*netwatchtest.Host)
							server.Plug("eth1", "second uplink", netip.PrefixFrom(second, 24))
							server.Prefer("eth0")
						},
						Peer: func(o *siptest.PeerOptions) { o.Registrar = netip.AddrPortFrom(second, 5060) },
					},
					phone: func(p *engine.Parts) {
						p.Accounts[0].SIP.Registrar.Host = demo.Domain
						p.Lookup = &directory{host: map[string][]netip.Addr{demo.Domain: {first, second}}}
					},
				}.run(t, transport)
				id := r.call("melody")
				if at := r.state1().Accounts[0].Server; at != first.String()+":5060" {
					t.Fatalf("registered at %s", at)
				}
				server.Unplug("eth0")
				began := time.Now()
				r.walk()
				r.until("registered at the other address", func(s phone.State) bool {
					a := s.Accounts[0]
					return a.State == phone.Registered && a.Server == second.String()+":5060"
				})
				registered := time.Since(began)
				r.talks(id, tether().Addr())
				gap := r.done().Calls[0].GapIn
				t.Logf("over %s: registered at the second address after %v, gap in %v", transport, registered.Round(time.Millisecond), gap.Round(time.Millisecond))
				if registered > 8*time.Second || gap > 8*time.Second {
					t.Errorf("it took %v, the gap was %v\n%s", registered, gap, r.story())
				}
				oneBinding(t, r, tether().Addr())
				hangUp(t, r, id, tc.peerEnds)
			})
		})
	}
}
