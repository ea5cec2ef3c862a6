package stream

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestGate plays transcripts: "at 100ms from A x3" sends three packets in order
// from A, 20 ms apart, and the line says how many were accepted and where our
// packets go then.
func TestGate(t *testing.T) {
	places := map[string]netip.AddrPort{
		"sdp":     addr("198.51.100.1", 4000), // the public address of the SDP
		"private": addr("192.168.1.5", 4000),  // a private one
		"port":    addr("198.51.100.1", 4999), // its IP, another port
		"port2":   addr("198.51.100.1", 5999),
		"proxy":   addr("203.0.113.1", 20000), // the signalling IP
		"else":    addr("192.0.2.7", 7000),
		"evil":    addr("192.0.2.66", 6666),
		"new":     addr("198.51.100.200", 4000),
	}
	for _, tc := range []struct {
		name  string
		sdp   string
		lines string
	}{
		{"the SDP's address is accepted from the first packet", "sdp", `
			20ms sdp x3: 3 sdp`},
		{"its IP with another port is accepted, and does not move the return stream", "sdp", `
			20ms port x3: 3 sdp`},
		{"another port gets no word in while the address speaks", "sdp", `
			20ms sdp x2: 2 sdp
			20ms port x2: 0 sdp
			200ms port x2: 2 sdp
			20ms port2 x2: 0 sdp
			20ms sdp x1: 1 sdp
			20ms port x1: 0 sdp`},
		{"another port takes the return stream when the address was silent for long", "sdp", `
			20ms sdp x1: 1 sdp
			2s port x2: 2 port
			20ms port2 x2: 0 port
			20ms sdp x1: 1 sdp`},
		{"strangers are dropped while a public address is expected", "sdp", `
			20ms evil x50: 0 sdp
			20ms sdp x1: 1 sdp
			20ms evil x50: 0 sdp`},
		{"a silent public address lets no stranger in, however long", "sdp", `
			2s else x175: 0 sdp
			20ms sdp x1: 1 sdp
			20s else x175: 0 sdp`},
		{"a silent private address lets one stranger in, after five packets in order", "private", `
			20ms private x1: 1 private
			2s else x4: 0 private
			20ms else x2: 2 else
			20ms evil x50: 0 else`},
		{"and takes the floor back when it speaks again", "private", `
			2s else x6: 2 else
			20ms private x1: 1 private
			20ms else x10: 0 private
			5s else x10: 0 private`},
		{"the signalling IP needs no probation once the address is silent", "sdp", `
			20ms proxy x3: 0 sdp
			2s proxy x3: 3 proxy
			20ms else x9: 0 proxy`},
		{"a private address gives way to the signalling IP at once", "private", `
			20ms proxy x3: 3 proxy
			20ms evil x9: 0 proxy`},
		{"a private address that can be reached keeps the floor", "private", `
			20ms private x3: 3 private
			20ms proxy x9: 0 private
			500ms else x9: 0 private`},
		{"a private address that does not speak up gives way to a stranger", "private", `
			20ms else x4: 0 private
			200ms else x6: 2 else`},
		{"a race is won by the address of the SDP", "private", `
			20ms proxy x3: 3 proxy
			20ms private x1: 1 private
			20ms proxy x3: 0 private`},
		{"a source that is not consistent never latches", "private", `
			2s else x3: 0 private
			20ms evil x3: 0 private
			20ms else x3: 0 private
			20ms evil x4: 0 private`},
		{"an unnegotiated payload type never latches", "sdp", `
			2s else! x20: 0 sdp
			20ms proxy! x3: 0 sdp`},
		{"nobody latches while our own path moves", "sdp", `
			20ms sdp x1: 1 sdp
			freeze
			5s else x20: 0 sdp
			20ms proxy x3: 0 sdp
			20ms sdp x1: 1 sdp
			thaw
			2s proxy x3: 3 proxy`},
		{"a new offer allows latching again", "sdp", `
			freeze
			5s proxy x20: 0 sdp
			agree sdp
			20ms proxy x20: 0 sdp
			2s proxy x6: 6 proxy`},
		{"after a new address the old one is heard for a while", "sdp", `
			20ms sdp x1: 1 sdp
			agree new
			20ms sdp x3: 3 new
			20ms new x3: 3 new
			20ms sdp x3: 3 new
			2s sdp x3: 0 new`},
		{"a refresh that moves nothing keeps a latch", "private", `
			20ms proxy x3: 3 proxy
			agree private
			20ms proxy x3: 3 proxy`},
		{"one latch is all there is, even when its source is gone", "private", `
			2s else x6: 2 else
			10s evil x20: 0 else`},
		{"switched off, nobody latches", "private", `
			off
			5s proxy x9: 0 private
			2s else x20: 0 private
			20ms private x3: 3 private`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			var g gate
			g.agree(now, places[tc.sdp], netip.Addr{}, places["proxy"].Addr())
			seq := map[string]uint16{}
			for line := range strings.Lines(strings.TrimSpace(tc.lines)) {
				line = strings.TrimSpace(line)
				var wait, who, want string
				var n, accepted int
				switch {
				case line == "freeze":
					g.freeze()
					continue
				case line == "off":
					g.off = true
					continue
				case line == "thaw":
					g.thaw()
					continue
				case strings.HasPrefix(line, "agree "):
					g.agree(now, places[line[6:]], netip.Addr{}, places["proxy"].Addr())
					continue
				}
				if k, err := fmt.Sscanf(line, "%s %s x%d: %d %s", &wait, &who, &n, &accepted, &want); k != 5 {
					t.Fatalf("%q: %v", line, err)
				}
				d, err := time.ParseDuration(wait)
				if err != nil {
					t.Fatal(err)
				}
				now = now.Add(d)
				src, known := places[strings.TrimSuffix(who, "!")]
				if !known {
					t.Fatalf("%q: where?", line)
				}
				got := 0
				for i := range n {
					if i > 0 {
						now = now.Add(20 * time.Millisecond)
					}
					seq[who]++
					if ok, _ := g.admit(now, src, 1, seq[who], !strings.HasSuffix(who, "!")); ok {
						got++
					}
				}
				if got != accepted || g.target() != places[want] {
					t.Fatalf("%q: %d accepted, our packets go to %v", line, got, g.target())
				}
			}
		})
	}
}

func TestGateForControl(t *testing.T) {
	now := time.Unix(0, 0)
	var g gate
	g.agree(now, addr("198.51.100.1", 4000), netip.MustParseAddr("198.51.100.2"), netip.Addr{})
	for a, want := range map[string]bool{"198.51.100.1": true, "198.51.100.2": true, "192.0.2.66": false} {
		if got := g.admitControl(now, netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
	if g.admitControl(now, netip.Addr{}) {
		t.Error("no address at all")
	}
}

func TestPrivate(t *testing.T) {
	for a, want := range map[string]bool{
		"10.0.0.1": true, "172.16.0.1": true, "192.168.0.1": true, "100.64.0.1": true, "100.127.255.255": true,
		"169.254.1.1": true, "127.0.0.1": true, "0.0.0.0": true, "fd00::1": true, "fe80::1": true, "::": true,
		"8.8.8.8": false, "100.128.0.1": false, "172.32.0.1": false, "2001:db8::1": false,
	} {
		if got := private(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
}
