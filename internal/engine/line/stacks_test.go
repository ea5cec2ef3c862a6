package line

import (
	"maps"
	"testing"
)

func TestStacks(t *testing.T) {
	expect := func(t *testing.T, s *Stacks[int, string], want map[int]string) {
		t.Helper()
		if got := maps.Collect(s.All()); !maps.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	t.Run("one that stands serves a newer epoch too, and goes with both", func(t *testing.T) {
		var s Stacks[int, string]
		s.Opened(1, "home")
		s.Opened(2, "train")
		s.Keep(1, 3)
		expect(t, &s, map[int]string{1: "home", 2: "train", 3: "home"})
		if st, ok := s.Close(3); !ok || st != "home" {
			t.Errorf("closed %q, %v", st, ok)
		}
		expect(t, &s, map[int]string{2: "train"})
		if s.At(1) != "" || s.At(2) != "train" {
			t.Error("the wrong one went")
		}
		if _, ok := s.Close(1); ok {
			t.Error("it closes twice")
		}
	})
	t.Run("one that is still opening serves all epochs that it was kept for", func(t *testing.T) {
		var s Stacks[int, string]
		s.Keep(1, 2)
		s.Keep(2, 4)
		expect(t, &s, nil)
		if s.Newest(1) != 4 || s.Newest(3) != 3 {
			t.Errorf("newest %d and %d", s.Newest(1), s.Newest(3))
		}
		s.Opened(1, "home")
		expect(t, &s, map[int]string{1: "home", 2: "home", 4: "home"})
	})
	t.Run("a stack that was closed is kept for nothing", func(t *testing.T) {
		var s Stacks[int, string]
		s.Opened(1, "home")
		s.Keep(1, 2)
		s.Close(2)
		if s.Newest(1) != 1 {
			t.Error("it is kept")
		}
	})
}
