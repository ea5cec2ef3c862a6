package automation

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ramble/internal/leaf/phone"
)

// fake is an engine that refuses, accepts and quits.
type fake struct {
	updates chan phone.Update
	got     chan phone.Command
}

func newFake() *fake {
	return &fake{make(chan phone.Update, 16), make(chan phone.Command, 64)} // larger than any test's traffic
}

func (f *fake) Do(_ context.Context, c phone.Command) (phone.Reply, error) {
	f.got <- c
	switch c := c.(type) {
	case phone.Dial:
		return phone.Reply{Call: 1}, nil
	case phone.Hangup:
		return phone.Reply{}, &phone.Error{Why: phone.NoSuchCall, Call: c.Call}
	case phone.Quit:
		f.tell(phone.Closed{Asked: true})
	}
	return phone.Reply{}, nil
}

func (f *fake) tell(what ...phone.Happening) {
	var notices []phone.Notice
	for _, w := range what {
		notices = append(notices, phone.Notice{At: start(), What: w})
	}
	f.updates <- phone.Update{State: phone.State{At: start(), Calls: []phone.Call{{ID: 9}}}, Notices: notices}
}

// object is what the tests look at.
type object struct {
	Type, ID, Reason, Text, Command string
	Call                            int
	State                           struct{ Calls []object }
}

func objects(t *testing.T, out string) []object {
	t.Helper()
	var all []object
	for line := range strings.Lines(out) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			// "state" is text in a call and an object in a snapshot
			var typed *json.UnmarshalTypeError
			if !errors.As(err, &typed) {
				t.Fatalf("%v: %q", err, line)
			}
		}
		all = append(all, o)
	}
	return all
}

func types(all []object) string {
	names := make([]string, len(all))
	for i, o := range all {
		names[i] = o.Type
		if o.ID != "" {
			names[i] += "@" + o.ID
		}
	}
	return strings.Join(names, " ")
}

func run(t *testing.T, f *fake, in string, stats bool) ([]object, error) {
	t.Helper()
	var out strings.Builder
	err := Run(t.Context(), Options{In: strings.NewReader(in), Out: &out, Doer: f, Updates: f.updates, Stats: stats, Now: start})
	return objects(t, out.String()), err
}

func TestRun(t *testing.T) {
	tests := []struct {
		name, in string
		before   []phone.Happening // told before the first command is read
		stats    bool
		want     string
	}{
		{"each command has one answer with its mark", "@a dial bob\n@b hangup 9\nhold\n@c nonsense\n@d transfer 1 x\n@q quit\n",
			[]phone.Happening{phone.Ready{}}, false, "ready ok@a error@b ok error@c error@d ok@q notice"},
		{"the end of the input is a quit", "@a dial bob", []phone.Happening{phone.Ready{}}, false, "ready ok@a notice"},
		{"what is said before ready comes after it", "", []phone.Happening{phone.Said{}, phone.NetworkChanged{}, phone.Ready{}, phone.CallChanged{}}, false,
			"ready notice network call notice"},
		{"empty lines have no answer", "\n   \n\r\n@a swap\r\n", []phone.Happening{phone.Ready{}}, false, "ready ok@a notice"},
		{"commands behind quit are not read", "@a quit\n@b dial bob\n", []phone.Happening{phone.Ready{}}, false, "ready ok@a notice"},
		{"a snapshot follows its answer", "@a snapshot\n", []phone.Happening{phone.Ready{}}, false, "ready ok@a snapshot notice"},
		{"media events are only the last ones", "", []phone.Happening{phone.Ready{}, phone.MediaReport{}, phone.MediaReport{Final: true}}, false, "ready media notice"},
		{"with statistics media events are all there", "", []phone.Happening{phone.Ready{}, phone.MediaReport{}, phone.MediaReport{Final: true}}, true, "ready media media notice"},
		{"a line of 64 KiB is read, one byte more is refused", "@a " + strings.Repeat("x", maxLine-3) + "\n@b " + strings.Repeat("x", maxLine-2) + "\n@c swap\n",
			[]phone.Happening{phone.Ready{}}, false, "ready error@a error ok@c notice"},
		{"a line without end is refused without being kept", strings.Repeat("dial ", 1<<20), []phone.Happening{phone.Ready{}}, false, "ready error notice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			f.tell(tt.before...)
			got, err := run(t, f, tt.in, tt.stats)
			if err != nil || types(got) != tt.want {
				t.Fatalf("got  %s, %v\nwant %s", types(got), err, tt.want)
			}
		})
	}
	t.Run("a refusal carries the reason of the engine", func(t *testing.T) {
		f := newFake()
		f.tell(phone.Ready{})
		got, _ := run(t, f, "@b hangup 9\n", false)
		if got[1].Reason != "there is no call 9: no call is up" || got[1].Command != "hangup 9" {
			t.Fatalf("got %+v", got[1])
		}
	})
	t.Run("notices left out are told", func(t *testing.T) {
		f := newFake()
		f.tell(phone.Ready{})
		f.updates <- phone.Update{Dropped: 3}
		got, _ := run(t, f, "", false)
		if !strings.Contains(got[1].Text, "3 events") {
			t.Fatalf("got %+v", got)
		}
	})
	t.Run("the end of the updates ends the session and shows what was held back", func(t *testing.T) {
		f := newFake()
		f.tell(phone.Said{News: phone.News{Kind: phone.Remarked, Text: "no configuration"}})
		close(f.updates)
		in, typing := io.Pipe()
		defer typing.Close()
		var out strings.Builder
		if err := Run(t.Context(), Options{In: in, Out: &out, Doer: f, Updates: f.updates}); err != nil {
			t.Fatal(err)
		}
		if got := objects(t, out.String()); len(got) != 1 || got[0].Text != "no configuration" {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestCommandsWaitForReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		in, typing := io.Pipe()
		read, out := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- Run(t.Context(), Options{In: in, Out: out, Doer: f, Updates: f.updates}) }()
		go fmt.Fprintln(typing, "@a dial bob")
		synctest.Wait()
		if len(f.got) != 0 {
			t.Error("a command was carried out before ready")
		}
		f.tell(phone.Ready{})
		lines := bufio.NewScanner(read)
		for _, want := range []string{`"ready"`, `"id":"a"`} {
			if !lines.Scan() || !strings.Contains(lines.Text(), want) {
				t.Errorf("got %q, want %s", lines.Text(), want)
			}
		}
		typing.Close()
		go io.Copy(io.Discard, read)
		if err := <-done; err != nil {
			t.Error(err)
		}
		out.Close()
	})
}

