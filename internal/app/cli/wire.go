package cli

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"ramble/audio/device"
	"ramble/internal/app/config"
	"ramble/internal/app/ground"
	"ramble/internal/automation"
	"ramble/internal/engine"
	"ramble/internal/history"
	"ramble/internal/leaf/phone"
	"ramble/tui"
)

// This file puts the parts together; parts.go builds them from the
// configuration. Nothing else in this package knows them.
//
//	ctx ends with the first signal or crash; each run* then has two seconds to
//	end calls, remove bindings and restore the terminal, and returns.
//
//	A *problem or a *phone.Error decides the exit code (ErrAudio 6, ErrNoNetwork 7, ...).

func wired() apps {
	return apps{
		ui: runUI, headless: runHeadless, demo: runDemo, drill: runDrill, register: registerOnce,
		keyTable: keyTable, check: checkParts, backends: audioBackends,
		private: func() (int, bool, error) { return ground.Private(nil) },
		devices: allDevices, tryDevice: tryDevice,
		recall: func(stateDir string) (phone.Past, []phone.News) {
			return engine.Recall(history.Open(history.Options{Dir: stateDir, Keep: 1 << 20})) // all that is there
		},
	}
}

// runUI is `ramble`.
func runUI(ctx context.Context, s *Session) error {
	p, err := parts(s)
	if err != nil {
		return err
	}
	e := engine.New(p)
	return withEngine(ctx, s, e, func(ctx context.Context, updates <-chan phone.Update) error {
		return tui.Run(ctx, screenOptions(s, e, updates))
	})
}

// withEngine runs the phone under one of its faces: the phone says goodbye
// when the face ends, and the face ends with the phone.
func withEngine(ctx context.Context, s *Session, e *engine.Engine, face func(context.Context, <-chan phone.Update) error) error {
	updates := e.Subscribe()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	s.Guard.Go("engine", func() { ended <- e.Run(ctx) })
	err := face(ctx, updates)
	cancel()
	return errors.Join(err, <-ended)
}

func screenOptions(s *Session, e *engine.Engine, updates <-chan phone.Update) tui.Options {
	ui := s.Config.UI
	return tui.Options{
		Doer: e, Updates: updates, Guard: s.Guard, Log: s.Log, Version: s.Version,
		Looks: tui.Looks{
			Theme: string(ui.Theme), ASCII: string(ui.ASCII), Motion: string(ui.Motion), Layout: string(ui.Layout), Time: string(ui.Time), NoColor: s.NoColor,
		},
		Confirm: string(ui.ConfirmQuit), Keys: ui.Keys, Refresh: ui.Refresh, Mouse: ui.Mouse,
	}
}

// unwatched is how often the meters of a call are read that nobody draws: what a
// snapshot says is no older than that.
const unwatched = 500 * time.Millisecond

// runHeadless is `ramble headless`: automation over an engine.
func runHeadless(ctx context.Context, s *Session, h Headless) error {
	p, err := parts(s)
	if err != nil {
		return err
	}
	p.StatsEvery, p.NoRegister = h.Stats, h.NoRegister
	if h.Stats == 0 {
		p.LookEvery = unwatched
	}
	e := engine.New(p)
	// The engine outlives ctx a little: automation asks it to quit and passes
	// on what still happens.
	return withEngine(context.WithoutCancel(ctx), s, e, func(_ context.Context, updates <-chan phone.Update) error {
		return automation.Run(ctx, automation.Options{
			In: s.In, Out: s.Out, Doer: e, Updates: updates, Version: s.Version, PID: os.Getpid(),
			Stats: h.Stats > 0, Process: process, Trace: e, Log: s.Log, Guard: s.Guard,
		})
	})
}

// keyTable is `ramble help keys`.
func keyTable() string {
	var b strings.Builder
	group := tui.Group("")
	for _, row := range tui.KeyTable() {
		if row.Group != group {
			group = row.Group
			b.WriteString("\n" + string(group) + "\n")
		}
		b.WriteString(keyRow(strings.Join(row.Keys, " "), row.Help+"  ("+row.ID+")"))
	}
	return strings.TrimPrefix(b.String(), "\n")
}

// checkParts complains about what only the parts know: actions in [ui.keys]
// that do not exist, a CA file that holds no CA.
func checkParts(c *config.Config) error {
	if err := tui.CheckKeys(c.UI.Keys); err != nil {
		return c.Complain("ui.keys", err.Error(), "`ramble help keys` lists the actions")
	}
	_, err := trust(c, os.Getenv)
	return err
}

// audioBackends are the sound systems of this build, for `ramble version`.
func audioBackends() []string {
	var names []string
	for _, b := range device.Backends() {
		if b.Ready && b.Name != "auto" {
			names = append(names, b.Name)
		}
	}
	return names
}
