package device

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// fifoRoom is how many bytes a FIFO of ours holds: 256 ms at 8000 Hz. Whoever reads
// late hears the latest sound, not that of seconds ago.
const fifoRoom = 4096

const setPipeSize = 1031 // F_SETPIPE_SZ of fcntl(2)

// pipe is a pair of FIFOs as the sound of a call. It never waits at them: what is
// not there is silence, what has no room takes the place of the oldest.
type pipe struct {
	in, out string
	mic     *fifo // nil: silence
	ear     *fifo // nil: nobody listens
	bytes   []byte
	odd     int // bytes of a sample that has come by half
}

func (p *pipe) probe() error {
	if p.in == "" && p.out == "" {
		return errors.New("name a FIFO to read or to write: pipe:in=A,out=B")
	}
	for _, path := range []string{p.in, p.out} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w (make it with mkfifo)", err)
		} else if info.Mode()&os.ModeNamedPipe == 0 {
			return fmt.Errorf("%s is no FIFO (make one with mkfifo)", path)
		}
	}
	if p.in == p.out {
		return fmt.Errorf("%s cannot be read and written: name two FIFOs", p.in)
	}
	return nil
}

// open takes both ends of each FIFO, so that it neither waits for the other side
// nor ends with it.
func (p *pipe) open() (err error) {
	if p.in != "" {
		if p.mic, err = openFIFO(p.in, false); err != nil {
			return err
		}
	}
	if p.out != "" {
		p.ear, err = openFIFO(p.out, true)
	}
	return err
}

func (p *pipe) room(n int) []byte {
	if len(p.bytes) < 2*n {
		p.bytes = make([]byte, 2*n)
		p.odd = 0
	}
	return p.bytes[:2*n]
}

func (p *pipe) write(frame []int16) error {
	if p.ear == nil {
		return nil
	}
	b := p.ear.buf(len(frame))
	for i, s := range frame {
		binary.LittleEndian.PutUint16(b[2*i:], uint16(s))
	}
	_, err := p.ear.pass(b)
	return err
}

func (p *pipe) read(frame []int16) error {
	if p.mic == nil {
		clear(frame)
		return nil
	}
	b := p.room(len(frame))
	n, err := p.mic.pass(b[p.odd:])
	if err != nil {
		return err
	}
	n += p.odd
	for i := range n / 2 {
		frame[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	clear(frame[n/2:])
	if p.odd = n % 2; p.odd == 1 {
		b[0] = b[n-1]
	}
	return nil
}

func (p *pipe) close() error { return errors.Join(p.mic.close(), p.ear.close()) }

// fifo is one of them, open. Its step is made once, so that a frame costs no
// allocation.
type fifo struct {
	file  *os.File
	raw   syscall.RawConn
	step  func(fd uintptr) bool
	data  []byte
	spare []byte
	old   [fifoRoom]byte
	sized bool
	n     int
	err   error
}

func openFIFO(path string, out bool) (*fifo, error) {
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the pipe: %w", err)
	}
	f := &fifo{file: file}
	if f.raw, err = file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("cannot use the pipe %s: %w", path, errors.Join(err, file.Close()))
	}
	f.step = f.read
	if out {
		f.step = f.write
	}
	return f, nil
}

// read takes what is there, and never waits.
func (f *fifo) read(fd uintptr) bool {
	f.n, f.err = syscall.Read(int(fd), f.data)
	return true
}

// write puts the data in, by pieces that go in whole or not at all, and takes out
// the oldest where there is no room.
func (f *fifo) write(fd uintptr) bool {
	if !f.sized { // else it holds seconds, which costs delay and no more
		f.sized = true
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, fifoRoom)
	}
	for rest := f.data; len(rest) > 0; {
		piece := rest[:min(len(rest), fifoRoom)]
		_, f.err = syscall.Write(int(fd), piece)
		if errors.Is(f.err, syscall.EAGAIN) {
			n, err := syscall.Read(int(fd), f.old[:len(piece)])
			if n > 0 && err == nil {
				continue
			}
		}
		if f.err != nil {
			return true
		}
		f.n += len(piece)
		rest = rest[len(piece):]
	}
	return true
}

func (f *fifo) buf(samples int) []byte {
	if len(f.spare) < 2*samples {
		f.spare = make([]byte, 2*samples)
	}
	return f.spare[:2*samples]
}

// pass reads into b or writes it, as much as goes now.
func (f *fifo) pass(b []byte) (int, error) {
	f.data, f.n, f.err = b, 0, nil
	if err := f.raw.Read(f.step); err != nil {
		return 0, fmt.Errorf("pipe: %w", err)
	}
	switch {
	case f.err == nil:
		return max(f.n, 0), nil
	case errors.Is(f.err, syscall.EAGAIN), errors.Is(f.err, syscall.EINTR):
		return 0, nil
	}
	return 0, fmt.Errorf("pipe: %w", f.err)
}

func (f *fifo) close() error {
	if f == nil {
		return nil
	}
	return f.file.Close()
}
