package engine_test

import (
	"strings"
	"testing"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
)

// TestTwoCafes: both hand out the same address, and nothing is seen of the way
// from one to the other but the link address of the gateway, at the next poll.
func TestTwoCafes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRigWith(t, locate.UDP, 0, demo.Options{}, func(p *engine.Parts) {
			p.Network.Hints, p.Network.Poll = nil, 50*time.Millisecond
			p.Silence = -1 // it would notice, too
		})
		id := r.call("melody")
		voice := r.world.Voices()[0]
		// In one breath: no poll sees the interface without its address.
		r.world.Phone.Plug("wlan0", "another cafe", home())
		roam := r.roamed(1)
		if roam.Phase != phone.RoamDone {
			t.Fatalf("the roam %s: %s\n%s", roam.Phase, words.RoamFailure(roam), r.story())
		}
		if why := words.Facts(roam.Why); !strings.Contains(why, "has another next hop") {
			t.Errorf("the reason is %q", why)
		}
		audioBothWays(t, r, id, voice, home().Addr())
		oneBinding(t, r, home().Addr())
		hangUp(t, r, id, true)
	})
}
