package engine_test

import (
	"errors"
	"testing"

	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// TestOneCallMoreThanConfigured: the configuration says how many calls there may
// be, and the next one hears that the phone is busy.
func TestOneCallMoreThanConfigured(t *testing.T) {
	for most := 1; most <= 3; most++ {
		bubble(t, func(t *testing.T) {
			r := script{phone: func(p *engine.Parts) { p.MaxCalls = most }}.run(t, locate.UDP)
			for range most {
				r.call("melody")
			}
			refused, ok := errors.AsType[*siptest.Refused](r.world.Ring(r.ctx))
			if !ok || refused.Code != 486 {
				t.Errorf("with %d calls one more heard %v, want 486", most, refused)
			}
		})
	}
}

// TestOthersAreHeldOrNot: a new conversation puts the others on hold, unless the
// configuration says that all go on.
func TestOthersAreHeldOrNot(t *testing.T) {
	for _, keep := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			r := script{phone: func(p *engine.Parts) { p.KeepOthers = keep }}.run(t, locate.UDP)
			first := r.call("melody")
			r.call("melody")
			if !keep {
				r.until("the first is held", func(s phone.State) bool { return find(s, first).Held == phone.HeldLocal })
				return
			}
			sent := find(r.state1(), first).Media.TxPackets
			s := r.until("the first goes on", func(s phone.State) bool { return find(s, first).Media.TxPackets > sent+20 })
			if c := find(s, first); c.Held != phone.HeldByNone {
				t.Errorf("the first is held: %v", c.Held)
			}
		})
	}
}
