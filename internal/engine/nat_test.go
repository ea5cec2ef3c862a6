package engine_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"ramble/internal/engine"
	"ramble/netwatch/netwatchtest"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// stunServer answers Binding requests (RFC 8489) until its socket closes.
func stunServer(t *testing.T, host *netwatchtest.Host, at netip.AddrPort) {
	t.Helper()
	conn, err := host.ListenPacket(context.Background(), at, "")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-ended })
	go func() {
		defer close(ended)
		for buf := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if n < 20 || binary.BigEndian.Uint16(buf) != 0x0001 {
				continue
			}
			seen := from.(*net.UDPAddr).AddrPort()
			answer := append([]byte{0x01, 0x01, 0, 12}, buf[4:20]...)          // success; cookie and transaction
			answer = append(answer, 0x00, 0x20, 0, 8, 0, 1)                    // XOR-MAPPED-ADDRESS, IPv4
			answer = binary.BigEndian.AppendUint16(answer, seen.Port()^0x2112) // XORed with the cookie
			four := seen.Addr().Unmap().As4()
			answer = binary.BigEndian.AppendUint32(answer, binary.BigEndian.Uint32(four[:])^0x2112A442)
			_, _ = conn.WriteTo(answer, from)
		}
	}()
}

// TestRoamBehindANAT: out of a network with an address of its own into one whose
// NAT maps everything. The server lists, and the peer is told, what they see:
// there is one binding, and the call lives both ways and ends from either side.
func TestRoamBehindANAT(t *testing.T) {
	public := netip.MustParseAddr("192.0.2.77")
	server := netip.MustParseAddrPort("198.51.100.200:3478")
	for _, peerEnds := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { // the Contact follows over UDP alone: a connection is not reached by its port
			r := script{phone: func(p *engine.Parts) {
				p.Accounts[0].STUN = engine.STUNServer{Host: server.Addr().String(), Port: server.Port()}
			}}.run(t, locate.UDP)
			outside := r.world.Net.Host("stun")
			outside.Plug("eth0", "stun's network", netip.PrefixFrom(server.Addr(), 24))
			stunServer(t, outside, server)
			r.world.Net.NAT("tethering", public)
			id := r.call("melody")
			r.walk()
			r.talks(id, public)
			r.done()
			r.bound("the mapped address alone", func([]siptest.Binding) bool {
				return r.bindings(public) == 1 && r.bindings(tether().Addr()) == 0
			})
			oneBinding(t, r, public)
			if target := r.one("melody").State().Target; !strings.Contains(target, public.String()) {
				t.Errorf("the peer would answer to %s", target)
			}
			if c := r.state1().Accounts[0].Contact; !strings.Contains(c, public.String()) {
				t.Errorf("the Contact is %s", c)
			}
			hangUp(t, r, id, peerEnds)
		})
	}
}
