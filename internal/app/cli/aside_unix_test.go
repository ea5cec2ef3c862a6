//go:build linux || darwin

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDescriptor2 runs itself in a process of its own, whose descriptor 2 it
// may bend.
func TestDescriptor2(t *testing.T) {
	if path := os.Getenv("RAMBLE_TEST_ASIDE"); path != "" {
		say := func(s string) { _, _ = unix.Write(2, []byte(s)) }
		a := &aside{}
		say("before\n")
		a.divert(path)
		a.divert(path)
		say("during\n")
		if os.Getenv("RAMBLE_TEST_CRASH") != "" {
			go func() { panic("crash") }()
			select {}
		}
		a.undo()
		a.undo()
		say("after\n")
		a.divert("/no/such/folder")
		say("nowhere\n")
		a.undo()
		os.Exit(0)
	}
	for _, crash := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte("kept\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestDescriptor2$")
		cmd.Env = append(os.Environ(), "RAMBLE_TEST_ASIDE="+path)
		if crash {
			cmd.Env = append(cmd.Env, "RAMBLE_TEST_CRASH=1")
		}
		var seen strings.Builder
		cmd.Stderr = &seen
		err := cmd.Run()
		logged, _ := os.ReadFile(path)
		if crash {
			if err == nil || !strings.HasPrefix(seen.String(), "before\npanic: crash") || !strings.Contains(string(logged), "panic: crash") {
				t.Errorf("a crash shows %q and logs %q, %v", seen.String(), logged, err)
			}
			continue
		}
		if err != nil || seen.String() != "before\nafter\n" || string(logged) != "kept\nduring\n" {
			t.Errorf("shown: %q, logged: %q, %v", seen.String(), logged, err)
		}
	}
	var none *aside
	none.divert("")
	none.undo()
}
