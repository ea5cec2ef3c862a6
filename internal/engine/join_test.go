package engine_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ramble/internal/automation"
	"ramble/internal/engine"
	"ramble/internal/history"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
)

// headless is a session without a screen, on a phone that somebody else runs.
type headless struct {
	t     *testing.T
	in    *io.PipeWriter
	lines *bufio.Scanner
	ended chan error
}

func (r *rig) headless(t *testing.T) *headless {
	in, commands := io.Pipe()
	events, out := io.Pipe()
	updates, leave := r.e.Join()
	h := &headless{t, commands, bufio.NewScanner(events), make(chan error, 1)}
	go func() {
		h.ended <- automation.Run(t.Context(), automation.Options{
			In: in, Out: out, Doer: r.e, Updates: updates, Leave: leave, Trace: r.e, Version: "test",
		})
		_ = out.Close()
	}()
	return h
}

// event is what these tests look at.
type event struct {
	Type  string
	ID    string
	State json.RawMessage
}

// next is the next event of one of these types.
func (h *headless) next(types ...string) event {
	h.t.Helper()
	for h.lines.Scan() {
		var e event
		if err := json.Unmarshal(h.lines.Bytes(), &e); err != nil {
			h.t.Fatalf("%v: %s", err, h.lines.Text())
		}
		if len(types) == 0 || slices.Contains(types, e.Type) {
			return e
		}
	}
	h.t.Fatalf("the session ended before any of %v", types)
	return event{}
}

// TestASecondSessionJoinsARunningPhone: it is ready at once, sees the whole
// state, hears what follows, gives commands, and leaves without a trace while
// the call goes on.
func TestASecondSessionJoinsARunningPhone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		id := r.call("melody")
		r.walk()
		r.roamed(1)
		r.pass(time.Minute) // transactions and old sockets are gone
		before := goroutines()
		h := r.headless(t)
		if e := h.next(); e.Type != "ready" {
			t.Fatalf("the first event is %s", e.Type)
		}
		e := h.next()
		var s struct {
			Accounts []struct{ State, Contact string }
			Calls    []struct {
				Call        int
				State, Peer string
			}
			Network struct{ Interfaces []struct{ Name string } }
			Roams   []struct{ Phase string }
			Current int
		}
		if err := json.Unmarshal(e.State, &s); e.Type != "snapshot" || err != nil {
			t.Fatalf("the second event is %s, %v", e.Type, err)
		}
		if len(s.Accounts) != 1 || s.Accounts[0].State != "registered" || s.Accounts[0].Contact == "" || len(s.Calls) != 1 ||
			s.Calls[0].State != "up" || s.Calls[0].Peer == "" || len(s.Roams) != 1 || s.Roams[0].Phase != "done" ||
			len(s.Network.Interfaces) == 0 || s.Current != int(id) {
			t.Fatalf("it sees %s", e.State)
		}
		r.do(phone.HoldCall{Call: id})
		h.next("call")
		if _, err := io.WriteString(h.in, "@a resume\n"); err != nil {
			t.Fatal(err)
		}
		if e := h.next("ok", "error"); e.Type != "ok" || e.ID != "a" {
			t.Fatalf("resume: %+v", e)
		}
		h.next("call")
		_ = h.in.Close() // the end of a guest's input is no quit
		for h.lines.Scan() {
		}
		if err := <-h.ended; err != nil {
			t.Fatal(err)
		}
		r.until("its goroutines are gone", func(phone.State) bool { return goroutines() <= before })
		if c := find(r.state1(), id); c.State != phone.Up {
			t.Errorf("the call is %s", c.State)
		}
	})
}

// TestJoin at every moment of a run.
func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		r.registered()
		updates, leave := r.e.Join()
		u := <-updates
		if u.State.Ready == nil || len(u.State.Ready.Listen) != 1 || len(u.State.Accounts) != 1 || u.State.Accounts[0].State != phone.Registered {
			t.Errorf("a newcomer's first update: %+v", u.State)
		}
		leave()
		leave()
		for range updates {
		}
		gone, leaveUnread := r.e.Join()
		leaveUnread()
		for range gone {
		}
		last, _ := r.e.Join()
		r.quit()
		closed := 0
		count := func(updates <-chan phone.Update) (states int) {
			for u := range updates {
				states++
				for _, n := range u.Notices {
					if _, is := n.What.(phone.Closed); is {
						closed++
					}
				}
			}
			return states
		}
		if count(last) == 0 || closed != 1 {
			t.Errorf("who stayed heard of the end %d times", closed)
		}
		late, leaveLate := r.e.Join()
		if n := count(late); n != 1 || closed != 2 {
			t.Errorf("who came after the end got %d updates, and was told of it %d times", n, closed-1)
		}
		leaveLate()
	})
}

// TestWhatIsToldWasWritten: whoever hears of an end finds it on disk.
func TestWhatIsToldWasWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	r := newRigOn(t, dir)
	book := history.Open(history.Options{Dir: dir})
	updates, _ := r.e.Join()
	const calls = 5
	told := make(chan [2]int, calls+1)
	go func() {
		n := 0
		for u := range updates {
			ended := n
			for _, x := range u.Notices {
				if c, is := x.What.(phone.CallChanged); is && c.Call.State == phone.Ended {
					ended++
				}
			}
			if ended > n {
				n = ended
				list, _, _ := book.Calls()
				told <- [2]int{n, len(list)}
			}
		}
		close(told)
	}()
	for range calls {
		r.do(phone.Hangup{Call: r.call("melody")})
	}
	r.call("melody") // is hung up by the end of the phone
	r.quit()
	last := 0
	for x := range told {
		if x[1] < x[0] {
			t.Errorf("%d ends were told of, %d were on disk", x[0], x[1])
		}
		last = x[0]
	}
	if last != calls+1 {
		t.Errorf("%d ends were told of, want %d", last, calls+1)
	}
}

// TestAKilledPhoneRemembersItsCalls: what a run that was killed in a call left
// on disk is in the history of the next one.
func TestAKilledPhoneRemembersItsCalls(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	r := newRigOn(t, dir)
	id := r.call("melody")
	copied := filepath.Join(t.TempDir(), "killed")
	copyDir(t, dir, copied) // as it would be found after a kill at this moment
	past, notes := engine.Recall(history.Open(history.Options{Dir: copied}))
	if len(notes) != 0 || len(past.Calls) != 1 {
		t.Fatalf("%d calls, %v", len(past.Calls), notes)
	}
	c, was := past.Calls[0], find(r.state1(), id)
	if c.State != phone.Ended || c.Peer != was.Peer || !c.Answered.Equal(was.Answered) || c.End.Cause != phone.Killed || history.Killed != phone.Killed.String() || words.End(c).Text != "the phone was killed, or the machine went down" || c.Ended.Before(was.Answered) {
		t.Errorf("it came back as %+v", c)
	}
	r.do(phone.Hangup{Call: id})
	r.quit()
	past, _ = engine.Recall(history.Open(history.Options{Dir: dir}))
	if len(past.Calls) != 1 || past.Calls[0].End.Cause == phone.Killed {
		t.Errorf("after a goodbye: %+v", past.Calls)
	}
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
