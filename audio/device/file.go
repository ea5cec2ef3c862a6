package device

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"ramble/audio"
)

// player is a WAV file as a microphone.
type player struct {
	path  string
	again bool // from the start when it has ended

	file  *os.File // nil when not running
	wav   *audio.WAVReader
	rate  *audio.Resampler // from the file's to the device's
	frame []int16          // at the file's rate
	ended bool
}

// probe looks whether the file can be played, and returns its rate.
func (p *player) probe() (rate int, err error) {
	if err := p.open(); err != nil {
		return 0, err
	}
	defer p.stop()
	return p.wav.Rate(), nil
}

func (p *player) open() error {
	if info, err := os.Stat(p.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", p.path) // a pipe would block the call
	}
	f, err := os.Open(p.path)
	if err != nil {
		return fmt.Errorf("cannot play: %w", err)
	}
	if p.wav, err = audio.NewWAVReader(f); err != nil {
		return fmt.Errorf("cannot play %s: %w", p.path, errors.Join(err, f.Close()))
	}
	p.file = f
	return nil
}

func (p *player) start(rate int) error {
	if err := p.open(); err != nil {
		return err
	}
	p.ended = false
	p.rate = audio.NewResampler(p.wav.Rate(), rate)
	p.frame = make([]int16, p.wav.Rate()) // a second is the longest frame
	return nil
}

func (p *player) stop() {
	p.file.Close() // it was only read
	p.file = nil
}

// fill takes the next frame; silence follows the end.
func (p *player) fill(dst []int16) error {
	frame := p.frame[:min(p.rate.Need(len(dst)), len(p.frame))]
	n := 0
	for rewound := false; n < len(frame) && !p.ended; {
		got, err := p.wav.Read(frame[n:])
		n += got
		rewound = rewound && got == 0 // nothing since: there is nothing
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("cannot play %s: %w", p.path, err)
		case p.again && !rewound:
			if err := p.rewind(); err != nil {
				return err
			}
			rewound = true
		default:
			p.ended = true
		}
	}
	clear(frame[n:])
	clear(dst[p.rate.Process(dst, frame):])
	return nil
}

func (p *player) rewind() error {
	_, err := p.file.Seek(0, io.SeekStart)
	if err == nil {
		p.wav, err = audio.NewWAVReader(p.file)
	}
	if err != nil {
		return fmt.Errorf("cannot play %s again: %w", p.path, err)
	}
	return nil
}

// recorder is a WAV file as a loudspeaker.
type recorder struct {
	path string

	file *os.File // nil when not running
	wav  *audio.WAVWriter
}

// probe looks whether the file could be made, without making it.
func (r *recorder) probe(mic *player) error {
	if info, err := os.Stat(r.path); err == nil {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("cannot record into %s: it is not a file", r.path)
		}
		if mic != nil {
			if played, err := os.Stat(mic.path); err == nil && os.SameFile(info, played) {
				return fmt.Errorf("cannot record into %s: it is being played", r.path)
			}
		}
		return nil
	}
	if info, err := os.Stat(filepath.Dir(r.path)); err != nil || !info.IsDir() {
		return fmt.Errorf("cannot record into %s: there is no folder %s", r.path, filepath.Dir(r.path))
	}
	return nil
}

// start makes the file, or goes on with it if this is not the first run: what
// was recorded before a change of device stays.
func (r *recorder) start(rate int) error {
	flags, done := os.O_RDWR|os.O_CREATE, int64(0)
	if r.wav == nil {
		flags |= os.O_TRUNC
	} else {
		done = r.wav.Samples()
	}
	f, err := os.OpenFile(r.path, flags, 0o600) // a conversation is private
	if err != nil {
		return fmt.Errorf("cannot record: %w", err)
	}
	if r.wav, err = audio.ResumeWAV(f, rate, done); err != nil {
		return fmt.Errorf("cannot record into %s: %w", r.path, errors.Join(err, f.Close()))
	}
	r.file = f
	return nil
}

func (r *recorder) take(frame []int16) error {
	if err := r.wav.Write(frame); err != nil {
		return fmt.Errorf("cannot record into %s: %w", r.path, err)
	}
	return nil
}

func (r *recorder) stop() error {
	if err := errors.Join(r.wav.Flush(), r.file.Close()); err != nil {
		return fmt.Errorf("cannot record into %s: %w", r.path, err)
	}
	return nil
}
