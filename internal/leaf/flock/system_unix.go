//go:build unix

package flock

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes f for this process without waiting. The system drops the lock
// when the file is closed, and with the process however it ends.
func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
		return ErrBusy
	}
	return ErrNone
}
