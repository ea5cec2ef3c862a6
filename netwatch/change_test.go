package netwatch

import (
	"net/netip"
	"slices"
	"testing"
)

var (
	pbx  = netip.MustParseAddr("10.9.0.2")
	peer = netip.MustParseAddr("10.8.0.2")
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func addr(s string, flags ...string) Addr {
	return Addr{
		Prefix:     netip.MustParsePrefix(s),
		Tentative:  slices.Contains(flags, "tentative"),
		Temporary:  slices.Contains(flags, "temporary"),
		Deprecated: slices.Contains(flags, "deprecated"),
	}
}

func iface(index int, name string, addrs ...Addr) Interface {
	return Interface{Index: index, Name: name, Up: true, Addrs: addrs}
}

func down(i Interface) Interface    { i.Up = false; return i }
func ignored(i Interface) Interface { i.Ignored = true; return i }

// snap is a State whose every peer is reached by the same path.
func snap(p Path, in ...Interface) State {
	return State{Interfaces: in, Paths: map[netip.Addr]Path{pbx: p, peer: p}}
}

func via(index int, name, src string) Path {
	return Path{Source: ip(src), Interface: name, Index: index}
}

func TestDiff(t *testing.T) {
	lo := iface(1, "lo", addr("127.0.0.1/8"))
	wlan := iface(2, "wlan0", addr("192.168.1.23/24"))
	usb := iface(3, "usb0", addr("172.20.10.4/28"))
	docker := ignored(iface(4, "docker0", addr("172.17.0.1/16")))
	wlanPath, usbPath := via(2, "wlan0", "192.168.1.23"), via(3, "usb0", "172.20.10.4")
	hop := func(next, link string) Path {
		p := wlanPath
		p.NextHop, p.NextHopLink = ip(next), link
		return p
	}
	lost := func(p Path, n uint64) Path { p.Lost = n; return p }
	six := func(flags ...string) Interface {
		return iface(2, "wlan0", addr("2001:db8::1/64"), addr("2001:db8::aaaa/64", flags...))
	}
	sixPath := via(2, "wlan0", "2001:db8::1")

	tests := []struct {
		name     string
		old, new State
		want     []string
	}{
		{"nothing changed gives no reason", snap(wlanPath, lo, wlan), snap(wlanPath, lo, wlan), nil},
		{
			"the address moves to another interface",
			snap(wlanPath, lo, wlan), snap(usbPath, lo, iface(2, "wlan0"), usb),
			[]string{"wlan0 lost 192.168.1.23", "usb0 appeared", "usb0 has 172.20.10.4", "path moved from wlan0 192.168.1.23 to usb0 172.20.10.4"},
		},
		{
			"another lease of the same network is another address",
			snap(wlanPath, wlan), snap(via(2, "wlan0", "192.168.1.24"), iface(2, "wlan0", addr("192.168.1.24/24"))),
			[]string{"wlan0 lost 192.168.1.23", "wlan0 has 192.168.1.24", "path moved from wlan0 192.168.1.23 to wlan0 192.168.1.24"},
		},
		{
			"another prefix length is the same address",
			snap(wlanPath, wlan), snap(wlanPath, iface(2, "wlan0", addr("192.168.1.23/16"))),
			[]string{"wlan0 192.168.1.23 is 192.168.1.23/16 (the address itself stays)"},
		},
		{
			"the path moves by a metric alone",
			snap(wlanPath, wlan, usb), snap(usbPath, wlan, usb),
			[]string{"path moved from wlan0 192.168.1.23 to usb0 172.20.10.4"},
		},
		{
			"the only interface goes",
			snap(wlanPath, lo, wlan), snap(Path{}, lo),
			[]string{"wlan0 is gone", "wlan0 lost 192.168.1.23", "no path any more, it was wlan0 192.168.1.23"},
		},
		{
			"the carrier goes and the address stays",
			snap(wlanPath, wlan), snap(Path{}, down(wlan)),
			[]string{"wlan0 is down", "no path any more, it was wlan0 192.168.1.23"},
		},
		{
			"the carrier is back",
			snap(Path{}, down(wlan)), snap(wlanPath, wlan),
			[]string{"wlan0 is up", "path found: wlan0 192.168.1.23"},
		},
		{
			"the same address back after a loss is another path",
			snap(wlanPath, wlan), snap(lost(wlanPath, 1), wlan),
			[]string{"wlan0 192.168.1.23 is back after a loss"},
		},
		{
			"a replugged adapter is another interface",
			snap(usbPath, usb), snap(via(9, "usb0", "172.20.10.4"), iface(9, "usb0", addr("172.20.10.4/28"))),
			[]string{"usb0 is gone", "usb0 lost 172.20.10.4", "usb0 appeared", "usb0 has 172.20.10.4", "usb0 172.20.10.4 is back after a loss"},
		},
		{
			"two cafes with the same lease differ in the gateway's link address",
			snap(hop("192.168.1.1", "02:00:00:00:00:0a"), wlan), snap(hop("192.168.1.1", "02:00:00:00:00:0b"), wlan),
			[]string{"wlan0 192.168.1.23 has another next hop, 192.168.1.1 at 02:00:00:00:00:0b instead of 192.168.1.1 at 02:00:00:00:00:0a"},
		},
		{
			"an ignored interface is noise",
			snap(wlanPath, wlan), snap(wlanPath, wlan, docker),
			[]string{"docker0 appeared (ignored by configuration)", "docker0 has 172.17.0.1 (ignored by configuration)"},
		},
		{
			"an ignored interface with a path in use is not",
			snap(via(4, "docker0", "172.17.0.1"), docker), snap(Path{}),
			[]string{"docker0 is gone", "docker0 lost 172.17.0.1", "no path any more, it was docker0 172.17.0.1"},
		},
		{
			"an interface beside the path is worth showing",
			snap(wlanPath, wlan), snap(wlanPath, wlan, usb),
			[]string{"usb0 appeared", "usb0 has 172.20.10.4"},
		},
		{
			"a privacy address rotates beside the one in use",
			snap(sixPath, six("temporary")), snap(sixPath, iface(2, "wlan0", addr("2001:db8::1/64"), addr("2001:db8::bbbb/64", "temporary"))),
			[]string{"wlan0 lost 2001:db8::aaaa (a privacy address not in use)", "wlan0 has 2001:db8::bbbb (a privacy address not in use)"},
		},
		{
			"the privacy address in use rotates",
			snap(via(2, "wlan0", "2001:db8::aaaa"), six("temporary")),
			snap(via(2, "wlan0", "2001:db8::bbbb"), iface(2, "wlan0", addr("2001:db8::1/64"), addr("2001:db8::bbbb/64", "temporary"))),
			[]string{"wlan0 lost 2001:db8::aaaa", "wlan0 has 2001:db8::bbbb", "path moved from wlan0 2001:db8::aaaa to wlan0 2001:db8::bbbb"},
		},
		{
			"a tentative address is noise",
			snap(sixPath, iface(2, "wlan0", addr("2001:db8::1/64"))), snap(sixPath, six("tentative")),
			[]string{"wlan0 has 2001:db8::aaaa (still being checked for duplicates)"},
		},
		{
			"a tentative address that passed the check is an address",
			snap(sixPath, six("tentative")), snap(sixPath, six()),
			[]string{"wlan0 has 2001:db8::aaaa"},
		},
		{
			"a deprecated address stays",
			snap(sixPath, six()), snap(sixPath, six("deprecated")),
			[]string{"wlan0 2001:db8::aaaa is deprecated (the address itself stays)"},
		},
		{
			"a link-local address is noise",
			snap(wlanPath, wlan), snap(wlanPath, iface(2, "wlan0", addr("192.168.1.23/24"), addr("fe80::1/64"))),
			[]string{"wlan0 has fe80::1 (link-local, not in use)"},
		},
		{
			"a peer that is new to the watch did not move",
			State{Interfaces: []Interface{wlan}, Paths: map[netip.Addr]Path{pbx: wlanPath}}, snap(wlanPath, wlan), nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, r := range Diff(tt.old, tt.new) {
				got = append(got, r.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n  %q\nwant\n  %q", got, tt.want)
			}
		})
	}
}

func TestReasonString(t *testing.T) {
	for want, r := range map[string]Reason{
		"slept: 2h0m0s":                 {Kind: Slept, Detail: "2h0m0s"},
		"told by the system usb0":       {Kind: Notified, Interface: "usb0"},
		"asked to look: key N":          {Kind: Requested, Detail: "key N"},
		"first look":                    {Kind: Started},
		"looked":                        {Kind: Polled},
		"wlan0 lost 10.0.0.1 (because)": {Kind: AddressLost, Interface: "wlan0", Addr: ip("10.0.0.1"), Noise: "because"},
		"a socket failed on wlan0 10.0.0.1: broken": {Kind: Failed, Interface: "wlan0", Addr: ip("10.0.0.1"), Detail: "broken"},
		"path found: wlan0 192.168.1.23":            {Kind: PathFound, Interface: "wlan0", Addr: ip("192.168.1.23")},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// Every kind has a name and a sentence.
	for k := InterfaceAppeared; k <= Failed; k++ {
		if k.String() == "" || (Reason{Kind: k, Interface: "eth0"}).String() == "" {
			t.Errorf("kind %d says nothing", k)
		}
	}
}
