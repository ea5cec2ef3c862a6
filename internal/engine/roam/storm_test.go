package roam

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

func TestAFlapStormSendsAtMostOneRegisterPerChange(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		m, now, registers := New(DefaultPolicy()), origin, 0
		step := func(e Event) {
			for _, a := range m.Step(now, e) {
				if _, ok := a.(Register); ok {
					registers++
				}
			}
		}
		step(CallAdded{Call: Call{ID: 1, AudioDue: true}})
		const changes = 20
		for i := range changes {
			now = now.Add(time.Duration(rng.IntN(1000)) * time.Millisecond)
			step(PathChanged{
				Path:     Path{Interface: "wlan0", Source: netip.MustParseAddr("192.168.1.23"), Lost: uint64(i)},
				OldAlive: rng.IntN(2) == 0,
			})
			for _, e := range []Event{
				Opened{Epoch: m.Epoch()}, MediaMoved{Epoch: m.Epoch(), Call: 1}, Registered{Epoch: m.Epoch(), RefreshIn: time.Hour},
				Repaired{Epoch: m.Epoch(), Call: 1}, Heard{Epoch: m.Epoch(), Call: 1},
			} {
				if rng.IntN(3) != 0 {
					step(e)
				}
			}
		}
		if registers > changes {
			t.Fatalf("seed %d: %d REGISTERs for %d changes", seed, registers, changes)
		}
	}
}
