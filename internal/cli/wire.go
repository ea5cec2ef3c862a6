package cli

import (
	"context"
	"errors"

	"ramble/internal/config"
)

// This file builds the parts of the phone from the configuration and puts them
// together. It is the only one in this package that knows them.
//
//	ctx ends with the first signal or crash; each run* then has two seconds to
//	end calls, remove bindings and restore the terminal, and returns. It is
//	meant to start bubbletea with WithContext(ctx) and WithoutSignalHandler():
//	signals and panics are caught in life.go.
//
//	A *phone.Error decides the exit code (ErrAudio 6, ErrNoNetwork 7, ...).

func wired() apps {
	return apps{
		ui: runUI, headless: runHeadless, demo: runDemo,
		keyTable: keyTable, check: checkParts, backends: audioBackends,
	}
}

var errNotWired = errors.New("this part of the phone is not wired into the program yet")

// runUI is `ramble`.
func runUI(context.Context, *Session) error { return errNotWired }

// runHeadless is `ramble headless`: automation.Run over an engine.
func runHeadless(context.Context, *Session, Headless) error { return errNotWired }

// runDemo is `ramble demo`. Its Session has no account, password or instance.
func runDemo(context.Context, *Session) error { return errNotWired }

// keyTable is `ramble help keys`.
func keyTable() string { return "" }

// checkParts complains, by c.Complain, about what only the parts know: actions
// in [ui.keys] that do not exist, a sound device that cannot be opened.
func checkParts(*config.Config) error { return nil }

// audioBackends are the sound systems of this build, for `ramble version`.
func audioBackends() []string { return []string{"null", "loop", "file"} }
