package netwatch

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Notifications returns what tells of changes on this system: the route socket.
func Notifications() []Hinter { return []Hinter{notices{openRoute}} }

// routeFeed is a route socket (route(4)).
type routeFeed struct {
	file  *os.File
	buf   []byte
	links links
}

func openRoute() (feed, error) {
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("route socket", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("route socket", err)
	}
	// Being non-blocking, it is read by way of the runtime's poller, and Close
	// ends a read that waits.
	return &routeFeed{file: os.NewFile(uintptr(fd), "route"), buf: make([]byte, 64<<10), links: currentLinks()}, nil
}

func (f *routeFeed) Close() error { return f.file.Close() }

// receive is feed's.
func (f *routeFeed) receive(hint func(Reason)) error {
	n, err := f.file.Read(f.buf)
	if errors.Is(err, unix.ENOBUFS) {
		f.links = currentLinks()
		hint(Reason{Kind: Notified, Detail: "some notifications were lost"})
		return nil
	}
	if err != nil {
		return err
	}
	f.links.routeMessages(f.buf[:n], hint)
	return nil
}
