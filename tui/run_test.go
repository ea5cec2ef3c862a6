package tui

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"go.uber.org/goleak"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/safego"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terminal is a virtual terminal with the program running in it.
type terminal struct {
	*testing.T
	mu      sync.Mutex // over screen: the emulator's own safe wrapper leaves reading unlocked
	screen  *vt.Emulator
	keys    *io.PipeWriter
	updates chan phone.Update
	drawn   chan struct{}
	ended   chan error
}

// Write is the program's output; it tells that something was drawn.
func (v *terminal) Write(p []byte) (int, error) {
	v.mu.Lock()
	n, err := v.screen.Write(p)
	v.mu.Unlock()
	select {
	case v.drawn <- struct{}{}:
	default:
	}
	return n, err
}

func start(t *testing.T, ctx context.Context, with func(*Options)) *terminal {
	t.Helper()
	v := &terminal{T: t, screen: vt.NewEmulator(80, 24), updates: make(chan phone.Update, 1),
		drawn: make(chan struct{}, 1), ended: make(chan error, 1)}
	input, keys := io.Pipe()
	v.keys = keys
	drained := make(chan struct{})
	go func() { // the terminal's answers to queries
		defer close(drained)
		_, _ = io.Copy(io.Discard, v.screen)
	}()
	o := Options{Doer: &fakeDoer{}, Updates: v.updates, Looks: Looks{ASCII: "off", Theme: "dark"},
		Terminal: Terminal{Environ: []string{"TERM=xterm-256color"}, Input: input, Output: v, Size: [2]int{80, 24}, Now: func() time.Time { return noon }}}
	if with != nil {
		with(&o)
	}
	go func() { v.ended <- Run(ctx, o) }()
	t.Cleanup(func() {
		_ = keys.Close()
		_ = v.screen.InputPipe().(io.Closer).Close()
		<-drained
	})
	return v
}

func (v *terminal) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.screen.String()
}

func (v *terminal) alternate() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.screen.IsAltScreen()
}

// waitFor waits until the screen shows text, for ten seconds at most.
func (v *terminal) waitFor(text string) {
	v.Helper()
	late := time.After(10 * time.Second)
	for !strings.Contains(v.text(), text) {
		select {
		case <-v.drawn:
		case err := <-v.ended:
			v.Fatalf("ended while waiting for %q: %v", text, err)
		case <-late:
			v.Fatalf("%q did not appear:\n%s", text, v.text())
		}
	}
}

func (v *terminal) end() error {
	v.Helper()
	select {
	case err := <-v.ended:
		return err
	case <-time.After(10 * time.Second):
		v.Fatal("did not end")
		return nil
	}
}

func TestRun(t *testing.T) {
	t.Run("draws updates, takes keys, and leaves the terminal as it was", func(t *testing.T) {
		v := start(t, t.Context(), nil)
		v.updates <- phone.Update{State: inCall()}
		v.waitFor("IN CALL 02:14")
		if !v.alternate() {
			t.Fatal("not on the alternate screen")
		}
		_, _ = v.keys.Write([]byte("?"))
		v.waitFor("hang up, decline, cancel")
		_, _ = v.keys.Write([]byte("?q"))
		v.waitFor("hang up and quit")
		_, _ = v.keys.Write([]byte("y"))
		v.waitFor("ending calls and registrations")
		close(v.updates)
		if err := v.end(); err != nil {
			t.Fatal(err)
		}
		if v.alternate() {
			t.Fatal("still on the alternate screen")
		}
	})
	t.Run("a panic of its own is reported, and the end that follows restores the terminal", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("crashed")
		reports := make(chan safego.Crash, 1)
		v := start(t, ctx, func(o *Options) {
			o.Guard = safego.New(t.TempDir(), func(c safego.Crash) { reports <- c; cancel(why) })
			o.Extra = []Action{{ID: "boom", Keys: []string{"w"}, Help: "boom", Enabled: func(Situation) bool { panic("boom") }}}
		})
		_, _ = v.keys.Write([]byte("w"))
		if err := v.end(); !errors.Is(err, why) {
			t.Fatalf("got %v", err)
		}
		if c := <-reports; c.Value != "boom" || c.Report == "" {
			t.Fatalf("the report: %+v", c)
		}
		if v.alternate() {
			t.Fatal("still on the alternate screen")
		}
	})
	t.Run("ends with its context and says why", func(t *testing.T) {
		why := errors.New("terminal closed")
		ctx, cancel := context.WithCancelCause(t.Context())
		v := start(t, ctx, nil)
		v.updates <- phone.Update{State: idle()}
		v.waitFor("registered")
		cancel(why)
		if err := v.end(); !errors.Is(err, why) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("wrong options are an error before anything is drawn", func(t *testing.T) {
		if err := Run(t.Context(), Options{Looks: Looks{Theme: "drak"}}); err == nil {
			t.Fatal("taken")
		}
	})
}

func TestHostileNamesInTheRealRenderer(t *testing.T) {
	v := start(t, t.Context(), nil)
	s := incoming()
	s.Calls[0].Name = "\x1b]0;pwned\x07\x1b[?1049l\x1b[2JMallory"
	v.updates <- phone.Update{State: s}
	v.waitFor("Mallory")
	if !v.alternate() {
		t.Fatal("a name switched the screen")
	}
	close(v.updates)
	if err := v.end(); err != nil {
		t.Fatal(err)
	}
}
