package cli

import (
	"strings"
	"sync"
)

// shared is standard error, which a process that is forced to end writes to
// beside the phone.
type shared struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *shared) Len() int { return len(s.String()) }

func (s *shared) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Reset()
}
