package lab

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Impairment is what one direction of a link does to its packets.
type Impairment struct {
	Delay     time.Duration
	Jitter    time.Duration // added to Delay, between nothing and this; order is kept
	Loss      float64       // share of packets lost, 0 to 1
	Duplicate float64       // share sent twice
	Reorder   float64       // share that overtakes what waits; needs Delay
}

// Wire is a link emulator: it sits in a namespace in the middle of a link and
// passes frames on; those that look for neighbours at once. Many kernels lack the queueing discipline for this.
type Wire struct {
	lab           *Lab
	host          *Host
	toFar, toCore *lane
	coreFD, farFD *os.File
	running       sync.WaitGroup
}

func (l *Lab) newWire(name string) (*Wire, error) {
	h, err := newHost("wire-"+name, l.Dir, l.guard)
	if h == nil {
		return nil, err
	}
	w := &Wire{lab: l, host: h}
	l.wires[name] = w
	if err != nil {
		return nil, err
	}
	// The wire itself must not say a word.
	return w, h.Sysctls(map[string]string{"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1"})
}

// Wire is the emulator of one of the first phone's uplinks, or with Callee that
// of the callee's link. It is nil in a lab without emulators.
func (l *Lab) Wire(link string) *Wire {
	if link == Callee {
		return l.wires["callee"]
	}
	return l.Handset.Wire(link)
}

// Delay sets the same delay in both directions of every emulator.
func (l *Lab) Delay(d time.Duration) {
	for _, w := range l.wires {
		w.Set(Impairment{Delay: d}, Impairment{Delay: d})
	}
}

// Set changes what happens to packets from now on. out is the direction away
// from the host, in the one towards it.
func (w *Wire) Set(out, in Impairment) {
	w.toCore.set(out)
	w.toFar.set(in)
}

// open begins to pass frames between two interfaces of the wire's namespace.
func (w *Wire) open(core, far string) error {
	for _, name := range []string{core, far} {
		if err := w.host.Raise(name); err != nil {
			return err
		}
	}
	var err error
	if w.coreFD, err = w.host.packetSocket(core); err != nil {
		return err
	}
	if w.farFD, err = w.host.packetSocket(far); err != nil {
		return err
	}
	w.toCore, w.toFar = newLane(w.coreFD), newLane(w.farFD)
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"wire to core", func() { w.toCore.run() }},
		{"wire to host", func() { w.toFar.run() }},
		{"wire from core", func() { w.pass(w.coreFD, w.toFar) }},
		{"wire from host", func() { w.pass(w.farFD, w.toCore) }},
	} {
		w.running.Add(1)
		w.lab.guard.Go(part.name, func() {
			defer w.running.Done()
			part.run()
		})
	}
	return nil
}

func (w *Wire) close() {
	for _, fd := range []*os.File{w.coreFD, w.farFD} {
		if fd != nil {
			_ = fd.Close()
		}
	}
	for _, lane := range []*lane{w.toCore, w.toFar} {
		if lane != nil {
			close(lane.done)
		}
	}
	w.running.Wait()
	_ = w.host.Close()
}

// pass reads frames until the socket is closed.
func (w *Wire) pass(from *os.File, to *lane) {
	raw, err := from.SyscallConn()
	if err != nil {
		return
	}
	buffer := make([]byte, 1<<16)
	for {
		n := -1
		err := raw.Read(func(fd uintptr) bool {
			var source unix.Sockaddr
			var err error
			n, source, err = unix.Recvfrom(int(fd), buffer, 0)
			if errors.Is(err, unix.EAGAIN) {
				return false
			}
			if ll, ok := source.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
				n = -1
			}
			return true
		})
		if err != nil {
			return
		}
		if n > 0 {
			to.accept(time.Now(), append([]byte(nil), buffer[:n]...))
		}
	}
}

