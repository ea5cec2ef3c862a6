package history

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// shorten makes the file short again where it holds too many lines. The lock
// is held.
func (j *journal) shorten() error {
	f, err := j.sys.open(j.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	count := 0
	skipped, err := each(f, func(line) { count++ })
	if err != nil || count <= j.keep+j.slack() && skipped == 0 {
		return err
	}
	var kept, bad [][]byte
	var report Report
	keep := func(text []byte) { kept = append(kept, text) }
	newer := j.good
	all := *j
	all.good = func(text []byte) error { // what a newer version wrote is kept too
		if err := newer(text); !errors.Is(err, errNewer) {
			return err
		}
		return nil
	}
	if err := all.sort(f, &report, keep, func(text []byte) { bad = append(bad, text) }); err != nil {
		return err
	}
	kept = kept[max(0, len(kept)-j.keep):]
	_ = f.Close() // Windows renames over no open file
	if err := j.setAside(bad); err != nil {
		return err
	}
	return j.replace(kept)
}

// setAside copies damaged lines to a file beside, before they leave this one.
func (j *journal) setAside(bad [][]byte) error {
	text := bytes.Join(bad, []byte{'\n'})
	if len(text) == 0 {
		return nil
	}
	f, err := j.sys.open(j.path+".damaged", os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil || size > maxLine { // enough to look at
		return err
	}
	if _, err := f.Write(append(text, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// replace puts a file with these lines in the place of the present one, whole
// or not at all.
func (j *journal) replace(lines [][]byte) error {
	next := j.path + ".new" // the lock makes it ours; a leftover of a copy that was killed is overwritten
	f, err := j.sys.open(next, os.O_RDWR|os.O_TRUNC|os.O_CREATE)
	if err != nil {
		return err
	}
	text := append(bytes.Join(lines, []byte{'\n'}), '\n')
	n, err := f.Write(text)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = j.sys.rename(next, j.path)
	}
	if err != nil {
		_ = j.sys.remove(next)
		return err
	}
	return j.sys.syncDir(filepath.Dir(j.path))
}
