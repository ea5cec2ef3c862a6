package engine_test

import (
	"testing"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
)

// TestOldPathDiesAfterTheRoam: a call that still rings at the peer stays on the
// old path as long as that lives. The end of it is no change of the path in use,
// and must be noticed all the same.
func TestOldPathDiesAfterTheRoam(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRigIn(t, locate.UDP, 0, demo.Options{Ring: 2 * time.Second})
		r.registered()
		id := r.do(phone.Dial{Target: "melody"}).Call
		r.until("ringing", func(s phone.State) bool { return find(s, id).State == phone.Ringing })
		r.world.Phone.Plug("usb0", "tethering", tether())
		if roam := r.roamed(1); roam.Phase != phone.RoamDone {
			t.Fatalf("%s: %s\n%s", roam.Phase, words.RoamFailure(roam), r.story())
		}
		if c := find(r.state1(), id); c.State != phone.Ringing || c.LocalMedia.Addr() != home().Addr() {
			t.Fatalf("while both paths live it is %s at %s", c.State, c.LocalMedia)
		}
		r.world.Phone.Unplug("wlan0")
		s := r.until("answered on the new path", func(s phone.State) bool {
			c := find(s, id)
			return c.State == phone.Up && c.Media.RxPackets > 25
		})
		if got := find(s, id).LocalMedia.Addr(); got != tether().Addr() {
			t.Errorf("media at %s, want the new address", got)
		}
	})
}
