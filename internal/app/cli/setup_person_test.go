package cli

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ramble/internal/leaf/phone"
)

// setupPatience bounds the waits of these tests; it measures nothing.
const setupPatience = 20 * time.Second

// screenful is the other side of a scripted terminal: what the program says
// arrives here, and what is typed goes to it.
type screenful struct {
	t    *testing.T
	mu   sync.Mutex
	said strings.Builder
	read int // up to here the script has seen it
	more chan struct{}
	keys *os.File
}

func (s *screenful) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return s.said.Write(p)
}

func (s *screenful) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// sees waits for a text after what was seen before.
func (s *screenful) sees(text string) {
	s.t.Helper()
	late := time.After(setupPatience)
	for {
		s.mu.Lock()
		at := strings.Index(s.said.String()[s.read:], text)
		if at >= 0 {
			s.read += at + len(text)
		}
		s.mu.Unlock()
		if at >= 0 {
			return
		}
		select {
		case <-s.more:
		case <-late:
			s.t.Fatalf("waited for %q after:\n%s", text, s.all())
		}
	}
}

// answers waits for a question and types its answer.
func (s *screenful) answers(question, answer string) {
	s.t.Helper()
	s.sees(question)
	if _, err := io.WriteString(s.keys, answer+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

// person sits down at the stage's terminal. ended gets the exit code.
func (s *stage) person(args ...string) (at *screenful, ended chan int) {
	return s.personWith(registerOnce, args...)
}

func (s *stage) personWith(register func(context.Context, *Session) (phone.Account, error), args ...string) (at *screenful, ended chan int) {
	s.t.Helper()
	in, keys, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	at = &screenful{t: s.t, more: make(chan struct{}, 1), keys: keys}
	s.stdin, s.stdout, s.stderr = in, at, at
	s.hide = func() (func(), error) { return func() {}, nil }
	s.apps.register = register
	ended = make(chan int, 1)
	p := s.program
	s.life = begin(s.t.Context(), nil, at)
	var all sync.WaitGroup
	all.Go(func() { ended <- p.run(s.life, args) })
	s.t.Cleanup(func() { _ = keys.Close(); all.Wait(); s.life.end(); _ = in.Close() })
	return at, ended
}

func (s *stage) ends(at *screenful, ended chan int, want int) {
	s.t.Helper()
	select {
	case code := <-ended:
		if code != want {
			s.t.Errorf("exit code %d, want %d:\n%s", code, want, at.all())
		}
	case <-time.After(setupPatience):
		s.t.Fatalf("it does not end:\n%s", at.all())
	}
}

func either[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}
