package safego

import (
	"os"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	t.Run("a panic reaches onCrash with a report on disk", func(t *testing.T) {
		got := make(chan Crash, 1)
		g := New(t.TempDir(), func(c Crash) { got <- c })
		g.Go("jitter", func() { panic("boom") })
		c := <-got
		if c.Goroutine != "jitter" || c.Value != "boom" {
			t.Fatalf("got %q, %v", c.Goroutine, c.Value)
		}
		report, err := os.ReadFile(c.Report)
		if err != nil || !strings.Contains(string(report), "safego_test.go") {
			t.Fatalf("report %q: %v\n%s", c.Report, err, report)
		}
	})
	t.Run("an unwritable directory still reports, with the stack in the text", func(t *testing.T) {
		got := make(chan Crash, 1)
		g := New("/dev/null/nowhere", func(c Crash) { got <- c })
		g.Go("x", func() { panic("boom") })
		if c := <-got; c.Report != "" || !strings.Contains(c.String(), "safego_test.go") {
			t.Fatalf("got %v", c)
		}
	})
	t.Run("a nil guard starts plain goroutines", func(t *testing.T) {
		done := make(chan struct{})
		(*Guard)(nil).Go("x", func() { close(done) })
		<-done
	})
}
