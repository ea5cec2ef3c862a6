package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ramble/internal/proof/needs"
)

// pseudoTerminal returns both ends of a terminal of 100 columns and 30 lines.
func pseudoTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	raw, err := ours.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = errors.Join(unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0),
			unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: 100, Row: 30}))
		number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	return ours, theirs
}

// TestDemoOnATerminal: the demo's screen is there soon, says what its network
// is, hears keys, also from within its private network, and gives the terminal
// back.
func TestDemoOnATerminal(t *testing.T) {
	needs.TheWholeRun(t, "the demo as a process, on a terminal")
	binary := publicProgram(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tests := map[string][]string{"a real phone on a simulated internet": {"demo", "--simulate"}}
	if whyNot(ctx) == "" {
		tests["a real phone in a private network namespace"] = []string{"demo"}
	}
	for says, args := range tests {
		t.Run(says, func(t *testing.T) {
			ours, theirs := pseudoTerminal(t)
			cmd := ordinary(ctx, binary, args...)
			cmd.Env = append(cmd.Env, "TERM=xterm-256color", "LANG=C.UTF-8")
			cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
			cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = false, true, true
			began := time.Now()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = theirs.Close()
			see := watch(t, ours)
			see("ramble")
			t.Logf("the screen was there after %s", time.Since(began).Round(time.Millisecond))
			see(says)
			see("IN CALL")
			for _, key := range []string{">", "qy"} {
				if _, err := ours.WriteString(key); err != nil {
					t.Fatal(err)
				}
				if key == ">" {
					see("Recovered in")
				}
			}
			see("\x1b[?1049l") // the screen before is back
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// watch returns a function that reads what the terminal shows until a text
// stands there, wherever the screen's own codes leave it whole.
func watch(t *testing.T, ours *os.File) func(text string) {
	shown, buf := "", make([]byte, 1<<16)
	return func(text string) {
		t.Helper()
		if err := ours.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for !strings.Contains(shown, text) {
			n, err := ours.Read(buf)
			shown += string(buf[:n])
			if err != nil {
				t.Fatalf("waited for %q: %v\n%q", text, err, shown)
			}
		}
	}
}
