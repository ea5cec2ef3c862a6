package netwatch

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

func TestParseInet6(t *testing.T) {
	const text = `00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000001 02 40 00 80    wlan0
20010db800000000000000000000aaaa 02 40 00 01    wlan0
20010db800000000000000000000bbbb 02 40 00 21    wlan0
20010db800000000000000000000cccc 02 40 00 40    wlan0
20010db800000000000000000000dddd 02 40 00 44    wlan0
20010db800000000000000000000eeee 02 40 00 c8    wlan0
not a line
zz 02 40 00 40 wlan0
20010db800000000000000000000ffff xx 40 00 40 wlan0
`
	want := map[string]Addr{
		"2001:db8::1":    {},
		"2001:db8::aaaa": {Temporary: true},
		"2001:db8::bbbb": {Temporary: true, Deprecated: true},
		"2001:db8::cccc": {Tentative: true},
		"2001:db8::dddd": {}, // optimistic
		"2001:db8::eeee": {Tentative: true},
	}
	got := parseInet6(strings.NewReader(text))
	if len(got) != len(want)+1 {
		t.Errorf("got %d addresses: %v", len(got), got)
	}
	for a, flags := range want {
		if f, ok := got[ownedAddr{2, ip(a)}]; !ok || f != flags {
			t.Errorf("%s: got %+v, %v", a, f, ok)
		}
	}
}

func FuzzParseInet6(f *testing.F) {
	f.Add("20010db800000000000000000000aaaa 02 40 00 01    wlan0")
	f.Fuzz(func(t *testing.T, s string) {
		for k := range parseInet6(strings.NewReader(s)) {
			if !k.addr.IsValid() || k.index < 0 {
				t.Errorf("got %+v", k)
			}
		}
	})
}

// TestKernel asks a real kernel in a network namespace of its own; nothing is
// sent. It needs root.
func TestKernel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for a network namespace")
	}
	// The namespace belongs to this thread. It is not unlocked, so the thread
	// ends with the test's goroutine.
	runtime.LockOSThread()
	ns, err := netns.New()
	if err != nil {
		t.Skip("no network namespaces here: ", err)
	}
	defer ns.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pair := func(name string) netlink.Link {
		t.Helper()
		must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "p"}))
		for _, n := range []string{name, name + "p"} {
			l, err := netlink.LinkByName(n)
			must(err)
			must(netlink.LinkSetUp(l))
		}
		l, err := netlink.LinkByName(name)
		must(err)
		return l
	}
	plug := func(l netlink.Link, address, gateway string, metric int) {
		t.Helper()
		a, err := netlink.ParseAddr(address)
		must(err)
		must(netlink.AddrAdd(l, a))
		must(netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: ip(gateway).AsSlice(), Priority: metric}))
	}
	path := func(s System) Path {
		t.Helper()
		p, err := s.PathTo(pbx)
		must(err)
		return p
	}

	if _, err := (System{}).PathTo(pbx); !errors.Is(err, ErrNoPath) {
		t.Fatalf("without a route: %v", err)
	}
	wlan, usb := pair("wlan0"), pair("usb0")
	plug(wlan, "192.168.1.23/24", "192.168.1.1", 600)
	want := Path{Source: ip("192.168.1.23"), Interface: "wlan0", Index: wlan.Attrs().Index, NextHop: ip("192.168.1.1")}
	if p := path(System{}); p != want {
		t.Fatalf("got %+v, want %+v", p, want)
	}

	must(netlink.NeighSet(&netlink.Neigh{
		LinkIndex: wlan.Attrs().Index, IP: want.NextHop.AsSlice(), State: netlink.NUD_PERMANENT,
		HardwareAddr: []byte{2, 0, 0, 0, 0, 10},
	}))
	want.NextHopLink = "02:00:00:00:00:0a"
	if p := path(System{}); p != want {
		t.Fatalf("got %+v, want %+v", p, want)
	}

	plug(usb, "172.20.10.4/28", "172.20.10.1", 100)
	if p := path(System{}); p.String() != "usb0 172.20.10.4" {
		t.Fatalf("a better metric: got %v", p)
	}
	if p := path(System{Interfaces: []string{"eth7", "wlan0"}}); p != want {
		t.Fatalf("restricted to wlan0: got %+v, want %+v", p, want)
	}

	peerEnd, err := netlink.LinkByName("usb0p")
	must(err)
	must(netlink.LinkSetDown(peerEnd))
	all, err := System{}.Snapshot()
	must(err)
	for _, i := range all {
		if i.Name == "usb0" && i.Up {
			t.Errorf("a carrier that is gone counts as up: %+v", i)
		}
		if i.Name == "wlan0" && !i.Up {
			t.Errorf("wlan0 is down: %+v", i)
		}
	}
}
