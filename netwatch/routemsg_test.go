package netwatch

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// raw reads bytes as a trace shows them.
func raw(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	// 192.168.1.23/24 leaves en0 (index 4): netmask, IFP, IFA and BRD.
	ifaGone = `
		5c00 05 0d b4000000 00000000 0400 0000 00000000
		0700 0000 ffffff00
		14 12 0400 06 03 06 00 656e30 a1b2c3d4e5f6 000000
		10 02 0000 c0a80117 0000000000000000
		10 02 0000 c0a801ff 0000000000000000`
	// fe80::1 comes to it, with the interface in the address.
	ifaHere = `
		5c00 05 0c 34000000 00000000 0400 0000 00000000
		08 1e 0000 ffffffff
		14 12 0400 06 03 06 00 656e30 a1b2c3d4e5f6 000000
		1c 1e 0000 00000000 fe800004000000000000000000000001 00000000 0000000000000000`
	// en0 goes down; en7 appears.
	ifGone = `7000 05 0e 00000000 63880000 0400 0000`
	ifHere = `8400 05 0e 10000000 63880000 0b00 0000`
	ifName = `14 12 0b00 06 03 06 00 656e37 a1b2c3d4e5f7 000000`
	// A default route is added; a neighbour; a cached one; a question (RTM_GET).
	routeAdd   = `5c00 05 01 0400 0000 03080000`
	routeLL    = `5c00 05 01 0400 0000 05040000`
	routeCache = `5c00 05 02 0400 0000 07000200`
	routeGet   = `5c00 05 04 0400 0000 03080000`
)

// fill pads a message to its size.
func fill(b []byte, size int) []byte { return append(b, make([]byte, size-len(b))...) }

func TestRouteMessages(t *testing.T) {
	gone, here := raw(t, ifGone), raw(t, ifHere)
	here[8] = 0x63 // up, running
	gone[8] = 0x23 // up, no carrier
	en7 := append(fill(here, ifMsgHdr), raw(t, ifName)...)
	tests := []struct {
		name string
		b    []byte
		want []Reason
	}{
		{"an address that goes", fit(raw(t, ifaGone)), []Reason{{Kind: AddressLost, Interface: "en0", Addr: ip("192.168.1.23")}}},
		{"a link-local one that comes", fit(raw(t, ifaHere)), []Reason{{Kind: AddressAdded, Interface: "en0", Addr: ip("fe80::1")}}},
		{"a carrier that goes", fill(gone, ifMsgHdr), []Reason{{Kind: InterfaceDown, Interface: "en0"}}},
		{"an interface that comes", fit(en7), []Reason{{Kind: InterfaceAppeared, Interface: "en7"}}},
		{"a route", fill(raw(t, routeAdd), rtMsgHdr), []Reason{{Kind: Notified, Detail: "a route"}}},
		{"a neighbour", fill(raw(t, routeLL), rtMsgHdr), nil},
		{"a cached route", fill(raw(t, routeCache), rtMsgHdr), nil},
		{"somebody's question", fill(raw(t, routeGet), rtMsgHdr), nil},
		{"two in one read", append(fit(raw(t, ifaGone)), fill(raw(t, routeAdd), rtMsgHdr)...),
			[]Reason{{Kind: AddressLost, Interface: "en0", Addr: ip("192.168.1.23")}, {Kind: Notified, Detail: "a route"}}},
		{"a message that is cut short still says something", raw(t, ifaGone)[:30], []Reason{{Kind: Notified}}},
		{"and one that is too short for its kind", fit(raw(t, routeAdd)), []Reason{{Kind: Notified}}},
		{"an address that is not there", fit(fill(raw(t, ifaGone)[:4], ifaMsgHdr)), []Reason{{Kind: AddressLost}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := links{4: {"en0", true}}
			var got []Reason
			l.routeMessages(tt.b, func(r Reason) { got = append(got, r) })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// fit writes a message's own length into it.
func fit(b []byte) []byte {
	b = slices.Clone(b)
	b[0], b[1] = byte(len(b)), byte(len(b)>>8)
	return b
}

func FuzzRouteMessages(f *testing.F) {
	for _, text := range []string{ifaGone, ifaHere, ifGone, ifHere + ifName, routeAdd} {
		f.Add(fit(raw(f, text)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		links{4: {"en0", true}}.routeMessages(b, func(Reason) { n++ })
		if n > len(b)/4+1 {
			t.Errorf("%d hints from %d bytes", n, len(b))
		}
	})
}
