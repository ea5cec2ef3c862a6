package history

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ramble/internal/proof/needs"

	"ramble/internal/leaf/flock"
)

// hasty is a disk that does not wait until what was written is safe.
type hasty struct{ disk }

type hastyFile struct{ file }

func (hastyFile) Sync() error { return nil }

func (h hasty) open(name string, flag int) (file, error) {
	f, err := h.disk.open(name, flag)
	if err != nil {
		return nil, err
	}
	return hastyFile{f}, nil
}

// failing is a disk whose operation number at, and every later one for a
// while, fails; a write then puts half of its bytes down first, as a disk that
// runs full does.
type failing struct {
	hasty
	count, at, until int
	with             error
}

func (d *failing) turn() error {
	d.count++
	if d.at > 0 && d.count >= d.at && d.count < d.until {
		return d.with
	}
	return nil
}

type failingFile struct {
	file
	d *failing
}

func (f failingFile) Write(p []byte) (int, error) {
	if err := f.d.turn(); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	return f.file.Write(p)
}

func (f failingFile) Sync() error {
	if err := f.d.turn(); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f failingFile) Truncate(n int64) error {
	if err := f.d.turn(); err != nil {
		return err
	}
	return f.file.Truncate(n)
}

func (d *failing) open(name string, flag int) (file, error) {
	if err := d.turn(); err != nil {
		return nil, err
	}
	f, err := d.hasty.open(name, flag)
	if err != nil {
		return nil, err
	}
	return failingFile{f, d}, nil
}

func (d *failing) rename(from, to string) error {
	if err := d.turn(); err != nil {
		return err
	}
	return d.hasty.rename(from, to)
}

func (d *failing) syncDir(string) error { return d.turn() }

func (d *failing) lock(name string, wait time.Duration) (func(), error) {
	if err := d.turn(); err != nil {
		return nil, err
	}
	return d.hasty.lock(name, wait)
}

// TestTheDiskFailsAnywhere lets each single operation fail in turn, once, for
// three operations, and for good: what was acknowledged stays, nothing stands
// twice or half, and what was not acknowledged is written when the disk is
// well again.
func TestTheDiskFailsAnywhere(t *testing.T) {
	const calls = 12
	failed := 0
	for _, lasting := range []int{1, 3, 1 << 30} {
		for at := 1; ; at++ {
			dir := t.TempDir()
			d := &failing{at: at, until: at + lasting, with: errors.New("no space left on device")}
			b := Open(Options{Dir: dir, Keep: 3, sys: d})
			b.calls.keep = 4 // shortened after 12 lines
			acknowledged := -1
			for i := range calls + 2 {
				if err := b.AddCall(sampleCall(i)); err == nil {
					acknowledged = i
				} else if b.Pending() == 0 && acknowledged < i {
					acknowledged = i // safe, but the file could not be shortened
				}
				check(t, dir, acknowledged, b.Pending(), i)
			}
			if d.count < at {
				break // every operation had its turn
			}
			failed++
			d.at = 0
			if err := b.Flush(); err != nil || b.Pending() != 0 {
				t.Fatalf("operation %d: on a well disk: %v, %d pending", at, err, b.Pending())
			}
			if err := b.AddCall(sampleCall(calls + 2)); err != nil {
				t.Fatalf("operation %d: on a well disk: %v", at, err)
			}
			check(t, dir, calls+2, 0, calls+2)
		}
	}
	if failed < 100 {
		t.Errorf("only %d failures were tried", failed)
	}
}

