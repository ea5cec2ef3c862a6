package cli

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ramble/internal/capture"
)

// TestTraceFlag: what a run's phones said is in the file, of either kind, for
// its owner alone, and `ramble trace` prints it.
func TestTraceFlag(t *testing.T) {
	for _, name := range []string{"t.txt", "t.pcapng", "T.PCAPNG"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, []byte("an older one"), 0o644); err != nil {
				t.Fatal(err)
			}
			s := newStage(t).write(account)
			s.during = func(context.Context) {
				s.session.Trace.Add(capture.Message{
					At: time.Now(), Account: "work", Transport: "tls", Sent: true, Local: netip.MustParseAddrPort("192.0.2.1:5061"),
					Remote: netip.MustParseAddrPort("192.0.2.2:5061"), Text: []byte("OPTIONS sip:a:secret@b SIP/2.0\r\nCall-ID: x\r\n\r\n"),
				})
			}
			if code := s.do("headless", "--trace", file); code != exitOK || s.errout.String() != "" {
				t.Fatalf("exit code %d: %s", code, s.errout.String())
			}
			if code := s.do("trace", file); code != exitOK || !strings.Contains(s.out.String(), "sent by tls  192.0.2.1:5061 -> 192.0.2.2:5061") ||
				!strings.Contains(s.out.String(), "OPTIONS sip:a:******@b SIP/2.0") || strings.Contains(s.out.String(), "older") {
				t.Errorf("exit code %d: %s%s", code, s.out.String(), s.errout.String())
			}
			if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		})
	}
	t.Run("into a folder that is not there is refused", func(t *testing.T) {
		s := newStage(t).write(account)
		file := filepath.Join(t.TempDir(), "no", "t.txt")
		if code := s.do("headless", "--trace", file); code != exitUsage || s.ran != "" || !strings.Contains(s.errout.String(), "there is no folder "+filepath.Dir(file)) {
			t.Errorf("exit code %d, ran %q: %s", code, s.ran, s.errout.String())
		}
	})
	t.Run("what is no trace is not printed", func(t *testing.T) {
		s := newStage(t)
		file := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(file, []byte("\x1b[2Jhello, world"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"trace", file}, {"trace", file + "y"}, {"trace"}} {
			if code := s.do(args...); code == exitOK || s.out.String() != "" || s.errout.String() == "" {
				t.Errorf("%v: exit code %d: %s", args, code, s.out.String())
			}
		}
	})
}

// TestFlagsAreCheckedByEveryCommand, also where it has no use for them.
func TestFlagsAreCheckedByEveryCommand(t *testing.T) {
	for _, args := range []string{"", "headless", "demo", "drill --list", "calls", "roams", "version", "config check", "devices", "help"} {
		s := newStage(t).write(account)
		if code := s.do(append(strings.Fields(args), "--log-level", "loud")...); code != exitUsage ||
			!strings.Contains(s.errout.String(), `"error", "warn", "info" or "debug"`) || s.ran != "" {
			t.Errorf("%q: exit code %d, ran %q: %s", args, code, s.ran, s.errout.String())
		}
	}
}

// TestLogFile: a folder that a person named is not made, ours is.
func TestLogFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "misspelt")
	file := filepath.Join(dir, "ramble.log")
	for _, command := range []string{"headless", "demo"} {
		s := newStage(t).write(account)
		if code := s.do(command, "--log-file", file); code != exitUsage || s.ran != "" || !strings.Contains(s.errout.String(), "there is no folder "+dir) {
			t.Errorf("%s: exit code %d, ran %q: %s", command, code, s.ran, s.errout.String())
		}
	}
	s := newStage(t).write(account + "[log]\nfile = '" + file + "'\n")
	if code := s.do("headless"); code != exitOK || s.ran == "" || !strings.Contains(s.errout.String(), "there is no folder "+dir) {
		t.Errorf("by the configuration: exit code %d, ran %q: %s", code, s.ran, s.errout.String())
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made")
	}
	s = newStage(t).write(account)
	if code := s.do("headless"); code != exitOK || s.errout.String() != "" {
		t.Errorf("exit code %d: %s", code, s.errout.String())
	}
}
