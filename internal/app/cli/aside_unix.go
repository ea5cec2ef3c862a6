//go:build linux || darwin

package cli

import (
	"os"
	"runtime/debug"
	"sync"

	"golang.org/x/sys/unix"
)

// aside keeps what C libraries write to descriptor 2 off the screen: ALSA and
// JACK do not ask whether anybody wants to read it. nil diverts nothing.
type aside struct {
	mu   sync.Mutex
	real *os.File // where descriptor 2 led; nil: it still does
}

// divert sends descriptor 2 to a file from now on, or nowhere if that cannot
// be opened. A crash of the runtime is written to the old place too.
func (a *aside) divert(path string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.real != nil {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if path == "" || err != nil {
		if file, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			return
		}
	}
	defer file.Close()
	fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return // it was closed before us
	}
	if unix.Dup2(int(file.Fd()), 2) != nil {
		_ = unix.Close(fd)
		return
	}
	a.real = os.NewFile(uintptr(fd), "standard error")
	_ = debug.SetCrashOutput(a.real, debug.CrashOptions{})
}

// undo puts descriptor 2 back.
func (a *aside) undo() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.real == nil {
		return
	}
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
	_ = unix.Dup2(int(a.real.Fd()), 2)
	_ = a.real.Close()
	a.real = nil
}