// check reads the file with a disk that is well.
func check(t *testing.T, dir string, acknowledged, pending, last int) {
	t.Helper()
	calls, report, err := Open(Options{Dir: dir, Keep: 100}).Calls()
	if err != nil {
		t.Fatal(err)
	}
	if acknowledged >= 0 && len(calls) == 0 {
		t.Fatalf("call %d was acknowledged and nothing is there; %v", acknowledged, report)
	}
	for i := 1; i < len(calls); i++ {
		if !calls[i].Started.After(calls[i-1].Started) {
			t.Fatalf("calls stand twice, or not in their order: %v", calls)
		}
	}
	if acknowledged >= 0 && calls[len(calls)-1].Started.Before(sampleCall(acknowledged).Started) {
		t.Fatalf("call %d was acknowledged; the last one there is %s", acknowledged, calls[len(calls)-1].Peer)
	}
	if pending == 0 && calls[len(calls)-1].Peer != sampleCall(last).Peer {
		t.Fatalf("nothing waits, and call %d is not there", last)
	}
}

func TestAfterAFailureTheOldFileIsWhole(t *testing.T) {
	_, path := filled(t, 3, 0)
	before := read(t, path)
	d := &failing{at: 1, until: 1 << 30, with: errors.New("input/output error")}
	b := Open(Options{Dir: filepath.Dir(path), sys: d})
	if err := b.AddCall(sampleCall(4)); err == nil {
		t.Error("a disk that fails acknowledged a call")
	}
	d.at, d.until = d.count+4, d.count+5 // lock, open, then the write itself
	for range 3 {
		_ = b.Flush()
	}
	if b.Pending() != 0 {
		t.Fatalf("%d pending on a well disk", b.Pending())
	}
	if now := read(t, path); !bytes.HasPrefix(now, before) || bytes.Count(now, []byte("\n")) != 4 {
		t.Errorf("the old lines changed:\n%s", now)
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	d := &failing{at: 1, until: 1 << 30, with: errors.New("no space left on device")}
	b := Open(Options{Dir: t.TempDir(), sys: d})
	var err error
	for i := range maxPending + 3 {
		err = b.AddCall(sampleCall(i))
	}
	if b.Pending() != maxPending || err == nil || err.Error() != "no space left on device; 3 records are lost, 1000 wait" {
		t.Errorf("%d pending, %v", b.Pending(), err)
	}
}

// TestALockThatSomebodyHoldsIsWaitedFor, for a while: then the call waits in
// memory and is written with the next.
func TestALockThatSomebodyHoldsIsWaitedFor(t *testing.T) {
	b, path := filled(t, 1, 0)
	b.calls.wait = 20 * time.Millisecond
	unlock, err := disk{}.lock(path+".lock", 0)
	if err != nil {
		needs.Missing(t, "no locks here: ", err)
	}
	if err := b.AddCall(sampleCall(1)); !errors.Is(err, flock.ErrBusy) || b.Pending() != 1 {
		t.Errorf("while it is held: %v, %d pending", err, b.Pending())
	}
	if calls, _, err := b.Calls(); err != nil || len(calls) != 1 {
		t.Errorf("reading while it is held: %d calls, %v", len(calls), err)
	}
	unlock()
	if err := b.AddCall(sampleCall(2)); err != nil || b.Pending() != 0 {
		t.Errorf("when it is free: %v, %d pending", err, b.Pending())
	}
	if calls, _, err := b.Calls(); err != nil || len(calls) != 3 {
		t.Errorf("in the end: %d calls, %v", len(calls), err)
	}
}

// lockless is a disk that knows no locks, as some network disks.
type lockless struct{ hasty }

func (lockless) lock(string, time.Duration) (func(), error) { return nil, flock.ErrNone }

func TestWithoutLocksItIsAppendedAndNeverShortened(t *testing.T) {
	dir := t.TempDir()
	b := Open(Options{Dir: dir, Keep: 5, sys: lockless{}})
	for i := range 40 {
		if err := b.AddCall(sampleCall(i)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "history.jsonl"))
	if err != nil || bytes.Count(data, []byte("\n")) != 40 {
		t.Errorf("%v, %d lines", err, bytes.Count(data, []byte("\n")))
	}
	if calls, report, err := b.Calls(); err != nil || len(calls) != 5 || !report.Whole() {
		t.Errorf("%d calls, %v, %v", len(calls), report, err)
	}
}
