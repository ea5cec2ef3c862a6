package roam

import (
	"net/netip"
	"testing"
	"time"
)

// TestARefusalIsTriedAgainSoon: a server that is being restarted refuses, and
// the phone is back within three seconds of its return, however long it took;
// silence keeps its growing wait.
func TestARefusalIsTriedAgainSoon(t *testing.T) {
	for kind, want := range map[FailureKind]func(time.Duration) bool{
		Transport: func(d time.Duration) bool { return d <= 3*time.Second },
		TimedOut:  func(d time.Duration) bool { return d >= 15*time.Second },
	} {
		m := New(Policy{Enabled: true, Register: true})
		now := origin
		m.Step(now, PathChanged{Path: Path{Source: netip.MustParseAddr("192.0.2.7"), Interface: "wlan0"}, Since: now})
		m.Step(now, Opened{Epoch: m.Epoch()})
		for range 20 {
			m.Step(now, RegisterFailed{Epoch: m.Epoch(), Failure: Failure{Kind: kind}})
			wait := m.Next().Sub(now)
			if now.Sub(origin) > time.Minute && !want(wait) {
				t.Errorf("kind %v: again after %v", kind, wait)
			}
			now = m.Next()
			m.Step(now, Tick{})
		}
	}
}
