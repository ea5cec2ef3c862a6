package lab

import (
	"context"
	"testing"
	"time"
)

// TestAStrictPeerBehindANAT needs STUN: the peer sends audio nowhere but to the
// address in the SDP.
func TestAStrictPeerBehindANAT(t *testing.T) {
	t.Parallel()
	for _, v := range sample() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t, 90*time.Second)
			survive(t, ctx, play(t, ctx, sceneOptions{transport: "udp", stun: true, lab: Options{WWAN: Access{NAT: true}}}), v)
		})
	}
}

// TestCallsSurviveARebinding has the NAT forget its mappings in a call: nothing
// on the phone tells of it but what the server and the STUN server see. The next
// keep-alive does, before the silence itself is a sign (after 2 s).
func TestCallsSurviveARebinding(t *testing.T) {
	t.Parallel()
	rebind := variant{"mappings forgotten", func(ctx context.Context, l *Lab) (Move, error) {
		v4, v6 := l.Address()
		m := Move{T0: time.Now(), T06: time.Now(), From: v4, To: v4, To6: v6}
		if err := l.Rebind(ctx, l.Uplink()); err != nil {
			return m, err
		}
		return m, wait(ctx, 4*time.Second) // some keep-alives
	}, -1, 0}
	for _, tt := range []struct {
		name string
		o    sceneOptions
	}{
		{"a peer that latches", sceneOptions{transport: "udp", far: "latcher"}},
		{"a strict peer, address by STUN", sceneOptions{transport: "udp", stun: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := within(t, 90*time.Second)
			tt.o.lab.WLAN.NAT = true
			tt.o.config = "[network]\nkeepalive = \"1s\""
			for _, f := range survive(t, ctx, play(t, ctx, tt.o), rebind) {
				if f.PauseIn >= 2*time.Second {
					t.Errorf("nothing was heard for %s, with a keep-alive each second", f.PauseIn)
				}
			}
		})
	}
}
