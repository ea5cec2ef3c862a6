package history

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ramble/internal/leaf/flock"
)

// Killed is the cause of a call whose program ended without a word.
const Killed = "killed"

// unfinished is the file of one run with the calls that are not over. It says
// what a run that is killed cannot say any more. A lock beside it tells the
// others whether that run lives.
type unfinished struct {
	sys    system
	dir    string
	path   string // empty: not made yet
	unlock func()
}

const (
	unfinishedPrefix = "unfinished-"
	unfinishedSuffix = ".jsonl"
)

// Underway says which calls are not over, all of them; Ended is the last
// moment at which each was known to live. A call is over with AddCall and by
// being absent here. It is not synced: a kill takes nothing that was written,
// and a power cut at most these lines.
func (b *Book) Underway(calls []Call) error {
	u := &b.open
	if len(calls) == 0 {
		return u.clear()
	}
	var text []byte
	for _, c := range calls {
		c.State = "ended"
		line, err := encode(c.Ended, "unfinished", c)
		if err == nil {
			err = c.valid()
		}
		if err != nil {
			return fmt.Errorf("an unfinished call was not written: %w", err)
		}
		text = append(text, line...)
	}
	return u.write(text)
}

// Close forgets the calls that are not over, and gives the run's own file
// back. Use it at the end of a run that said goodbye.
func (b *Book) Close() error {
	u := &b.open
	err := u.clear()
	if u.unlock != nil {
		u.unlock() // first: Windows removes no open file
		err = errors.Join(err, gone(u.sys.remove(u.path+".lock")))
		u.unlock, u.path = nil, ""
	}
	return err
}

// Adopt takes over the calls of runs that were killed: each is put into the
// history as ended when it was last known to live. It says how many.
func (b *Book) Adopt() (n int, err error) {
	names, err := b.open.sys.names(b.open.dir)
	if err != nil || len(names) == 0 {
		return 0, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, unfinishedPrefix) || !strings.HasSuffix(name, unfinishedSuffix) {
			continue
		}
		adopted, e := b.adopt(filepath.Join(b.open.dir, name))
		n += adopted
		err = errors.Join(err, e)
	}
	return n, err
}

func (b *Book) adopt(path string) (n int, err error) {
	sys := b.open.sys
	unlock, err := sys.lock(path+".lock", 0)
	if err != nil { // its run lives, or this disk cannot tell
		return 0, nil
	}
	n, err = b.take(path)
	unlock()
	if err != nil {
		return n, err
	}
	return n, gone(sys.remove(path + ".lock"))
}

// take moves the calls of a file to the history. Its lock is held.
func (b *Book) take(path string) (n int, err error) {
	f, err := b.open.sys.open(path, os.O_RDONLY)
	if err != nil {
		return 0, gone(err) // another start was faster
	}
	var failed error
	_, err = each(f, func(l line) {
		c, bad := decode[Call](l.text, "unfinished")
		if bad != nil {
			return // torn by the kill itself
		}
		c.Cause, c.Reason, c.Code = Killed, "", 0
		failed = errors.Join(failed, b.AddCall(c))
		n++
	})
	if err = errors.Join(err, failed, f.Close()); err != nil {
		return n, err
	}
	return n, gone(b.open.sys.remove(path))
}

// gone forgives that a file is not there.
func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// write puts the text in the place of what is there, whole or not at all.
func (u *unfinished) write(text []byte) error {
	if u.path == "" {
		path := filepath.Join(u.dir, fmt.Sprintf("%s%d-%d%s", unfinishedPrefix, os.Getpid(), time.Now().UnixNano(), unfinishedSuffix))
		unlock, err := u.sys.lock(path+".lock", 0)
		if errors.Is(err, flock.ErrNone) { // nobody could tell whether this run lives
			return nil
		}
		if err != nil {
			return err
		}
		u.path, u.unlock = path, unlock
	}
	next := u.path + ".new"
	f, err := u.sys.open(next, os.O_RDWR|os.O_TRUNC|os.O_CREATE)
	if err != nil {
		return err
	}
	_, err = f.Write(bytes.Clone(text))
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = u.sys.rename(next, u.path)
	}
	if err != nil {
		_ = u.sys.remove(next)
	}
	return err
}

func (u *unfinished) clear() error {
	if u.path == "" {
		return nil
	}
	return gone(u.sys.remove(u.path))
}
