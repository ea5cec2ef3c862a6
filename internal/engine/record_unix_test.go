//go:build unix

package engine_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ramble/internal/history"
	"ramble/internal/leaf/phone"
	"ramble/sip/siptest"
)

// TestNothingIsOverBeforeItIsWritten: while another copy of the program holds
// the file of the history, nobody is told that a call is over, and by then the
// call is among those underway. Once the file is free it is written and told.
func TestNothingIsOverBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRigOn(t, dir)
		id := r.call("melody")
		lock, err := os.OpenFile(filepath.Join(dir, "history.jsonl.lock"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			t.Fatal(err)
		}
		r.do(phone.Hangup{Call: id})
		r.thereIs("melody", "the BYE", func(s siptest.CallState) bool { return s.Phase == siptest.Ended })
		r.pass(100 * time.Millisecond)
		if n := len(onDisk(t, dir)); n != 0 || find(r.state1(), id).State == phone.Ended {
			t.Fatalf("%d calls are written, and the call is told of as %s", n, find(r.state1(), id).State)
		}
		if underway, err := filepath.Glob(filepath.Join(dir, "unfinished-*.jsonl")); err != nil || len(underway) != 1 {
			t.Errorf("%d files of calls underway, %v", len(underway), err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
		r.until("it is over", func(s phone.State) bool { return find(s, id).State == phone.Ended })
		if calls := onDisk(t, dir); len(calls) != 1 {
			t.Errorf("%d calls are written when it is told of", len(calls))
		}
	})
}

// onDisk is the history as another program reads it, without its lock.
func onDisk(t *testing.T, dir string) []history.Call {
	t.Helper()
	copied := t.TempDir()
	text, err := os.ReadFile(filepath.Join(dir, "history.jsonl"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "history.jsonl"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	calls, report, err := history.Open(history.Options{Dir: copied}).Calls()
	if err != nil || !report.Whole() {
		t.Fatalf("%v, %v", err, report)
	}
	return calls
}
