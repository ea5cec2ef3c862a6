package history

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"ramble/internal/leaf/flock"
)

// system is the disk. Tests bring one that fails.
type system interface {
	open(name string, flag int) (file, error) // mode 0600, its directory 0700
	rename(from, to string) error
	remove(name string) error
	names(dir string) ([]string, error) // of the files in it; none where it is not there
	// lock takes name for this process, waiting at most so long; unlock gives
	// it back. flock.ErrNone: this disk knows no locks.
	lock(name string, wait time.Duration) (unlock func(), err error)
	syncDir(name string) error
}

// file is an open file of a system.
type file interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Writer
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
}

// disk is the system's own.
type disk struct{}

type diskFile struct{ *os.File }

func (f diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (disk) open(name string, flag int) (file, error) {
	if flag&os.O_CREATE != 0 {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, err
		}
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // to open a pipe would wait for its other end
		return nil, &os.PathError{Op: "open", Path: name, Err: errors.New("it is no regular file")}
	}
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (disk) rename(from, to string) error { return os.Rename(from, to) }
func (disk) remove(name string) error     { return os.Remove(name) }

func (disk) names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (disk) lock(name string, wait time.Duration) (func(), error) { return flock.Take(name, wait) }

// syncDir makes the names in a directory durable. Windows has no way to ask
// for it.
func (disk) syncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
