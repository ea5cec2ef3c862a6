package roam

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the transcripts in testdata anew")

// origin is +0s of the transcripts.
var origin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestTranscripts replays testdata/*.txt, the specification of this package.
//
//	# comment                 what the transcript specifies
//	policy key=value ...      over the default policy
//	given +1s EVENT           an event whose actions do not matter here
//	at +1s EVENT              an event, with the actions that follow indented
//	at +2s tick               written by -update wherever a timer is due
//	until +60s                lets the timers run
//	  = Phase, next +3s       where the machine stands, where that changed
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := replay(string(want))
			if err != nil {
				t.Fatal(err)
			}
			if got == string(want) {
				return
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s differs; look at the difference, then run with -update\n%s", file, firstDifference(string(want), got))
		})
	}
}

func TestEveryTranscriptSaysWhatItSpecifies(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s does not begin with a comment", file)
		}
	}
}

// replayer writes a transcript anew.
type replayer struct {
	m     *Machine
	out   strings.Builder
	state string // as it was last written
	law   *law
}

func replay(text string) (string, error) {
	r := &replayer{m: New(DefaultPolicy()), law: newLaw()}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if err := r.line(line); err != nil {
			return "", err
		}
	}
	return r.out.String(), nil
}

func (r *replayer) line(line string) error {
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "policy":
		p, err := parsePolicy(rest)
		if err != nil {
			return err
		}
		r.m = New(p)
	case "until":
		at, err := time.ParseDuration(rest)
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		if err := r.ticksUntil(origin.Add(at)); err != nil {
			return err
		}
	case "at", "given":
		moment, what, _ := strings.Cut(rest, " ")
		if what == "tick" {
			return nil // written anew
		}
		after, err := time.ParseDuration(moment)
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		e, err := parseEvent(what, origin)
		if err != nil {
			return err
		}
		now := origin.Add(after)
		if err := r.ticksUntil(now); err != nil {
			return err
		}
		fmt.Fprintln(&r.out, line)
		return r.step(now, e, kind == "at")
	case "": // indented or blank
		if strings.TrimSpace(line) != "" {
			return nil // written anew
		}
	case "#":
	default:
		return fmt.Errorf("what is %q?", line)
	}
	fmt.Fprintln(&r.out, line)
	return nil
}

// ticksUntil lets the timers run that are due before or at a moment.
func (r *replayer) ticksUntil(now time.Time) error {
	for range 1000 {
		next := r.m.Next()
		if next.IsZero() || next.After(now) {
			return nil
		}
		fmt.Fprintf(&r.out, "at %s tick\n", moment(next, origin))
		if err := r.step(next, Tick{}, true); err != nil {
			return err
		}
	}
	return fmt.Errorf("the timers never rest")
}

func (r *replayer) step(now time.Time, e Event, show bool) error {
	actions := r.m.Step(now, e)
	if err := r.law.check(r.m, now, e, actions); err != nil {
		return fmt.Errorf("at %s %s: %w", moment(now, origin), DescribeEvent(e, origin), err)
	}
	state := r.m.Phase().String()
	if next := r.m.Next(); !next.IsZero() {
		state += ", next " + moment(next, origin)
	}
	same := state == r.state
	r.state = state
	if !show {
		return nil
	}
	for _, a := range actions {
		fmt.Fprintln(&r.out, "  "+Describe(a, origin))
	}
	switch {
	case !same:
		fmt.Fprintln(&r.out, "  = "+state)
	case len(actions) == 0:
		fmt.Fprintln(&r.out, "  (nothing)")
	}
	return nil
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		line := func(all []string) string {
			if i < len(all) {
				return all[i]
			}
			return "(end)"
		}
		if line(w) != line(g) {
			return fmt.Sprintf("line %d\nwant: %s\ngot:  %s", i+1, line(w), line(g))
		}
	}
	return ""
}
