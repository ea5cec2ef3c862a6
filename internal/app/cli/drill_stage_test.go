package cli

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"ramble/internal/app/config"
	"ramble/internal/app/demo"
	"ramble/internal/app/drill"
	"ramble/internal/leaf/phone"
)

// TestAScenarioThatProvesNothingFails: a short sleep is a sleep, and a move that
// the phone did not notice is no success.
func TestAScenarioThatProvesNothingFails(t *testing.T) {
	for _, tt := range []struct {
		name, text, fails string
	}{
		{"a short sleep", "call\nsleep 3s\nexpect survives\n", ""},
		{"a sleep too short to be one", "limit 8s\ncall\nsleep 1ms\nexpect up\n", "0 roams"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // in real time: a machine that sleeps holds a lock, which stops a bubble
			scenario, err := drill.Parse("test", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			c := config.Default()
			c.Audio.Backend, c.Audio.Tones = "null", false
			session := &Session{Config: &c, Simulated: "a test", Log: slog.New(slog.DiscardHandler), Getenv: os.Getenv}
			r, err := drill.Run(t.Context(), scenario, drill.Options{Build: func(ctx context.Context, setup drill.Setup) (*drill.Stage, error) {
				return drillStage(ctx, session, setup)
			}})
			switch {
			case err != nil:
				t.Fatal(err)
			case tt.fails == "" && (r.Failed != nil || len(r.Roams) == 0):
				t.Errorf("%d roams, %+v", len(r.Roams), r.Failed)
			case tt.fails != "" && (r.Failed == nil || !strings.Contains(r.Failed.Why, tt.fails) || r.Failed.Line != 3):
				t.Errorf("it passed, or for another reason: %+v", r.Failed)
			}
		})
	}
}

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
