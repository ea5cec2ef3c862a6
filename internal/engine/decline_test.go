package engine_test

import (
	"strings"
	"testing"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
)

// TestADeclineWithoutANetwork is said as soon as there is one again: the caller
// would hear it ring until it gave up.
func TestADeclineWithoutANetwork(t *testing.T) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		t.Run(transport.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport)
				id, done := r.incoming()
				r.world.Phone.Unplug("wlan0")
				r.until("there is no network", func(s phone.State) bool { return s.Accounts[0].State == phone.NoNetwork })
				r.do(phone.Hangup{Call: id})
				r.pass(3 * time.Second)
				r.world.Phone.Plug("usb0", "tethering", tether())
				select {
				case err := <-done:
					if err == nil || !strings.Contains(err.Error(), "603") {
						t.Errorf("the caller was told %v", err)
					}
				case <-time.After(10 * time.Second):
					t.Error("the caller still hears it ring")
				}
			})
		})
	}
}
