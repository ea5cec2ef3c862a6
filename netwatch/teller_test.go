package netwatch

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestSettle(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	tests := []struct {
		name string
		at   []int // ms of each usable change
		want []int // ms when each may be acted on
	}{
		{"the first three act at once", []int{0, 100, 200}, []int{0, 100, 200}},
		{"the quiet time doubles up to its maximum", []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, []int{0, 1, 2, 303, 604, 1205, 2406, 3007, 3008}},
		{"changes far apart always act at once", []int{0, 6000, 12000, 18000, 24000}, []int{0, 6000, 12000, 18000, 24000}},
		{"a link that never rests is acted on all the same", []int{0, 1, 2, 3, 1000, 2000, 3000, 4000, 4900}, []int{0, 1, 2, 303, 1600, 3200, 5003, 5003, 5003}},
		{"calm forgives", []int{0, 1, 2, 3, 6000}, []int{0, 1, 2, 303, 6000}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := settle{quiet: ms(300), max: ms(3000)}
			var got []int
			for _, at := range tt.at {
				got = append(got, int(s.usable(t0.Add(ms(at))).Sub(t0)/time.Millisecond))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBook(t *testing.T) {
	wlan := []Interface{iface(2, "wlan0", addr("192.168.1.23/24"))}
	none := []Interface{iface(2, "wlan0")}
	p := via(2, "wlan0", "192.168.1.23")
	lostSign := []Reason{{Kind: AddressLost, Interface: "wlan0", Addr: ip("192.168.1.23")}}

	losses := []struct {
		name    string
		was, is []Interface
		signs   []Reason
		want    uint64
	}{
		{"an address that stays is not lost", wlan, wlan, nil, 0},
		{"an address that goes is", wlan, none, nil, 1},
		{"a lost carrier is a loss", wlan, []Interface{down(wlan[0])}, nil, 1},
		{"a loss that only the sign saw counts", wlan, wlan, lostSign, 1},
		{"a carrier loss that only the sign saw counts", wlan, wlan, []Reason{{Kind: InterfaceDown, Interface: "wlan0"}}, 1},
		{"a loss that both saw counts once", wlan, none, lostSign, 1},
		{"a late sign of a loss already counted does not", none, wlan, lostSign, 0},
		{"a sign for another address does not", wlan, wlan, []Reason{{Kind: AddressLost, Interface: "wlan0", Addr: ip("192.168.1.24")}}, 0},
		{"a sign for another interface does not", wlan, wlan, []Reason{{Kind: InterfaceDown, Interface: "usb0"}}, 0},
		{"another kind of sign does not", wlan, wlan, []Reason{{Kind: AddressAdded, Interface: "wlan0", Addr: ip("192.168.1.23")}}, 0},
	}
	for _, tt := range losses {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook()
			b.observe(tt.was, tt.is, tt.signs)
			if got := b.stamp(p).Lost; got != tt.want {
				t.Errorf("lost %d, want %d", got, tt.want)
			}
		})
	}

	links := []struct {
		name  string
		known []string // link address at each look
		want  []string // link address in the path
	}{
		{"a link address that becomes known changes nothing", []string{"", "a", "a"}, []string{"", "", ""}},
		{"one that is forgotten changes nothing", []string{"a", "", "a"}, []string{"a", "a", "a"}},
		{"another one does", []string{"a", "b", "b"}, []string{"a", "b", "b"}},
		{"another one does after a pause", []string{"a", "", "b"}, []string{"a", "a", "b"}},
		{"another one does where the first was not known in time", []string{"", "a", "b"}, []string{"", "", "b"}},
	}
	for _, tt := range links {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook()
			var got []string
			for _, l := range tt.known {
				p := p
				p.NextHop, p.NextHopLink = ip("192.168.1.1"), l
				got = append(got, b.stamp(p).NextHopLink)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}

	t.Run("no path stays no path", func(t *testing.T) {
		if got := newBook().stamp(Path{Interface: "x"}); got != (Path{}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestTeller(t *testing.T) {
	wlan, usb := iface(2, "wlan0", addr("192.168.1.23/24")), iface(3, "usb0", addr("172.20.10.4/28"))
	onWlan, onUsb := snap(via(2, "wlan0", "192.168.1.23"), wlan), snap(via(3, "usb0", "172.20.10.4"), usb)
	noPath := snap(Path{}, iface(2, "wlan0"))
	docker := snap(via(2, "wlan0", "192.168.1.23"), wlan, ignored(iface(4, "docker0")))
	beside := snap(via(2, "wlan0", "192.168.1.23"), wlan, usb)

	type look struct {
		at    int // ms
		state State
		slept bool
		want  string // "" nothing told; else the line of what is told
	}
	const (
		toUsb  = "wlan0 is gone. wlan0 lost 192.168.1.23. usb0 appeared. usb0 has 172.20.10.4. path moved from wlan0 192.168.1.23 to usb0 172.20.10.4."
		toWlan = "usb0 is gone. usb0 lost 172.20.10.4. wlan0 appeared. wlan0 has 192.168.1.23. path moved from usb0 172.20.10.4 to wlan0 192.168.1.23."
		toNone = "wlan0 lost 192.168.1.23. no path any more, it was wlan0 192.168.1.23."
		found  = "wlan0 has 192.168.1.23. path found: wlan0 192.168.1.23."
	)
	tests := []struct {
		name  string
		looks []look
	}{
		{"the first look is told", []look{{0, onWlan, false, "first look."}}},
		{"the same snapshot again is not", []look{{0, onWlan, false, "first look."}, {500, onWlan, false, ""}}},
		{"a move is told at once", []look{{0, onWlan, false, "first look."}, {500, onUsb, false, toUsb}, {1000, onUsb, false, ""}}},
		{"noise is not told", []look{{0, onWlan, false, "first look."}, {500, docker, false, ""}}},
		{"an interface beside the path is told", []look{{0, onWlan, false, "first look."}, {500, beside, false, "usb0 appeared. usb0 has 172.20.10.4."}}},
		{"a sleep is told even when nothing moved", []look{{0, onWlan, false, "first look."}, {500, onWlan, true, "slept."}}},
		{
			"the fourth move within five seconds waits, and the newest counts",
			[]look{
				{0, onWlan, false, "first look."}, {10, onUsb, false, toUsb}, {20, onWlan, false, toWlan}, {30, onUsb, false, toUsb},
				{40, onWlan, false, ""}, {339, onWlan, false, ""}, {340, onWlan, false, toWlan}, {800, onWlan, false, ""},
			},
		},
		{
			"a held move that is taken back is not told",
			[]look{
				{0, onWlan, false, "first look."}, {10, onUsb, false, toUsb}, {20, onWlan, false, toWlan}, {30, onUsb, false, toUsb},
				{40, onWlan, false, ""}, {50, onUsb, false, ""}, {5000, onUsb, false, ""},
			},
		},
		{
			"a loss is told at once and counts for nothing",
			[]look{
				{0, onWlan, false, "first look."},
				{10, noPath, false, toNone}, {20, onWlan, false, found},
				{30, noPath, false, toNone}, {40, onWlan, false, found},
				{50, noPath, false, toNone}, {60, onWlan, false, found},
				{70, noPath, false, toNone}, {80, onWlan, false, ""}, {100, noPath, false, ""},
				{380, onWlan, false, ""}, {979, onWlan, false, ""}, {980, onWlan, false, found},
			},
		},
		{
			"a sleep releases what is held",
			[]look{
				{0, onWlan, false, "first look."}, {10, onUsb, false, toUsb}, {20, onWlan, false, toWlan}, {30, onUsb, false, toUsb},
				{40, onWlan, false, ""}, {50, onWlan, true, "slept. " + toWlan}, {800, onWlan, false, ""},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell := teller{settle: settle{quiet: 300 * time.Millisecond, max: 3 * time.Second}}
			for _, l := range tt.looks {
				now := t0.Add(time.Duration(l.at) * time.Millisecond)
				var slept []Reason
				if l.slept {
					slept = []Reason{{Kind: Slept}}
				}
				c, ok := tell.observe(now, now, l.state, slept)
				if !ok {
					c, ok = tell.release(now)
				}
				if got := c.String(); got != l.want || ok != (l.want != "") {
					t.Fatalf("at %d ms: told %q, want %q", l.at, got, l.want)
				}
			}
		})
	}

	t.Run("the first sign's time is kept while the change is held", func(t *testing.T) {
		tell := teller{settle: settle{quiet: time.Second, max: time.Second}}
		tell.observe(t0, t0, onWlan, nil)
		for i, s := range []State{onUsb, onWlan, onUsb} {
			at := t0.Add(time.Duration(i) * time.Millisecond)
			tell.observe(at, at, s, nil)
		}
		sign := t0.Add(10 * time.Millisecond)
		tell.observe(t0.Add(12*time.Millisecond), sign, onWlan, nil)
		c, ok := tell.release(t0.Add(1012 * time.Millisecond))
		if !ok || !c.At.Equal(sign) || !slices.Equal(c.PathsMoved, []netip.Addr{peer, pbx}) {
			t.Fatalf("told %v at %v, moved %v", ok, c.At.Sub(t0), c.PathsMoved)
		}
	})
}
