package engine_test

import (
	"testing"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
)

// TestFlapStorm: 20 changes in 10 s under a call, through the whole phone.
func TestFlapStorm(t *testing.T) {
	const changes, pace = 20, 500 * time.Millisecond
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		t.Run(transport.String(), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRigIn(t, transport, 0, demo.Options{})
				id := r.call("melody")
				voice := r.world.Voices()[0]
				before := r.world.Registrar.Count("REGISTER")
				tick := time.NewTicker(pace) // the network's own, not a wait for the phone
				defer tick.Stop()
				for n := range changes {
					<-tick.C
					if n%2 == 0 {
						r.walk()
					} else {
						r.world.Phone.Unplug("usb0")
						r.world.Phone.Plug("wlan0", "home", home())
					}
				}
				last := time.Now()
				s := r.until("settled", func(s phone.State) bool {
					a, c := s.Accounts[0], find(s, id)
					return a.State == phone.Registered && !a.Roaming && !c.Recovering && a.Source == home().Addr()
				})
				settled := time.Since(last)
				registers := r.world.Registrar.Count("REGISTER") - before
				t.Logf("%d changes in %v: %d REGISTERs, %d roams, settled %v after the last change",
					changes, changes*pace, registers, len(s.Roams), settled.Round(time.Millisecond))
				if registers > changes {
					t.Errorf("%d REGISTERs for %d changes\n%s", registers, changes, r.story())
				}
				audioBothWays(t, r, id, voice, home().Addr())
				oneBinding(t, r, home().Addr())
				if now := r.world.Registrar.Count("REGISTER") - before; now != registers {
					t.Errorf("%d more REGISTERs in the settled state", now-registers)
				}
				hangUp(t, r, id, false)
			})
		})
	}
}
