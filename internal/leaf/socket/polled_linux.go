package socket

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchSize  = 8    // datagrams that one call reads
	datagram   = 2048 // of which more is cut
	controlLen = 64   // room for a receive time
	// maxAge is the longest that a datagram is believed to have waited: past it the
	// wall clock was set meanwhile, or the machine slept.
	maxAge = 2 * time.Second
)

// Polled is a UDP socket that no goroutine waits at: its owner looks when it
// wants to. The runtime's poller does not know of it, so that a datagram that
// arrives wakes nobody. No call waits, and none allocates. The methods are safe
// from several goroutines.
type Polled struct {
	mu   sync.Mutex
	fd   int // -1: closed
	six  bool
	name unix.RawSockaddrAny // scratch of Send
}

// Poll takes a socket of ListenPacket over: c is closed, and the socket lives on
// in what is returned. An error leaves c as it was.
func Poll(c net.PacketConn) (*Polled, error) {
	u, ok := c.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	local, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &Polled{fd: -1, six: local.IP.To4() == nil}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if p.fd, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); failed == nil {
			// Without receive times the time of the look stands in for them.
			_ = unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		}
	})
	if err := errors.Join(err, failed); err != nil {
		return nil, err
	}
	_ = c.Close() // takes it out of the runtime's poller; the socket itself stays
	return p, nil
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	length uint32
}

// Batch is room for what one look finds. It serves one look at a time.
type Batch struct {
	heads    [batchSize]mmsghdr
	iovs     [batchSize]unix.Iovec
	names    [batchSize]unix.RawSockaddrAny
	data     [batchSize][datagram]byte
	controls [batchSize][controlLen / 8]uint64

	index uint32 // of the interface that name names
	name  string
}

// NewBatch returns an empty one.
func NewBatch() *Batch {
	b := &Batch{}
	for i := range b.heads {
		b.iovs[i].Base = &b.data[i][0]
		b.iovs[i].SetLen(datagram)
		h := &b.heads[i]
		h.Iov = &b.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Control = (*byte)(unsafe.Pointer(&b.controls[i]))
	}
	return b
}

// Receive hands over what has come, in order, each with how long ago the kernel
// had it. take must not keep the data, which are cut at 2048 bytes, and may use
// the socket. The error is of something sent before (ICMP), or net.ErrClosed.
func (p *Polled) Receive(b *Batch, take func(data []byte, from netip.AddrPort, age time.Duration)) error {
	for {
		for i := range b.heads {
			h := &b.heads[i]
			h.Namelen = unix.SizeofSockaddrAny
			h.SetControllen(controlLen)
			h.Flags = 0
		}
		n, err := p.receive(b)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		now := time.Now().UnixNano()
		for i := range n {
			h := &b.heads[i]
			if from := b.from(i); from.IsValid() {
				control := (*[controlLen]byte)(unsafe.Pointer(&b.controls[i]))[:h.Controllen]
				take(b.data[i][:min(h.length, datagram)], from, age(now, control))
			}
		}
		if n < batchSize {
			return nil
		}
	}
}

// receive makes the call. It is raw: with MSG_DONTWAIT it takes microseconds, and
// the scheduler need not know.
func (p *Polled) receive(b *Batch) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd < 0 {
		return 0, net.ErrClosed
	}
	for {
		n, _, no := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&b.heads[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch no {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		}
		p.drain()
		return 0, no
	}
}

// Send sends a datagram. Where there is no room for it now (EAGAIN) it is lost, as it
// may be anywhere on its way, and the caller counts it: who sends sound by a clock
// must not wait for one call's socket while the others' packets are due.
func (p *Polled) Send(b []byte, to netip.AddrPort) error {
	if len(b) == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd < 0 {
		return net.ErrClosed
	}
	size := p.put(to)
	if size == 0 {
		return unix.EAFNOSUPPORT
	}
	for again := true; ; again = false {
		_, _, no := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(p.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT,
			uintptr(unsafe.Pointer(&p.name)), size)
		switch {
		case no == 0:
			return nil
		case again && (no == unix.EINTR || pending(no)): // of something sent before
			p.drain()
			continue
		}
		return no
	}
}

// put writes an address for the kernel; 0: it is of the other family.
func (p *Polled) put(to netip.AddrPort) uintptr {
	at := to.Addr().Unmap()
	if p.six != at.Is6() {
		return 0
	}
	if p.six {
		s := (*unix.RawSockaddrInet6)(unsafe.Pointer(&p.name))
		*s = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: at.As16(), Scope_id: scope(at.Zone())}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&s.Port))[:], to.Port())
		return unix.SizeofSockaddrInet6
	}
	s := (*unix.RawSockaddrInet4)(unsafe.Pointer(&p.name))
	*s = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: at.As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&s.Port))[:], to.Port())
	return unix.SizeofSockaddrInet4
}

// scope is the number of an interface by its name.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0
	}
	return uint32(i.Index)
}

// from reads the address of the i-th datagram.
func (b *Batch) from(i int) netip.AddrPort {
	n := &b.names[i]
	switch n.Addr.Family {
	case unix.AF_INET:
		s := (*unix.RawSockaddrInet4)(unsafe.Pointer(n))
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&s.Port))[:]))
	case unix.AF_INET6:
		s := (*unix.RawSockaddrInet6)(unsafe.Pointer(n))
		at := netip.AddrFrom16(s.Addr).Unmap()
		if s.Scope_id != 0 {
			at = at.WithZone(b.zone(s.Scope_id))
		}
		return netip.AddrPortFrom(at, binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&s.Port))[:]))
	}
	return netip.AddrPort{}
}

// zone is the name of an interface, asked for once while it stays the same.
func (b *Batch) zone(index uint32) string {
	if b.index != index {
		b.index, b.name = index, strconv.Itoa(int(index))
		if i, err := net.InterfaceByIndex(int(index)); err == nil {
			b.name = i.Name
		}
	}
	return b.name
}

// age is how long ago the kernel had a datagram, by its control messages; 0:
// unknown.
func age(now int64, control []byte) time.Duration {
	const head = unix.SizeofCmsghdr
	if len(control) < head+int(unsafe.Sizeof(unix.Timespec{})) {
		return 0
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SO_TIMESTAMPNS {
		return 0
	}
	at := (*unix.Timespec)(unsafe.Pointer(&control[unix.CmsgLen(0)]))
	if d := time.Duration(now - at.Nano()); d > 0 && d <= maxAge {
		return d
	}
	return 0
}

// drain empties the queue of errors, which takes the room of datagrams.
func (p *Polled) drain() {
	var data [1]byte
	var oob [512]byte
	for range 64 {
		if _, _, _, _, err := unix.Recvmsg(p.fd, data[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT); err != nil {
			return
		}
	}
}

// Close closes the socket. It may be called again.
func (p *Polled) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd < 0 {
		return net.ErrClosed
	}
	err := unix.Close(p.fd)
	p.fd = -1
	return err
}