// lane is one direction of a wire.
type lane struct {
	out  *os.File
	poke chan struct{} // capacity 1: look at the queue again
	done chan struct{}

	mu    sync.Mutex
	does  Impairment
	queue queue
	last  time.Time // when the youngest packet in order leaves
	count uint64
}

func newLane(out *os.File) *lane {
	return &lane{out: out, poke: make(chan struct{}, 1), done: make(chan struct{})}
}

func (l *lane) set(i Impairment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.does = i
}

func (l *lane) accept(now time.Time, frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	does := l.does
	near := neighbourly(frame)
	if near {
		does = Impairment{}
	}
	if rand.Float64() < does.Loss {
		return
	}
	copies := 1
	if rand.Float64() < does.Duplicate {
		copies = 2
	}
	leaves := now.Add(does.Delay)
	if does.Jitter > 0 {
		leaves = leaves.Add(rand.N(does.Jitter))
	}
	switch {
	case near:
	case does.Reorder > 0 && rand.Float64() < does.Reorder:
		leaves = now
	case leaves.Before(l.last):
		leaves = l.last
	default:
		l.last = leaves
	}
	for range copies {
		l.count++
		heap.Push(&l.queue, waiting{leaves, l.count, frame})
	}
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// neighbourly reports whether a frame only looks for neighbours: ARP, and the
// ICMPv6 of RFC 4861. A phone's router is near; what is far lies behind it.
func neighbourly(frame []byte) bool {
	if len(frame) < 14 {
		return false
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_ARP:
		return true
	case unix.ETH_P_IPV6:
		return len(frame) > 54 && frame[20] == unix.IPPROTO_ICMPV6 && frame[54] >= 133 && frame[54] <= 137
	}
	return false
}

// run sends what is due until the lane is done.
func (l *lane) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(l.flush())
		select {
		case <-l.done:
			return
		case <-l.poke:
		case <-timer.C:
		}
	}
}

// flush sends what is due and says how long nothing will be.
func (l *lane) flush() time.Duration {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.mu.Unlock()
			return time.Hour
		}
		if d := time.Until(l.queue[0].leaves); d > 0 {
			l.mu.Unlock()
			return d
		}
		frame := heap.Pop(&l.queue).(waiting).frame
		l.mu.Unlock()
		_, _ = l.out.Write(frame) // a link that is down loses it, as links do
	}
}

// waiting is a frame in the queue.
type waiting struct {
	leaves time.Time
	number uint64
	frame  []byte
}

type queue []waiting

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(waiting)) }
func (q queue) Less(i, j int) bool {
	if q[i].leaves.Equal(q[j].leaves) {
		return q[i].number < q[j].number
	}
	return q[i].leaves.Before(q[j].leaves)
}

func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// packetSocket sees and sends whole Ethernet frames on an interface of the
// host; "" is all of them, to listen only.
func (h *Host) packetSocket(iface string) (*os.File, error) {
	var file *os.File
	err := h.Do(func() error {
		all, first := htons(unix.ETH_P_ALL), uint16(0) // nothing comes in before the socket is bound
		if iface == "" {
			first = all
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(first))
		if err != nil {
			return fmt.Errorf("packet socket: %w", err)
		}
		file = os.NewFile(uintptr(fd), "packets of "+h.Name)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
		if iface == "" {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		}
		link, err := h.Links.LinkByName(iface)
		if err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Attrs().Index})
	})
	if err != nil && file != nil {
		_ = file.Close()
		return nil, err
	}
	return file, err
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// checksumsOff has the kernel fill in checksums before frames leave, and cut
// large segments: a frame that is read and sent again in the middle would
// arrive broken otherwise (`ethtool -K IFACE tx off`).
func (h *Host) checksumsOff(iface string) error {
	return h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		value := struct{ command, data uint32 }{unix.ETHTOOL_STXCSUM, 0}
		request := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(request.name[:unix.IFNAMSIZ-1], iface)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno != syscall.Errno(0) {
			return fmt.Errorf("transmit checksums of %s: %w", iface, errno)
		}
		return nil
	})
}
