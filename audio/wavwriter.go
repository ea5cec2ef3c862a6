package audio

import (
	"encoding/binary"
	"errors"
	"io"
)

const (
	wavHeader = 44
	// wavMax is the most sound, in bytes, that the header's 32 bits can tell.
	wavMax = 1<<32 - 1 - wavHeader
	// flushes is how many times in a second of sound the file is brought up
	// to date. A process that is killed loses no more than that.
	flushes = 4
)

// ErrWAVFull is returned when a WAV file can grow no more (4 GiB).
var ErrWAVFull = errors.New("the WAV file is full")

// WAVWriter writes mono PCM of 16 bits to a file. Four times in a second of
// sound what was gathered is written and then the header made to tell of it,
// so that the file is whole at every moment: a crash or SIGKILL costs the last
// quarter of a second and nothing else.
type WAVWriter struct {
	w       io.WriterAt
	rate    int
	written int64  // bytes of sound in the file
	pending []byte // not yet in it
}

// ResumeWAV goes on with a file that it began and that holds so many samples;
// what lies beyond is overwritten. With 0 it begins one, whose header tells of no
// sound. The caller owns the file, and closes it after Flush.
func ResumeWAV(w io.WriterAt, rate int, samples int64) (*WAVWriter, error) {
	ww := &WAVWriter{w: w, rate: rate, written: 2 * samples, pending: make([]byte, 0, 2*max(rate/flushes, 1))}
	return ww, ww.header()
}

// Samples is how many were accepted so far.
func (w *WAVWriter) Samples() int64 { return (w.written + int64(len(w.pending))) / 2 }

// Write takes samples. Most calls only gather them.
func (w *WAVWriter) Write(samples []int16) error {
	for len(samples) > 0 {
		if w.written+int64(cap(w.pending)) > wavMax {
			return ErrWAVFull
		}
		n := min(len(samples), (cap(w.pending)-len(w.pending))/2)
		at := len(w.pending)
		w.pending = w.pending[:at+2*n]
		putPCM16(w.pending[at:], samples[:n])
		samples = samples[n:]
		if cap(w.pending)-len(w.pending) < 2 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Flush brings the file up to date: first the sound, then the header, which
// so never promises what is not there.
func (w *WAVWriter) Flush() error {
	if len(w.pending) == 0 {
		return nil
	}
	if _, err := w.w.WriteAt(w.pending, wavHeader+w.written); err != nil {
		return err
	}
	w.written += int64(len(w.pending))
	w.pending = w.pending[:0]
	return w.header()
}

func (w *WAVWriter) header() error {
	var h [wavHeader]byte
	le := binary.LittleEndian
	copy(h[0:], "RIFF")
	le.PutUint32(h[4:], uint32(wavHeader-8+w.written))
	copy(h[8:], "WAVEfmt ")
	le.PutUint32(h[16:], 16)
	le.PutUint16(h[20:], formatPCM)
	le.PutUint16(h[22:], 1) // channel
	le.PutUint32(h[24:], uint32(w.rate))
	le.PutUint32(h[28:], uint32(2*w.rate))
	le.PutUint16(h[32:], 2)  // bytes a sample
	le.PutUint16(h[34:], 16) // bits
	copy(h[36:], "data")
	le.PutUint32(h[40:], uint32(w.written))
	_, err := w.w.WriteAt(h[:], 0)
	return err
}
