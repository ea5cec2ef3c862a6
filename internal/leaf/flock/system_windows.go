package flock

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// tryLock takes f for this process without waiting. The system drops the lock
// when the file is closed, and with the process however it ends.
func tryLock(f *os.File) error {
	const exclusive, atOnce, violation = 2, 1, syscall.Errno(33)
	lockFileEx := syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")
	if lockFileEx.Find() != nil {
		return ErrNone
	}
	var at syscall.Overlapped
	ok, _, err := lockFileEx.Call(f.Fd(), exclusive|atOnce, 0, 1, 0, uintptr(unsafe.Pointer(&at)))
	switch {
	case ok != 0:
		return nil
	case errors.Is(err, violation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return ErrBusy
	}
	return ErrNone
}
