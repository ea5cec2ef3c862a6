package lab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Capture keeps every frame that a host sends and receives, with the kernel's
// time.
type Capture struct {
	file *os.File
	done chan struct{}

	mu     sync.Mutex
	frames []Frame
}

// Frame is a captured Ethernet frame.
type Frame struct {
	At   time.Time
	Out  bool // sent by the host
	Data []byte
}

// Capture begins to capture on a host. Stop it.
func (l *Lab) Capture(host string) (*Capture, error) {
	file, err := l.Host(host).packetSocket("")
	if err != nil {
		return nil, err
	}
	c := &Capture{file: file, done: make(chan struct{})}
	l.guard.Go("capture on "+host, func() {
		defer close(c.done)
		c.run()
	})
	return c, nil
}

// Stop ends the capture. Frames stay.
func (c *Capture) Stop() {
	_ = c.file.Close()
	<-c.done
}

func (c *Capture) run() {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return
	}
	frame, control := make([]byte, 1<<16), make([]byte, 256)
	for {
		var f Frame
		err := raw.Read(func(fd uintptr) bool {
			n, cn, _, from, err := unix.Recvmsg(int(fd), frame, control, 0)
			if errors.Is(err, unix.EAGAIN) {
				return false
			}
			if ll, ok := from.(*unix.SockaddrLinklayer); ok && err == nil {
				f = Frame{stamped(control[:cn]), ll.Pkttype == unix.PACKET_OUTGOING, slices.Clone(frame[:n])}
			}
			return true
		})
		if err != nil {
			return
		}
		if f.Data != nil {
			c.mu.Lock()
			c.frames = append(c.frames, f)
			c.mu.Unlock()
		}
	}
}

// stamped is the kernel's time of arrival, from SO_TIMESTAMPNS.
func stamped(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			sec := binary.NativeEndian.Uint64(m.Data)
			nsec := binary.NativeEndian.Uint64(m.Data[8:])
			return time.Unix(int64(sec), int64(nsec))
		}
	}
	return time.Now()
}

// Frames are those captured so far.
func (c *Capture) Frames() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.frames)
}

// Packets are the UDP and TCP packets captured so far.
func (c *Capture) Packets() []Packet {
	var out []Packet
	for _, f := range c.Frames() {
		if p, ok := parseFrame(f); ok {
			out = append(out, p)
		}
	}
	return out
}

// WriteFile writes what was captured as pcap, with nanoseconds, for Wireshark.
func (c *Capture) WriteFile(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	head := binary.LittleEndian.AppendUint32(nil, 0xa1b23c4d) // magic: nanoseconds
	head = binary.LittleEndian.AppendUint32(head, 2|4<<16)    // version 2.4
	head = append(head, make([]byte, 8)...)                   // UTC; accuracy, always zero
	head = binary.LittleEndian.AppendUint32(head, 1<<16)      // no frame is longer
	head = binary.LittleEndian.AppendUint32(head, 1)          // Ethernet
	_, _ = w.Write(head)                                      // Flush tells
	for _, f := range c.Frames() {
		record := binary.LittleEndian.AppendUint32(nil, uint32(f.At.Unix()))
		record = binary.LittleEndian.AppendUint32(record, uint32(f.At.Nanosecond()))
		record = binary.LittleEndian.AppendUint32(record, uint32(len(f.Data)))
		record = binary.LittleEndian.AppendUint32(record, uint32(len(f.Data)))
		_, _ = w.Write(record)
		_, _ = w.Write(f.Data)
	}
	return errors.Join(w.Flush(), file.Close())
}
