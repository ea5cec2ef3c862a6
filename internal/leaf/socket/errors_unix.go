//go:build unix

package socket

import "syscall"

// What the system calls answer.
var (
	errInUse        = []syscall.Errno{syscall.EADDRINUSE}
	errNotAvailable = []syscall.Errno{syscall.EADDRNOTAVAIL}
	errNoDevice     = []syscall.Errno{syscall.ENODEV, syscall.ENXIO}
)
