package socket

import "syscall"

// What the system calls answer: Winsock's numbers, which are not those that
// package syscall gives the Unix names.
var (
	errInUse        = []syscall.Errno{10048, 10013} // WSAEADDRINUSE, and WSAEACCES for an exclusive port
	errNotAvailable = []syscall.Errno{10049}        // WSAEADDRNOTAVAIL
	errNoDevice     []syscall.Errno
)