func TestLeaving(t *testing.T) {
	t.Run("an interrupt asks the engine to quit and passes on the rest", func(t *testing.T) {
		f := newFake()
		f.tell(phone.Ready{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		in, typing := io.Pipe()
		defer typing.Close()
		var out strings.Builder
		if err := Run(ctx, Options{In: in, Out: &out, Doer: f, Updates: f.updates}); err != nil {
			t.Fatal(err)
		}
		if got := types(objects(t, out.String())); !strings.HasSuffix(got, "notice") {
			t.Fatalf("got %s", got)
		}
	})
	t.Run("an engine that does not stop is left after the budget", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			before := time.Now()
			updates := make(chan phone.Update, 1)
			updates <- phone.Update{Notices: []phone.Notice{{What: phone.Ready{}}}}
			deaf := doerFunc(func(phone.Command) error { return nil })
			err := Run(t.Context(), Options{In: strings.NewReader("quit\n"), Out: io.Discard, Doer: deaf, Updates: updates})
			if took := time.Since(before); err != nil || took != quitBudget {
				t.Fatalf("%v after %v", err, took)
			}
		})
	})
	t.Run("a reader that went away ends the session with an error", func(t *testing.T) {
		f := newFake()
		f.tell(phone.Ready{})
		in, typing := io.Pipe()
		defer typing.Close()
		err := Run(t.Context(), Options{In: in, Out: brokenPipe{}, Doer: f, Updates: f.updates})
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Fatal(err)
		}
		if c := <-f.got; c != (phone.Quit{}) {
			t.Fatalf("the engine was asked for %#v", c)
		}
	})
}

type doerFunc func(phone.Command) error

func (d doerFunc) Do(_ context.Context, c phone.Command) (phone.Reply, error) {
	return phone.Reply{}, d(c)
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestWholeLines floods the output from both sides: answers and events never
// share a line, and each object is one write.
func TestWholeLines(t *testing.T) {
	f := &fake{make(chan phone.Update), make(chan phone.Command, 2000)} // one place for every command of this test
	stop, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		u := phone.Update{Notices: []phone.Notice{{What: phone.Ready{}}}}
		for {
			select {
			case f.updates <- u:
				u = phone.Update{Notices: []phone.Notice{{What: phone.CallChanged{Call: sampleCall()}}, {What: phone.NetworkChanged{Network: sampleNetwork()}}}}
			case <-stop:
				return
			}
		}
	}()
	out := &lineCounter{}
	quit := doerFunc(func(c phone.Command) error {
		if _, is := c.(phone.Quit); is {
			go func() { f.updates <- phone.Update{Notices: []phone.Notice{{What: phone.Closed{}}}} }()
		}
		return nil
	})
	err := Run(t.Context(), Options{In: strings.NewReader(strings.Repeat("@x swap\n", 1000) + "quit\n"), Out: out, Doer: quit, Updates: f.updates})
	close(stop)
	<-told
	if err != nil || out.bad > 0 || out.answers != 1001 {
		t.Fatalf("%v; %d writes were no whole object, %d answers", err, out.bad, out.answers)
	}
}

type lineCounter struct{ bad, answers int }

func (l *lineCounter) Write(p []byte) (int, error) {
	var o object
	if strings.Count(string(p), "\n") != 1 || p[len(p)-1] != '\n' || !json.Valid(p) {
		l.bad++
	}
	_ = json.Unmarshal(p, &o)
	if o.Type == "ok" {
		l.answers++
	}
	return len(p), nil
}
