package engine_test

import (
	"slices"
	"testing"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
)

// TestOneChangeIsOneRoam: two accounts move with the network, and the list of
// roams has one, with both in it.
func TestOneChangeIsOneRoam(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRigWith(t, locate.UDP, 0, demo.Options{}, func(p *engine.Parts) {
			second := p.Accounts[0]
			second.Name = "second"
			second.SIP.InstanceID = "urn:uuid:00000000-0000-4000-8000-000000000002"
			p.Accounts = append(p.Accounts, second)
		})
		all := func(s phone.State) bool {
			return len(s.Accounts) == 2 && !slices.ContainsFunc(s.Accounts, func(a phone.Account) bool { return a.State != phone.Registered || a.Roaming })
		}
		r.until("both registered", all)
		r.walk()
		s := r.until("the roam is over", func(s phone.State) bool {
			return len(s.Roams) > 0 && s.Roams[len(s.Roams)-1].Phase == phone.RoamDone && all(s)
		})
		if len(s.Roams) != 1 {
			t.Fatalf("%d roams: %+v", len(s.Roams), s.Roams)
		}
		roam := s.Roams[0]
		if len(roam.Parts) != 2 || roam.Parts[0].Account == roam.Parts[1].Account || roam.Parts[1].Phase != phone.RoamDone {
			t.Errorf("its parts: %+v", roam.Parts)
		}
		for _, step := range roam.Steps {
			if step.Account == "" || step.Running {
				t.Errorf("a step of %q runs %v: %+v", step.Account, step.Running, step)
			}
		}
		var over int
		r.mu.Lock()
		for _, n := range r.notices {
			if w, ok := n.What.(phone.RoamChanged); ok && w.Step == nil && w.Roam.Phase == phone.RoamDone {
				over++
			}
		}
		r.mu.Unlock()
		if over != 1 || roam.Total <= 0 || roam.Total > time.Minute {
			t.Errorf("it ended %d times, after %v", over, roam.Total)
		}
	})
}
