package history

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// unfinishedDir turns this test binary into a run that is killed in a call.
const unfinishedDir = "RAMBLE_HISTORY_UNFINISHED"

func callUntilKilled(dir string) {
	b := Open(Options{Dir: dir})
	if err := b.Underway([]Call{sampleCall(1), sampleCall(2)}); err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString("in a call\n")
	_, _ = os.Stdin.Read(make([]byte, 1)) // until it is killed
}

func left(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, unfinishedPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// TestACallThatAKillEndedIsInTheHistory, once, and no call of a run that lives.
func TestACallThatAKillEndedIsInTheHistory(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), unfinishedDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // held open
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := out.Read(make([]byte, 64)); n == 0 {
		t.Fatalf("the writer said nothing: %v", err)
	}
	b := Open(Options{Dir: dir})
	if n, err := b.Adopt(); n != 0 || err != nil {
		t.Fatalf("took %d calls of a run that lives, %v", n, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if n, err := b.Adopt(); n != 2 || err != nil {
		t.Fatalf("adopted %d calls, %v", n, err)
	}
	if n, err := b.Adopt(); n != 0 || err != nil || left(t, dir) != 0 {
		t.Fatalf("a second time: %d calls, %v, %d files", n, err, left(t, dir))
	}
	calls, report, err := b.Calls()
	if err != nil || !report.Whole() || len(calls) != 2 || calls[0].Cause != Killed || calls[0].Reason != "" || calls[0].Ended.IsZero() {
		t.Fatalf("%v %v %+v", err, report, calls)
	}
}

func TestARunThatSaidGoodbyeLeavesNoCallBehind(t *testing.T) {
	dir := t.TempDir()
	b := Open(Options{Dir: dir})
	if err := b.Underway([]Call{sampleCall(1)}); err != nil {
		t.Fatal(err)
	}
	if left(t, dir) != 2 {
		t.Fatalf("%d files, want the calls and their lock", left(t, dir))
	}
	if err := b.Underway(nil); err != nil {
		t.Fatal(err)
	}
	if n, err := Open(Options{Dir: dir}).Adopt(); n != 0 || err != nil {
		t.Fatalf("adopted %d, %v", n, err)
	}
	if err := b.Close(); err != nil || left(t, dir) != 0 {
		t.Fatalf("%v, %d files are left", err, left(t, dir))
	}
}

// TestATornUnfinishedFileIsNoCall: what is there in part is passed over.
func TestATornUnfinishedFileIsNoCall(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, unfinishedPrefix+"1-1"+unfinishedSuffix)
	if err := os.WriteFile(name, []byte(`{"v":1,"ti`), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := Open(Options{Dir: dir}).Adopt(); n != 0 || err != nil || left(t, dir) != 0 {
		t.Fatalf("adopted %d, %v, %d files", n, err, left(t, dir))
	}
}
