// Package safego starts goroutines that cannot take the terminal down with
// them. A panic in any goroutine of the program is recovered here, written to
// a crash report, and handed to the one place that restores the terminal and
// ends the process.
//
// There is no global: main makes one Guard and passes it on. A nil *Guard is
// usable and starts plain goroutines, so tests see panics as panics.
package safego

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

// Crash is a recovered panic.
type Crash struct {
	Goroutine string // the name given to Go
	Value     any
	Stack     []byte
	Report    string // file with the report; empty when it could not be written
}

func (c Crash) String() string {
	where := "the report could not be written, here it is:\n" + string(c.Stack)
	if c.Report != "" {
		where = "the report is in " + c.Report
	}
	return fmt.Sprintf("ramble crashed in %s: %v\n%s", c.Goroutine, c.Value, where)
}

// Guard recovers panics of the goroutines it started.
type Guard struct {
	dir     string
	onCrash func(Crash)
}

// New returns a Guard that writes reports to dir and then calls onCrash, on
// the goroutine that panicked. onCrash is expected to end the process; if it
// returns, the goroutine ends and the program goes on without it.
func New(dir string, onCrash func(Crash)) *Guard {
	return &Guard{dir: dir, onCrash: onCrash}
}

// Go runs fn on a new goroutine. The name stands in the crash report.
func (g *Guard) Go(name string, fn func()) {
	if g == nil {
		go fn()
		return
	}
	go func() {
		defer g.Recover(name)
		fn()
	}()
}

// Recover is Go's deferred half, for goroutines that others start: call it
// deferred at their head.
func (g *Guard) Recover(name string) {
	if g == nil {
		return
	}
	v := recover()
	if v == nil {
		return
	}
	c := Crash{Goroutine: name, Value: v, Stack: debug.Stack()}
	c.Report = g.write(c)
	g.onCrash(c)
}

func (g *Guard) write(c Crash) string {
	if g.dir == "" || os.MkdirAll(g.dir, 0o700) != nil {
		return ""
	}
	name := filepath.Join(g.dir, "crash-"+time.Now().UTC().Format("20060102-150405.000")+".txt")
	text := fmt.Sprintf("goroutine: %s\npanic: %v\n\n%s", c.Goroutine, c.Value, c.Stack)
	if os.WriteFile(name, []byte(text), 0o600) != nil {
		return ""
	}
	return name
}
