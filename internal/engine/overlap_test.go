package engine_test

import (
	"testing"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
)

// TestMakeBeforeBreakLosesNothing: two paths live, and not a packet is lost on
// the way from one to the other, in neither direction, nor sent on both.
func TestMakeBeforeBreakLosesNothing(t *testing.T) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		t.Run(transport.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport)
				id := r.call("melody")
				voice := r.world.Voices()[0]
				before := find(r.state1(), id).Media.Lost
				missing := voice.Missing()
				r.world.Phone.Plug("usb0", "tethering", tether())
				roam := r.roamed(1)
				if roam.Phase != phone.RoamDone {
					t.Fatalf("the roam %s: %s\n%s", roam.Phase, words.RoamFailure(roam), r.story())
				}
				audioBothWays(t, r, id, voice, tether().Addr())
				r.world.Phone.Unplug("wlan0")
				audioBothWays(t, r, id, voice, tether().Addr())
				if lost := find(r.state1(), id).Media.Lost - before; lost != 0 || roam.Calls[0].LostIn != 0 {
					t.Errorf("%d packets lost in, the roam says %d", lost, roam.Calls[0].LostIn)
				}
				if lost := voice.Missing() - missing; lost != 0 {
					t.Errorf("%d packets lost out (below 0: some came twice)", lost)
				}
				heard := voice.Heard()
				if len(heard) != 2 || heard[1].First.Before(heard[0].Last) {
					t.Errorf("the peer heard both paths at once: %+v", heard)
				}
				if n := len(r.state1().Roams); n != 1 {
					t.Errorf("%d roams: the end of the old path is none", n)
				}
				t.Logf("gap in %s, out %s", roam.Calls[0].GapIn, roam.Calls[0].GapOut)
			})
		})
	}
}
