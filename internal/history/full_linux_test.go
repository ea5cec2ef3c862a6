package history

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ramble/internal/proof/needs"
)

// insideVar is set in the copy of this test that runs in namespaces of its
// own, where it may mount.
const insideVar = "RAMBLE_HISTORY_MOUNTS"

// TestAFullAndAReadOnlyDisk is about real ones: a small tmpfs, mounted in a
// mount namespace of the test's own.
func TestAFullAndAReadOnlyDisk(t *testing.T) {
	if os.Getenv(insideVar) != "" {
		fullDisk(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil && bytes.Contains(out, []byte("--- PASS: "+t.Name())):
	case errors.As(err, &exit) && !bytes.Contains(out, []byte("cannot mount")):
		t.Fatalf("%v\n%s", err, out)
	default:
		needs.Missing(t, "this needs root or user namespaces, and may not mount here: ", err, "\n", string(out))
	}
}

func fullDisk(t *testing.T) {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal("cannot mount: ", err)
	}
	dir := t.TempDir()
	if err := syscall.Mount("history", dir, "tmpfs", 0, "size=64k,mode=700"); err != nil {
		t.Fatal("cannot mount: ", err)
	}
	defer func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }()
	b := Open(Options{Dir: dir, Keep: 10000})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	c := sampleCall(0)
	written := 0
	for ; ; written++ {
		c = sampleCall(written)
		c.Reason = strings.Repeat("x", 300)
		if err := b.AddCall(c); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			break
		}
		if written > 1000 {
			t.Fatal("the disk never ran full")
		}
	}
	whole := func(want int) {
		t.Helper()
		calls, report, err := b.Calls()
		if err != nil || !report.Whole() || len(calls) != want {
			t.Fatalf("%d calls, want %d; %v, %v", len(calls), want, report, err)
		}
	}
	whole(written)
	if b.Pending() != 1 {
		t.Fatalf("%d records wait", b.Pending())
	}
	if err := b.AddCall(sampleCall(2000)); !errors.Is(err, syscall.ENOSPC) || b.Pending() != 2 {
		t.Fatalf("still full: %v, %d wait", err, b.Pending())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := b.AddCall(sampleCall(2001)); err != nil || b.Pending() != 0 {
		t.Fatalf("there is room again: %v, %d wait", err, b.Pending())
	}
	whole(written + 3)

	if err := syscall.Mount("history", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal("cannot mount: ", err)
	}
	if err := b.AddCall(sampleCall(2002)); !errors.Is(err, syscall.EROFS) || b.Pending() != 1 {
		t.Fatalf("read-only: %v, %d wait", err, b.Pending())
	}
	whole(written + 3)
	if err := syscall.Mount("history", dir, "tmpfs", syscall.MS_REMOUNT, "size=128k"); err != nil {
		t.Fatal("cannot mount: ", err)
	}
	if err := b.Flush(); err != nil || b.Pending() != 0 {
		t.Fatalf("writable again: %v, %d wait", err, b.Pending())
	}
	whole(written + 4)
}
