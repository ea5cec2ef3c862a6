package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// keptLogs is how many old log files stay: ramble.log.1 is the youngest.
const keptLogs = 3

// rotating is a log file that starts afresh when it has grown too large. A
// disk that is full costs log lines, never a call: errors are not passed on
// after the file was opened.
type rotating struct {
	mu   sync.Mutex // guards what follows
	path string
	max  int64
	file *os.File
	size int64
}

// openRotating makes the folder only where ours is set: a folder that a person
// named is there, or the name is a mistake.
func openRotating(path string, maxSize int64, ours bool) (*rotating, error) {
	if ours {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	} else if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, os.ErrNotExist) {
		return nil, noFolder(path)
	}
	r := &rotating{path: path, max: maxSize}
	return r, r.open()
}

func (r *rotating) open() error {
	f, err := os.OpenFile(r.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	r.file, r.size = f, info.Size()
	return nil
}

func (r *rotating) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size > 0 && r.size+int64(len(p)) > r.max {
		r.rotate()
	}
	if r.file == nil {
		return len(p), nil
	}
	n, _ := r.file.Write(p)
	r.size += int64(n)
	return len(p), nil
}

// rotate renames .2 to .3, .1 to .2, the file to .1, and opens a new one.
func (r *rotating) rotate() {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
	for i := keptLogs - 1; i >= 0; i-- {
		_ = os.Rename(r.name(i), r.name(i+1))
	}
	if r.open() != nil {
		r.size = 0 // try again after another file's worth of lines
	}
}

func (r *rotating) name(i int) string {
	if i == 0 {
		return r.path
	}
	return fmt.Sprintf("%s.%d", r.path, i)
}

func (r *rotating) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
