package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"ramble/internal/app/config"
	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/safego"
	"ramble/internal/leaf/words"
)

// Exit codes of the program, a promise to scripts.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitConfig  = 3
	exitRefused = 4 // registration refused
	exitAudio   = 6 // 5 is kept for a call that is not answered: no command ends so yet
	exitNetwork = 7
	exitSignal  = 128 // plus the signal's number: 130 after Ctrl-C
)

// usageError is a command line that makes no sense.
type usageError struct {
	err     error
	command string
}

func usage(cmd *cobra.Command, err error) error { return &usageError{err, cmd.CommandPath()} }

func (e *usageError) Error() string {
	return fmt.Sprintf("%v\nSee: %s --help", e.err, e.command)
}

// interrupted is the end by a signal.
type interrupted struct{ signal os.Signal }

func (i interrupted) Error() string { return "stopped by signal: " + i.signal.String() }

// crashed is the end by a panic.
type crashed struct{ crash safego.Crash }

func (c crashed) Error() string { return c.crash.String() }

func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if i, ok := errors.AsType[interrupted](err); ok {
		if n, ok := i.signal.(syscall.Signal); ok {
			return exitSignal + int(n)
		}
		return exitSignal + int(syscall.SIGINT)
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if r, ok := errors.AsType[relayed](err); ok {
		return r.code
	}
	if _, ok := errors.AsType[config.Problems](err); ok {
		return exitConfig
	}
	if _, ok := errors.AsType[*noConfig](err); ok {
		return exitConfig
	}
	if e, ok := errors.AsType[*phone.Error](err); ok {
		return codeOf(e.Code())
	}
	if e, ok := errors.AsType[*problem](err); ok {
		return codeOf(e.Code)
	}
	return exitFailure
}

// problem is what the command line itself has to say: what happened and what to
// do about it. Refusals of the phone are facts, see phone.Error.
type problem struct {
	Code phone.Code
	Text string
	Hint string // may be empty
}

func (e *problem) Error() string { return words.Line(e.Text, e.Hint) }

func codeOf(c phone.Code) int {
	switch c {
	case phone.ErrUsage:
		return exitUsage
	case phone.ErrConfig, phone.ErrNoSuchAccount:
		return exitConfig
	case phone.ErrRefused:
		return exitRefused
	case phone.ErrAudio:
		return exitAudio
	case phone.ErrNoNetwork:
		return exitNetwork
	case phone.ErrOther, phone.ErrNoSuchCall, phone.ErrWrongState:
	}
	return exitFailure
}

// message is what a person reads when a command failed.
func message(err error) string {
	text, hint := "", ""
	if e, ok := errors.AsType[*problem](err); ok {
		text, hint = e.Text, e.Hint
	} else if e, ok := errors.AsType[*phone.Error](err); ok {
		text, hint = words.Refused(e)
	}
	switch {
	case hint != "":
		return "ramble: " + clean.Text(text) + "\n    " + clean.Text(hint)
	case text != "":
		return "ramble: " + clean.Text(text)
	}
	if ps, ok := errors.AsType[config.Problems](err); ok {
		return ps.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "ramble: it took too long: " + err.Error()
	}
	return "ramble: " + err.Error()
}

// noConfig is a missing configuration file, with the way out.
type noConfig struct {
	path  string
	named bool // by a flag or the environment
}

func (n *noConfig) Unwrap() error { return fs.ErrNotExist }

func (n *noConfig) Error() string {
	if n.named {
		return fmt.Sprintf(`there is no configuration at %[1]s

  ramble config example --write -c %[1]s
        writes an example there, to put your address and password in`, n.path)
	}
	return fmt.Sprintf(`there is no configuration yet

  ramble demo
        shows the phone with no server and no sound card
  ramble setup
        asks for your account, tries it and writes %[1]s
  ramble config example --write
        writes an example there, to put your address and password in`, n.path)
}
