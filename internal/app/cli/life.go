package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"ramble/internal/leaf/safego"
)

const (
	// signalBudget is how long the phone may take to say goodbye: two seconds
	// for BYE and the removal of bindings, and a little to get there.
	signalBudget = 2500 * time.Millisecond
	// crashBudget is how long after a panic the screen may take to restore the
	// terminal; the microphone must be closed soon after.
	crashBudget = 150 * time.Millisecond
)

// life is one run of the process: its context ends with the first signal or
// crash, and a little later the process does, whatever still hangs.
type life struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	terminal *terminal
	stderr   io.Writer
	signals  chan os.Signal
	done     chan struct{}
	dying    atomic.Bool
	exit     func(code int) // os.Exit
}

// begin starts listening for signals. end it.
func begin(ctx context.Context, t *terminal, stderr io.Writer) *life {
	l := &life{
		terminal: t, stderr: stderr, signals: make(chan os.Signal, 2), // the first asks, the second insists
		done: make(chan struct{}), exit: os.Exit,
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	signal.Notify(l.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	var guard *safego.Guard // a panic here may end the process as it does in any program
	guard.Go("signals", l.listen)
	return l
}

// quiet runs fn while what libraries write to descriptor 2 goes to the file.
func (l *life) quiet(path string, fn func() error) error {
	if l.terminal == nil {
		return fn()
	}
	l.terminal.aside.divert(path)
	defer l.terminal.aside.undo()
	return fn()
}

func (l *life) end() {
	signal.Stop(l.signals)
	close(l.done)
	l.cancel(nil)
}

func (l *life) listen() {
	var first interrupted
	var late <-chan time.Time
	for {
		select {
		case s := <-l.signals:
			if late != nil {
				l.force(first)
				return
			}
			first, late = interrupted{s}, time.After(signalBudget)
			l.cancel(first)
		case <-late:
			l.force(first)
			return
		case <-l.done:
			return
		}
	}
}

// crashed is the guard's hook. It asks the phone to stop, which restores the
// terminal, and makes sure that the process ends soon. It returns only where
// ending the process does (in tests).
func (l *life) crashed(c safego.Crash) {
	if l.dying.Swap(true) {
		select {} // one crash is enough to tell about; the process is ending
	}
	l.cancel(crashed{c})
	select {
	case <-time.After(crashBudget):
		l.force(crashed{c})
	case <-l.done:
	}
}

// force ends the process now, with the terminal in order.
func (l *life) force(err error) {
	l.terminal.restore()
	fmt.Fprintln(l.stderr, message(err))
	l.exit(exitCode(err))
}

// outcome is err, or what really ended the run: a crash, or a signal.
func (l *life) outcome(err error) error {
	cause := context.Cause(l.ctx)
	if c, ok := errors.AsType[crashed](cause); ok {
		return c
	}
	if i, ok := errors.AsType[interrupted](cause); ok && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, i)) {
		return i
	}
	return err
}

// ignoreBrokenPipe makes a write to a closed standard output an error instead
// of the end of the process, so that calls are ended properly.
func ignoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }
