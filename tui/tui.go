// Package tui is the terminal interface of ramble: panes for accounts, the
// network, the call, events and roams, a dial line, and every key from one
// table.
//
// It knows the vocabulary of internal/leaf/phone and nothing of the engine. State
// comes in as updates and is drawn as it is; what the user asks for goes out as
// commands. The interface never announces anything on its own authority: a
// call is muted on the screen when the engine says so.
//
// Inside, model.go holds what there is, update.go routes, view.go draws; the
// table of keys is in keytable.go; layout.go decides where the panes stand; and
// canvas.go is the one place where text reaches the screen, clipped and clean.
package tui

import (
	"context"
	"errors"
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"ramble/internal/leaf/safego"
)

// framesPerSecond bounds how often the renderer looks for something to write.
// A key is answered within a frame.
const framesPerSecond = 30

// Run shows the interface until the user quits, the engine's updates end, ctx
// is done. It restores the terminal in every case. Errors
// are those of ctx, wrong options, or the terminal's.
//
// Signals are the caller's: let them end ctx.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	set, err := o.settle(ctx)
	if err != nil {
		return err
	}
	opts := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond), tea.WithEnvironment(set.Environ),
	}
	if set.NoColor {
		opts = append(opts, tea.WithColorProfile(colorprofile.ASCII))
	}
	if o.Input != nil {
		opts = append(opts, tea.WithInput(o.Input))
	}
	if o.Output != nil {
		opts = append(opts, tea.WithOutput(o.Output))
	}
	if o.Size[0] > 0 {
		opts = append(opts, tea.WithWindowSize(o.Size[0], o.Size[1]))
	}
	started := make(chan struct{})
	p := tea.NewProgram(guarded{newModel(set), set.Guard, started}, opts...)
	ended := make(chan error, 1)
	set.Guard.Go("interface", func() {
		_, err := p.Run()
		ended <- err
	})
	// Killing a program that has not begun would leave its terminal raw.
	select {
	case <-started:
	case err := <-ended:
		return ending(ctx, err)
	}
	return ending(ctx, <-ended)
}

// ending is what the program's end means to the caller.
func ending(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("the interface crashed: %w", err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("terminal: %w", err)
}

// guarded is the model under the guard: a panic in Update or View becomes a
// crash report like any other. Without a guard Bubble Tea catches it.
type guarded struct {
	*model
	guard   *safego.Guard
	started chan struct{} // closed when the terminal is ours
}

func (g guarded) Init() tea.Cmd {
	close(g.started)
	return g.model.Init()
}

func (g guarded) Update(msg tea.Msg) (next tea.Model, cmd tea.Cmd) {
	next = g
	defer g.guard.Recover("interface: update")
	_, cmd = g.model.Update(msg)
	return g, cmd
}

func (g guarded) View() (v tea.View) {
	defer g.guard.Recover("interface: view")
	return g.model.View()
}
