package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// ErrEnded is the answer to those who wait for a program that ended.
var ErrEnded = errors.New("the program ended")

// Line is one line that a program wrote.
type Line struct {
	At    time.Time
	Error bool // on standard error
	Text  string
}

// Output keeps what a program writes, and wakes those who wait for it.
type Output struct {
	mu    sync.Mutex
	lines []Line
	more  chan struct{} // closed, and made anew, when a line comes
	ended bool
}

func newOutput() *Output { return &Output{more: make(chan struct{})} }

// Len is the number of lines so far: the place from which to await what
// comes next.
func (o *Output) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.lines)
}

// Await waits for a line, not before the one with that number, which matches,
// and returns it with the number of the line after it.
func (o *Output) Await(ctx context.Context, from int, what string, match func(Line) bool) (Line, int, error) {
	for {
		lines, more, ended := o.since(from)
		for i, line := range lines {
			if match(line) {
				return line, from + i + 1, nil
			}
		}
		from += len(lines)
		if ended {
			return Line{}, from, fmt.Errorf("waited for %s: %w", what, ErrEnded)
		}
		select {
		case <-more:
		case <-ctx.Done():
			return Line{}, from, patience(ctx, what)
		}
	}
}

// AwaitText waits for a line that contains text, from the beginning on.
func (o *Output) AwaitText(ctx context.Context, text string) error {
	_, _, err := o.Await(ctx, 0, "a line with "+text, func(l Line) bool { return strings.Contains(l.Text, text) })
	return err
}

func (o *Output) since(from int) ([]Line, <-chan struct{}, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lines[min(from, len(o.lines)):], o.more, o.ended
}

// Tail is the last n lines as text.
func (o *Output) Tail(n int) string {
	lines, _, _ := o.since(0)
	var b strings.Builder
	for _, l := range lines[max(0, len(lines)-n):] {
		b.WriteString(l.At.Format("15:04:05.000000 ") + l.Text + "\n")
	}
	return b.String()
}

func (o *Output) add(isError bool, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, Line{time.Now(), isError, text})
	close(o.more)
	o.more = make(chan struct{})
}

func (o *Output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	close(o.more)
	o.more = make(chan struct{})
}

func (o *Output) writer(isError bool) io.Writer { return &lineWriter{o: o, isError: isError} }

// lineWriter cuts what is written into lines.
type lineWriter struct {
	o       *Output
	isError bool
	rest    []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte{'\n'})
		if !ok {
			return len(p), nil
		}
		w.o.add(w.isError, strings.TrimRight(string(line), "\r"))
		w.rest = rest
	}
}

func (o *Output) text() string {
	lines, _, _ := o.since(0)
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}
