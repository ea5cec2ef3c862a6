package history

import (
	"bytes"
	"fmt"
	"path/filepath"
	"time"
)

// Options say where the history is and how much of it is kept.
type Options struct {
	Dir  string // the state directory; made when something is written
	Keep int    // calls, and as many roams; 0: 500

	sys  system // tests fail it
	wait time.Duration
}

// Book is the history. One goroutine uses it at a time; several Books, in
// several processes, may be on the same files.
type Book struct {
	calls, roams shelf
	open         unfinished
}

// shelf is one file and what could not be written to it yet.
type shelf struct {
	journal
	kind    string
	pending [][]byte
	lost    int // records that never will be
}

// maxPending bounds what waits for a disk that takes nothing: people make no
// more calls than that. Past it the oldest are lost, and the error says so.
const maxPending = 1000

// lockWait is how long another copy may hold a file; it needs milliseconds.
const lockWait = 2 * time.Second

// Open names the files; it touches none.
func Open(o Options) *Book {
	if o.Keep <= 0 {
		o.Keep = 500
	}
	if o.sys == nil {
		o.sys = disk{}
	}
	if o.wait == 0 {
		o.wait = lockWait
	}
	b := &Book{open: unfinished{sys: o.sys, dir: o.Dir}}
	b.calls = shelf{kind: "call", journal: journal{sys: o.sys, path: filepath.Join(o.Dir, "history.jsonl"), keep: o.Keep, wait: o.wait,
		good: func(text []byte) error { _, err := decode[Call](text, "call"); return err }}}
	b.roams = shelf{kind: "roam", journal: journal{sys: o.sys, path: filepath.Join(o.Dir, "roams.jsonl"), keep: o.Keep, wait: o.wait,
		good: func(text []byte) error { _, err := decode[Roam](text, "roam"); return err }}}
	return b
}

// Calls reads the calls, oldest first, at most as many as are kept. The report
// is about lines that were passed over; the error about a file that could not
// be read.
func (b *Book) Calls() ([]Call, Report, error) { return load[Call](&b.calls) }

// Roams reads the roams, likewise.
func (b *Book) Roams() ([]Roam, Report, error) { return load[Roam](&b.roams) }

func load[T record[T]](s *shelf) ([]T, Report, error) {
	var list []T
	report, err := s.read(func(text []byte) {
		if r, err := decode[T](text, s.kind); err == nil {
			list = append(list, r)
		}
	})
	return list[max(0, len(list)-s.keep):], report, err
}

// AddCall puts a call on disk. Without an error it is safe there. With one it
// is kept in memory and written with the next record that can be.
func (b *Book) AddCall(c Call) error {
	c.State = "ended"
	return add(&b.calls, c.Ended, c)
}

// AddRoam puts a roam on disk, likewise.
func (b *Book) AddRoam(r Roam) error {
	return add(&b.roams, r.Started.Add(time.Duration(r.Total)), r)
}

func add[T record[T]](s *shelf, at time.Time, r T) error {
	if err := r.valid(); err != nil {
		return fmt.Errorf("a %s was not written: %w", s.kind, err)
	}
	text, err := encode(at, s.kind, r)
	if err != nil {
		return fmt.Errorf("a %s was not written: %w", s.kind, err)
	}
	s.pending = append(s.pending, bytes.Clone(text))
	return s.flush()
}

// Flush writes what could not be written before.
func (b *Book) Flush() error {
	if err := b.calls.flush(); err != nil {
		return err
	}
	return b.roams.flush()
}

// Pending is how many records wait for a disk that takes them.
func (b *Book) Pending() int { return len(b.calls.pending) + len(b.roams.pending) }

func (s *shelf) flush() error {
	if len(s.pending) == 0 {
		return nil
	}
	safe, err := s.append(s.pending)
	s.pending = s.pending[safe:]
	if over := len(s.pending) - maxPending; over > 0 {
		s.pending, s.lost = s.pending[over:], s.lost+over
	}
	switch {
	case err == nil:
		return nil
	case s.lost > 0:
		return fmt.Errorf("%w; %d records are lost, %d wait", err, s.lost, len(s.pending))
	}
	return err
}
