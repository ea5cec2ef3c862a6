package cli

import (
	"context"
	"testing"
	"time"

	"ramble/internal/app/config"
	"ramble/internal/app/demo"
	"ramble/internal/app/drill"
	"ramble/internal/leaf/phone"
)

// TestTheWorldOutlivesAnInterruption: who interrupts a drill ends the phone, which
// says goodbye to a world that is still there, and then the world.
func TestTheWorldOutlivesAnInterruption(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	s := newStage(t)
	s.life = begin(t.Context(), nil, &s.errout)
	defer s.life.end()
	err := s.withDemo(s.life, noScreen, func(session *Session) error {
		c := config.Default()
		c.Audio.Backend, c.Audio.Tones = "null", false
		session.Config, session.Simulated = &c, "a test"
		stage, err := drillStage(ctx, session, drill.Setup{World: demo.Options{Manual: true, Guard: session.Guard, Log: session.Log}, Transport: "tcp"})
		if err != nil {
			return err
		}
		defer stage.End()
		for u := range stage.Updates {
			if len(u.State.Accounts) == 1 && u.State.Accounts[0].State == phone.Registered {
				break
			}
		}
		began := time.Now()
		interrupt()
		for range stage.Updates { // to the phone's end
		}
		t.Logf("the phone ended after %s", time.Since(began).Round(time.Millisecond))
		if list := stage.World.Registrar.Bindings(demo.User); len(list) != 0 {
			t.Errorf("left: %+v", list)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
