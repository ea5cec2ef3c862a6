package netwatchtest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"ramble/netwatch"
)

func TestHost(t *testing.T) {
	inBubble(t, "the path is the last plugged uplink, the preferred one, the one that is left", func(w world) {
		expect := func(want string) {
			w.t.Helper()
			p, err := w.phone.PathTo(ip("10.9.0.2"))
			if p.String() != want || (err == nil) != p.Valid() || err != nil && !errors.Is(err, netwatch.ErrNoPath) {
				w.t.Fatalf("path %v, %v; want %s", p, err, want)
			}
		}
		expect("wlan0 192.168.1.23")
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		expect("usb0 172.20.10.4")
		w.phone.Prefer("wlan0")
		expect("wlan0 192.168.1.23")
		w.phone.Unplug("wlan0")
		expect("usb0 172.20.10.4")
		w.phone.Unplug("usb0")
		expect("no path")
	})
	inBubble(t, "a peer on the link is reached directly, others by the gateway", func(w world) {
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		near, err := w.phone.PathTo(ip("192.168.1.7"))
		w.must(err)
		if near.Interface != "wlan0" || near.NextHop.IsValid() || near.NextHopLink != "" {
			w.t.Errorf("got %+v", near)
		}
		far, err := w.phone.PathTo(ip("10.9.0.2"))
		w.must(err)
		if far.NextHop != ip("172.20.10.1") || far.NextHopLink == "" {
			w.t.Errorf("got %+v", far)
		}
	})
	inBubble(t, "another network with the same lease has another gateway", func(w world) {
		a, err := w.phone.PathTo(ip("10.9.0.2"))
		w.must(err)
		w.phone.Plug("wlan0", "another cafe", pre("192.168.1.23/24"))
		b, err := w.phone.PathTo(ip("10.9.0.2"))
		w.must(err)
		if a == b || a.Source != b.Source || a.NextHop != b.NextHop {
			w.t.Errorf("got %+v and %+v", a, b)
		}
	})
	inBubble(t, "hints say what happened, in order", func(w world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		var got []string
		done := make(chan error, 1)
		go func() { done <- w.phone.Run(ctx, func(r netwatch.Reason) { got = append(got, r.String()) }) }()
		synctest.Wait()
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		w.phone.Plug("wlan0", "cafe", pre("192.168.1.23/24")) // nothing new but the route
		w.phone.Plug("wlan0", "another cafe", pre("192.168.1.23/24"))
		w.phone.Prefer("usb0")
		w.phone.Unplug("usb0")
		w.phone.Unplug("usb0")
		cancel()
		w.must(<-done)
		w.phone.Unplug("wlan0")
		want := []string{
			"usb0 is up", "usb0 has 172.20.10.4",
			"told by the system wlan0: default route",
			"wlan0 lost 192.168.1.23", "wlan0 has 192.168.1.23",
			"told by the system usb0: default route",
			"usb0 is down", "usb0 lost 172.20.10.4",
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("got\n  %q\nwant\n  %q", got, want)
		}
	})
	inBubble(t, "a host asked for twice is one host", func(w world) {
		if w.n.Host("phone") != w.phone || w.phone.Name() != "phone" {
			w.t.Error("it is another one")
		}
	})
}
