package config

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock takes f for this process without waiting. The system drops the lock
// when the file is closed. It locks a byte far behind the content, because
// locks are mandatory on this system.
func lock(f *os.File) bool {
	at := &windows.Overlapped{Offset: 1 << 30}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, at) == nil
}
