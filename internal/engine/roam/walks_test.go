package roam

import (
	"math/rand/v2"
	"testing"
)

func TestRandomWalksKeepTheLaw(t *testing.T) {
	walks := 1_500
	if testing.Short() {
		walks = 300
	}
	for seed := range uint64(walks) {
		rng := rand.New(rand.NewPCG(seed, 1))
		choices := make([]byte, 20+rng.IntN(600))
		for i := range choices {
			choices[i] = byte(rng.Uint32())
		}
		if w := newWalk(choices); w.run() != nil {
			t.Fatalf("seed %d: %v\n%s", seed, w.err, w.story.String())
		}
	}
}

func FuzzMachine(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("wlan0 lost, lte0 got, a call in the middle"))
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 2000 {
			return
		}
		if w := newWalk(choices); w.run() != nil {
			t.Fatalf("%v\n%s", w.err, w.story.String())
		}
	})
}
