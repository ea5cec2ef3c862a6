package automation

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"testing"

	"ramble/internal/leaf/phone"
)

// ring is a trace that a test fills.
type ring struct {
	all    []phone.WireMessage
	missed uint64
	more   chan struct{}
}

func (r *ring) Trace(after uint64) phone.Trace {
	last := uint64(len(r.all))
	after = min(after, last)
	page := phone.Trace{Messages: r.all[after:], Last: last, More: r.more}
	if len(page.Messages) > 0 {
		page.Missed = r.missed
	}
	return page
}

// TestTraceIsTurnedOnAndOff: a session is told of the messages from then on,
// of each once, and how many it was too slow for.
func TestTraceIsTurnedOnAndOff(t *testing.T) {
	f, r := newFake(), &ring{missed: 3, more: make(chan struct{})}
	add := func() {
		r.all = append(r.all, phone.WireMessage{Number: uint64(len(r.all) + 1), Text: []byte("OPTIONS")})
	}
	add()
	in, commands := io.Pipe()
	out, events := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(context.Background(), Options{In: in, Out: events, Doer: f, Updates: f.updates, Trace: r, Now: start})
		_ = events.Close()
	}()
	lines := bufio.NewScanner(out)
	next := func() (o struct {
		Type           string
		ID             string
		Number, Missed int
	}) {
		t.Helper()
		if !lines.Scan() {
			t.Fatal("the session ended")
		}
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	tell := func(line string) {
		t.Helper()
		if _, err := io.WriteString(commands, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	f.tell(phone.Ready{})
	next()
	tell("@a trace on")
	if o := next(); o.Type != "ok" || o.ID != "a" {
		t.Fatalf("trace on: %+v", o)
	}
	add()
	add()
	close(r.more)
	for number, missed := range []int{2: 3, 3: 0} {
		if number < 2 {
			continue
		}
		if o := next(); o.Type != "trace" || o.Number != number || o.Missed != missed {
			t.Fatalf("message %d: %+v", number, o)
		}
	}
	f.tell(phone.Closed{})
	for lines.Scan() {
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestTraceIsRefusedWhereThereIsNone(t *testing.T) {
	f := newFake()
	f.tell(phone.Ready{})
	got, err := run(t, f, "@a trace on\n@b trace off\n@c trace\n", false)
	if want := "ready error@a ok@b error@c notice"; err != nil || types(got) != want {
		t.Fatalf("%s, %v; want %s", types(got), err, want)
	}
}
