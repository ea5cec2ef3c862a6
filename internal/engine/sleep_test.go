package engine_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/netwatch"
	"ramble/sip/locate"
)

// sleeper is a machine that sleeps when told to: the look at its interfaces that
// happens then takes as long.
type sleeper struct {
	netwatch.Source
	sleep atomic.Int64 // nanoseconds, for the next look
}

func (s *sleeper) Snapshot() ([]netwatch.Interface, error) {
	if d := time.Duration(s.sleep.Swap(0)); d > 0 {
		<-time.After(d)
	}
	return s.Source.Snapshot()
}

// TestAfterSleepTheRoamSaysSo: nobody asked for it. What the timeline, Events, JSON
// and the history say is made of the roam's reasons.
func TestAfterSleepTheRoamSaysSo(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		var lid sleeper
		r := script{phone: func(p *engine.Parts) {
			lid.Source = p.Network.Source
			p.Network.Source, p.AfterSleep = &lid, true
		}}.run(t, transport)
		id := r.call("melody")
		lid.sleep.Store(int64(8 * time.Second))
		last := r.done()
		if len(last.Why) != 1 || last.Why[0].Kind != phone.Slept {
			t.Fatalf("the reasons are %+v\n%s", last.Why, r.story())
		}
		said := words.Changed(last)
		for _, s := range last.Steps {
			said += "\n" + words.Step(s)
		}
		if !strings.HasPrefix(said, "the machine slept for ") || strings.Contains(said, "you asked") {
			t.Errorf("it says %q", said)
		}
		r.stateIs(id, phone.Up)
	})
}

// TestNoRoamAfterSleepWhereNotAsked: after_sleep = false.
func TestNoRoamAfterSleepWhereNotAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var lid sleeper
		r := script{phone: func(p *engine.Parts) {
			lid.Source = p.Network.Source
			p.Network.Source = &lid
		}}.run(t, locate.UDP)
		r.registered()
		lid.sleep.Store(int64(8 * time.Second))
		r.pass(20 * time.Second)
		if roams := r.state1().Roams; len(roams) != 0 {
			t.Errorf("%d roams: %s", len(roams), r.story())
		}
	})
}
