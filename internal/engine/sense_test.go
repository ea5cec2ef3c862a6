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

// blind is a phone whose system says nothing and that hardly ever polls.
func blind(p *engine.Parts) {
	p.Network.Hints, p.Network.Poll = nil, time.Hour
}

// TestSilentDeath: packets vanish and nothing on the phone's machine tells.
func TestSilentDeath(t *testing.T) {
	tests := []struct {
		name string
		die  func(*rig)
		heal func(*rig)
	}{
		{"a middlebox forgot the flows, new ones pass", func(r *rig) {
			r.world.Phone.Unplug("wlan0") // behind the phone's back: to it, the interface is as it was
			r.world.Phone.Plug("wlan0", "home behind another router", home())
		}, func(*rig) {}},
		{"nothing passes for a while", func(r *rig) { r.world.Net.Stall("home") }, func(r *rig) { r.world.Net.Flow("home") }},
	}
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		for _, tt := range tests {
			t.Run(transport.String()+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					r := newRigWith(t, transport, 0, demo.Options{}, blind)
					id := r.call("melody")
					voice := r.world.Voices()[0]
					tt.die(r)
					s := r.until("a roam begins", func(s phone.State) bool { return len(s.Roams) > 0 })
					if why := words.Facts(s.Roams[0].Why); !strings.Contains(why, "no audio for 2") || !strings.Contains(why, ", OPTIONS: ") {
						t.Errorf("the reason is %q", why)
					}
					tt.heal(r)
					roam := r.roamed(1)
					if roam.Phase != phone.RoamDone {
						t.Fatalf("the roam %s: %s\n%s", roam.Phase, words.RoamFailure(roam), r.story())
					}
					audioBothWays(t, r, id, voice, home().Addr())
					oneBinding(t, r, home().Addr())
					if n := len(r.state1().Roams); n != 1 {
						t.Errorf("%d roams\n%s", n, r.story())
					}
					gap := roam.Calls[0].GapIn
					t.Logf("gap in %s, out %s: %s", gap, roam.Calls[0].GapOut, words.Step(roam.Steps[len(roam.Steps)-1]))
					if gap < 4*time.Second || gap > 6*time.Second {
						t.Errorf("gap in %s, want the 2 s of silence and the 2 s of the probe", gap)
					}
					hangUp(t, r, id, transport == locate.TCP)
				})
			})
		}
	}
}

// quick is a phone that is soon uneasy about silence.
func quick(p *engine.Parts) { p.Silence = 300 * time.Millisecond }

// reinvites counts the phone's re-INVITEs at the server.
func (r *rig) reinvites() int { return r.world.Registrar.Count("INVITE") }

// TestAPeerThatSendsNothing: the server is there, so the call is refreshed once
// and then left in peace.
func TestAPeerThatSendsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRigWith(t, locate.UDP, 0, demo.Options{}, quick)
		id := r.call("melody")
		voice := r.world.Voices()[0]
		voice.Mute(true)
		first := r.roamed(1)
		if why := strings.Join(words.Reasons(first.Why), ", "); first.Phase != phone.RoamDone || !strings.Contains(why, "the server answers") {
			t.Fatalf("the roam %s: %s %s", first.Phase, why, words.RoamFailure(first))
		}
		sent := r.reinvites()
		voice.Mute(false)
		before := find(r.state1(), id).Media.RxPackets
		r.until("audio again", func(s phone.State) bool { return find(s, id).Media.RxPackets > before+25 })
		voice.Mute(true)
		// Three times the limit, by what the phone itself sends.
		tx := find(r.state1(), id).Media.TxPackets
		r.until("a second of silence", func(s phone.State) bool { return find(s, id).Media.TxPackets > tx+50 })
		if n := len(r.state1().Roams); n != 1 || r.reinvites() != sent {
			t.Errorf("%d roams, %d INVITEs after %d: it does not leave the call in peace\n%s", n, r.reinvites(), sent, r.story())
		}
		hangUp(t, r, id, false)
	})
}

// TestSilenceThatMeansNothing: who is held, or pauses, owes no audio.
func TestSilenceThatMeansNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRigWith(t, locate.UDP, 0, demo.Options{}, quick)
		id := r.call("melody")
		r.do(phone.HoldCall{Call: id})
		r.until("held", func(s phone.State) bool { return find(s, id).Held == phone.HeldLocal })
		r.world.Voices()[0].Mute(true)
		tx := find(r.state1(), id).Media.TxPackets
		r.until("a second on hold", func(s phone.State) bool { return find(s, id).Media.TxPackets > tx+50 })
		if n := len(r.state1().Roams); n != 0 {
			t.Errorf("%d roams\n%s", n, r.story())
		}
	})
}

// TestAFailedSocketIsASign: no notification, no poll; only the kernel's answer
// to the next packet.
func TestAFailedSocketIsASign(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRigWith(t, locate.UDP, 0, demo.Options{}, blind)
		id := r.call("melody")
		voice := r.world.Voices()[0]
		r.walk()
		roam := r.roamed(1)
		if roam.Phase != phone.RoamDone {
			t.Fatalf("the roam %s: %s\n%s", roam.Phase, words.RoamFailure(roam), r.story())
		}
		if why := words.Facts(roam.Why); !strings.Contains(why, "a socket failed on wlan0 192.168.1.23: network is unreachable") {
			t.Errorf("the reason is %q", why)
		}
		if gap := roam.Calls[0].GapIn; gap > time.Second {
			t.Errorf("gap in %s: nobody looked", gap)
		}
		t.Logf("gap in %s, out %s", roam.Calls[0].GapIn, roam.Calls[0].GapOut)
		audioBothWays(t, r, id, voice, tether().Addr())
		oneBinding(t, r, tether().Addr())
	})
}

// TestSilenceIsHeardWhereNobodyWatches: a phone whose meters nobody draws looks
// seldom, and yet in time.
func TestSilenceIsHeardWhereNobodyWatches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRigWith(t, locate.UDP, 0, demo.Options{}, func(p *engine.Parts) { p.LookEvery = time.Hour })
		r.call("melody")
		began := time.Now()
		r.world.Voices()[0].Mute(true)
		r.until("the silence is a sign", func(s phone.State) bool { return len(s.Roams) > 0 || s.Accounts[0].Roaming })
		if took := time.Since(began); took < 1900*time.Millisecond || took > 2200*time.Millisecond {
			t.Errorf("noticed after %v", took)
		} else {
			t.Log("noticed after", took)
		}
	})
}
