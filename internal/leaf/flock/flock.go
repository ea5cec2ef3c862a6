// Package flock takes files for one process at a time. The system drops a lock
// with the process, however that ends, so that it tells whether a run still lives.
package flock

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Errors of Take.
var (
	ErrNone = errors.New("this disk knows no locks")
	ErrBusy = errors.New("another copy of ramble holds the file")
)

// every is how often a lock that somebody holds is tried.
const every = 5 * time.Millisecond

// Take takes name, a file that is made where there is none, waiting at most so
// long; release gives it back and leaves the file.
func Take(name string, wait time.Duration) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(wait)
	for {
		err := tryLock(f)
		if err == nil {
			return func() { _ = f.Close() }, nil // which gives the lock back
		}
		if !errors.Is(err, ErrBusy) || time.Now().After(until) {
			_ = f.Close()
			return nil, err
		}
		time.Sleep(every)
	}
}
