package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ramble/internal/leaf/flock"
)

// journal is one file of lines. It keeps nothing open between two uses, so
// that the file may be moved or removed meanwhile.
type journal struct {
	sys  system
	path string
	keep int                // lines that survive a shortening
	good func([]byte) error // says what is wrong with a line; errNewer: it is of a later version
	wait time.Duration      // for the lock
}

// maxFile is how much of a file is read, from its end. With 500 records it
// stays below one megabyte.
const maxFile = 64 << 20

// slack is how many lines more than keep a file may hold before it is
// shortened: a quarter, so that it happens seldom.
func (j *journal) slack() int { return max(j.keep/4, 8) }

func (j *journal) lockName() string { return j.path + ".lock" }

// hold takes the file for this copy of the program. alone is false where the
// disk has no locks.
func (j *journal) hold() (unlock func(), alone bool, err error) {
	unlock, err = j.sys.lock(j.lockName(), j.wait)
	if errors.Is(err, flock.ErrNone) {
		return func() {}, false, nil
	}
	return unlock, true, err
}

// append writes each line with one write, then syncs. It returns how many
// lines are safe; after an error the file ends where the last of them does, as
// far as the disk allows.
func (j *journal) append(lines [][]byte) (safe int, err error) {
	unlock, alone, err := j.hold()
	if err != nil {
		return 0, err
	}
	defer unlock()
	if safe, err = j.write(lines, alone); err != nil || !alone {
		return safe, err
	}
	if err := j.shorten(); err != nil {
		return safe, fmt.Errorf("it grows, because it cannot be shortened: %w", err)
	}
	return safe, nil
}

func (j *journal) write(lines [][]byte, alone bool) (safe int, err error) {
	f, err := j.sys.open(j.path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	at := size
	for i, line := range lines {
		if i == 0 && torn(f, size) {
			line = append([]byte{'\n'}, line...) // what was torn stays, on a line of its own
		}
		n, err := f.Write(line)
		if err != nil || n < len(line) {
			return j.takeBack(f, at, size, i, alone, either(err, io.ErrShortWrite))
		}
		at += int64(n)
	}
	if err := f.Sync(); err != nil {
		return j.takeBack(f, size, size, 0, alone, err)
	}
	if size == 0 {
		if err := j.sys.syncDir(filepath.Dir(j.path)); err != nil {
			return j.takeBack(f, 0, 0, 0, alone, err)
		}
	}
	return len(lines), nil
}

// takeBack cuts a half-written line off again and makes the lines before it
// safe. Without the lock another copy may have appended: then nothing is cut,
// and the half line is passed over when the file is read.
func (j *journal) takeBack(f file, at, size int64, lines int, alone bool, why error) (int, error) {
	if alone {
		if err := f.Truncate(at); err != nil {
			why = errors.Join(why, err)
		}
	}
	if lines > 0 && f.Sync() != nil {
		if alone {
			_ = f.Truncate(size)
		}
		return 0, why
	}
	return lines, why
}

func either(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// torn says that the file does not end with a newline.
func torn(f file, size int64) bool {
	last := []byte{'\n'}
	if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return true // a newline too many is an empty line, which hurts nobody
		}
	}
	return last[0] != '\n'
}

// line is one line of a file, without its newline. Text is nil where it is too
// long to be one of ours.
type line struct {
	number int
	text   []byte
	ended  bool // by a newline
}

// each visits the lines of f that are not empty. skipped bytes at the start of
// a file that is far too large are not looked at.
func each(f file, visit func(line)) (skipped int64, err error) {
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	skipped = max(0, size-maxFile)
	if _, err := f.Seek(skipped, io.SeekStart); err != nil {
		return 0, err
	}
	buffered := bufio.NewReaderSize(f, 64<<10)
	number := 0
	if skipped > 0 { // the rest of a line that was cut
		if _, _, err := nextLine(buffered); err != nil {
			return skipped, ignoreEOF(err)
		}
	}
	for {
		text, ended, err := nextLine(buffered)
		number++
		if len(bytes.TrimSpace(text)) > 0 || text == nil && (ended || err == nil) {
			visit(line{number, text, ended})
		}
		if err != nil {
			return skipped, ignoreEOF(err)
		}
	}
}

// nextLine reads a line of any length and keeps of it what can be one of ours:
// nil is a line that is too long.
func nextLine(r *bufio.Reader) (text []byte, ended bool, err error) {
	text = []byte{}
	for {
		piece, err := r.ReadSlice('\n')
		ended = err == nil
		if text != nil && len(text)+len(piece) <= maxLine {
			text = append(text, piece...)
		} else {
			text = nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return bytes.TrimSuffix(text, []byte{'\n'}), ended, err
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// read visits the good lines, oldest first, each once, and reports on the
// rest. A file that is not there is empty. Without the lock it is read all the
// same: then the last line may be one that somebody is writing.
func (j *journal) read(visit func([]byte)) (Report, error) {
	report := Report{File: j.path}
	f, err := j.sys.open(j.path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return report, nil
	}
	if err != nil {
		return report, err
	}
	defer f.Close()
	if unlock, _, err := j.hold(); err == nil {
		defer unlock()
	}
	return report, j.sort(f, &report, func(text []byte) { visit(text); report.Good++ }, func([]byte) {})
}

// sort visits the lines that are good, and those that are damaged.
func (j *journal) sort(f file, report *Report, good, bad func([]byte)) error {
	seen := map[string]bool{}
	skipped, err := each(f, func(l line) {
		err := errors.New("it is too long")
		if l.text != nil {
			err = j.good(l.text)
		}
		switch {
		case err != nil && errors.Is(err, errNewer):
			report.Newer++
		case err != nil && !l.ended:
			report.Torn = true
			bad(l.text)
		case err != nil:
			report.Damaged = append(report.Damaged, Damage{l.number, err.Error()})
			bad(l.text)
		case seen[string(l.text)]: // written twice, when a disk failed between the write and its answer
		default:
			seen[string(l.text)] = true
			good(l.text)
		}
	})
	report.Skipped = skipped
	return err
}
