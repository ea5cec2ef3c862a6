package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	maxChunks    = 64      // chunks before the sound; files in the wild have under ten
	maxSkip      = 1 << 20 // bytes of a chunk that is passed over: a cover picture, not a film
	formatPCM    = 1
	formatExtend = 0xfffe
	unknownSize  = 0xffffffff // what a recorder that could not seek leaves
)

// WAVReader reads sound from a WAV file as mono samples: PCM of 8 or 16 bits
// in one or two channels, of which it takes the mean.
type WAVReader struct {
	r        io.Reader
	rate     int
	channels int
	bytes    int   // of one sample of one channel
	left     int64 // bytes of sound not yet read
	buf      [4096]byte
}

// NewWAVReader reads the header. An error says what is wrong with the file.
// A header that promises more sound than there is, as a recorder leaves that
// was killed, is no error. r should be buffered only if it is not a file: the
// sound is read in blocks.
func NewWAVReader(r io.Reader) (*WAVReader, error) {
	w := &WAVReader{r: r}
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, errors.New("not a WAV file")
	}
	for range maxChunks {
		if _, err := io.ReadFull(r, head[:8]); err != nil {
			return nil, errors.New("the WAV file ends before its sound begins")
		}
		size := binary.LittleEndian.Uint32(head[4:])
		switch string(head[:4]) {
		case "fmt ":
			if err := w.format(size); err != nil {
				return nil, err
			}
		case "data":
			if w.rate == 0 {
				return nil, errors.New("the WAV file does not say its format before its sound")
			}
			w.left = int64(size)
			if size == 0 || size == unknownSize {
				w.left = 1<<63 - 1 // up to the end of the file
			}
			return w, nil
		default:
			if err := w.skip(size, maxSkip); err != nil {
				return nil, err
			}
		}
	}
	return nil, errors.New("the WAV file has too much before its sound")
}

func (w *WAVReader) format(size uint32) error {
	var f [40]byte // WAVE_FORMAT_EXTENSIBLE; the plain one is 16
	if size < 16 {
		return errors.New("the format chunk of the WAV file is too short")
	}
	n := min(size, uint32(len(f)))
	if _, err := io.ReadFull(w.r, f[:n]); err != nil {
		return errors.New("the WAV file ends in its format chunk")
	}
	if err := w.skip(size-n, 1024); err != nil {
		return err
	}
	tag := binary.LittleEndian.Uint16(f[0:])
	if tag == formatExtend && n >= 26 {
		tag = binary.LittleEndian.Uint16(f[24:])
	}
	channels, bits := binary.LittleEndian.Uint16(f[2:]), binary.LittleEndian.Uint16(f[14:])
	rate := binary.LittleEndian.Uint32(f[4:])
	switch {
	case tag != formatPCM:
		return fmt.Errorf("the WAV file is compressed (format %#x); only PCM can be read", tag)
	case channels != 1 && channels != 2:
		return fmt.Errorf("the WAV file has %d channels; one or two can be read", channels)
	case bits != 8 && bits != 16:
		return fmt.Errorf("the WAV file has samples of %d bits; 8 or 16 can be read", bits)
	case rate < MinRate || rate > MaxRate:
		return fmt.Errorf("the WAV file has %d samples a second; %d to %d can be read", rate, MinRate, MaxRate)
	}
	w.rate, w.channels, w.bytes = int(rate), int(channels), int(bits/8)
	return nil
}

// skip passes over a chunk's rest and the byte that evens it out.
func (w *WAVReader) skip(size uint32, limit int64) error {
	n := int64(size) + int64(size&1)
	if n > limit {
		return fmt.Errorf("the WAV file has a chunk of %d bytes before its sound", size)
	}
	if _, err := io.CopyN(io.Discard, w.r, n); err != nil {
		return errors.New("the WAV file ends before its sound begins")
	}
	return nil
}

// Rate is the file's samples per second.
func (w *WAVReader) Rate() int { return w.rate }

// Read fills dst with samples and returns how many there were; fewer than
// asked for come with io.EOF at the end, or with what went wrong.
func (w *WAVReader) Read(dst []int16) (n int, err error) {
	block := w.bytes * w.channels
	for n < len(dst) {
		want := min(int64(len(w.buf)/block), int64(len(dst)-n), w.left/int64(block)) * int64(block)
		if want == 0 {
			return n, io.EOF
		}
		got, err := io.ReadFull(w.r, w.buf[:want])
		w.left -= int64(got)
		whole := got / block
		w.convert(dst[n:n+whole], w.buf[:whole*block])
		n += whole
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (w *WAVReader) convert(dst []int16, src []byte) {
	for i := range dst {
		sum := 0
		for range w.channels {
			if w.bytes == 1 { // unsigned, unlike 16 bits
				sum += (int(src[0]) - 128) << 8
			} else {
				sum += int(int16(binary.LittleEndian.Uint16(src)))
			}
			src = src[w.bytes:]
		}
		dst[i] = int16(sum / w.channels)
	}
}
