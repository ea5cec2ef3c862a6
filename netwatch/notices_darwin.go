package netwatch

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/net/route"
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
	messages, err := route.ParseRIB(route.RIBTypeRoute, f.buf[:n])
	if err != nil {
		// A message of a kind that the package does not know still says that
		// something changed.
		hint(Reason{Kind: Notified})
		return nil
	}
	for _, m := range messages {
		if r, ok := f.links.notice(m); ok {
			hint(r)
		}
	}
	return nil
}

// notice is what one message means, if anything.
func (l links) notice(m route.Message) (Reason, bool) {
	switch m := m.(type) {
	case *route.InterfaceMessage:
		const carrier = unix.IFF_UP | unix.IFF_RUNNING
		return l.set(m.Index, m.Name, m.Flags&carrier == carrier)
	case *route.InterfaceAddrMessage:
		k := AddressAdded
		if m.Type == unix.RTM_DELADDR {
			k = AddressLost
		}
		return l.addr(k, m.Index, routeAddr(m.Addrs)), true
	case *route.RouteMessage:
		// Neighbours are host routes here, and so is the cache: both come and go
		// with the traffic. Questions of other processes are told, too.
		if m.Flags&(unix.RTF_LLINFO|unix.RTF_WASCLONED) != 0 {
			return Reason{}, false
		}
		switch m.Type {
		case unix.RTM_ADD, unix.RTM_DELETE, unix.RTM_CHANGE:
			return Reason{Kind: Notified, Detail: "a route"}, true
		}
	}
	return Reason{}, false
}

// routeAddr is the interface's address among those of a message; zero when
// there is none.
func routeAddr(addrs []route.Addr) netip.Addr {
	if len(addrs) <= unix.RTAX_IFA {
		return netip.Addr{}
	}
	switch a := addrs[unix.RTAX_IFA].(type) {
	case *route.Inet4Addr:
		return netip.AddrFrom4(a.IP)
	case *route.Inet6Addr:
		return netip.AddrFrom16(a.IP)
	}
	return netip.Addr{}
}
