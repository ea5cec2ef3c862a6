package engine_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// BenchmarkRoam measures one roam with a call up, on a network without delay:
// from the moment the new address is there to the re-INVITE at the server
// (ms/re-INVITE), and to the end of the whole roam, audio heard (ms/proven).
func BenchmarkRoam(b *testing.B) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		b.Run(transport.String(), func(b *testing.B) { benchmarkRoam(b, transport) })
	}
}

func benchmarkRoam(b *testing.B, transport locate.Transport) {
	invites := make(chan time.Time, 64) // one a roam, and the proxy's copies
	r := newRigIn(b, transport, time.Nanosecond, demo.Options{Delay: time.Nanosecond, Trace: func(m siptest.Traced) {
		if !m.Out && bytes.HasPrefix(m.Raw, []byte("INVITE ")) {
			select {
			case invites <- time.Now():
			default:
			}
		}
	}})
	r.call("melody")
	drain(invites)
	home, away := netip.MustParsePrefix("192.168.1.23/24"), netip.MustParsePrefix("172.20.10.4/28")
	var toInvite, toProven time.Duration
	n := 0
	for b.Loop() {
		n++
		from, to, network, addr := "wlan0", "usb0", "tethering", away
		if n%2 == 0 {
			from, to, network, addr = "usb0", "wlan0", "home", home
		}
		r.world.Phone.Unplug(from)
		start := time.Now()
		r.world.Phone.Plug(to, network, addr)
		select {
		case at := <-invites:
			toInvite += at.Sub(start)
		case <-time.After(patience):
			b.Fatalf("no re-INVITE\n%s", r.story())
		}
		if roam := r.roamed(n); roam.Phase != phone.RoamDone {
			b.Fatalf("the roam %s: %s\n%s", roam.Phase, words.RoamFailure(roam), r.story())
		}
		toProven += time.Since(start)
		drain(invites)
	}
	b.ReportMetric(float64(toInvite.Microseconds())/1000/float64(n), "ms/re-INVITE")
	b.ReportMetric(float64(toProven.Microseconds())/1000/float64(n), "ms/proven")
}

func drain(ch chan time.Time) {
	for {
		select {
		case <-ch:
		default:
			return
		}
	}
}
