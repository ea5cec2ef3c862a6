//go:build unix

package config

import (
	"os"
	"syscall"
)

// lock takes f for this process without waiting. The system drops the lock
// when the file is closed.
func lock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
