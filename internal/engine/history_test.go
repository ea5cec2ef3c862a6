package engine_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/history"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// newRigOn is a rig with its history in dir.
func newRigOn(t *testing.T, dir string) *rig {
	t.Helper()
	return newRigWith(t, locate.UDP, 0, demo.Options{}, func(p *engine.Parts) {
		p.History = history.Open(history.Options{Dir: dir})
	})
}

// quit ends the phone and waits for the end of Run.
func (r *rig) quit() {
	r.t.Helper()
	r.do(phone.Quit{})
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatalf("the phone did not end\n%s", r.story())
	}
}

func TestWhatIsOverOutlivesThePhone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		r := newRigOn(t, dir)
		id := r.call("melody")
		r.walk()
		roam := r.roamed(1)
		r.do(phone.Hangup{Call: id})
		missed, done := r.incoming()
		r.do(phone.Decline{Call: missed})
		<-done
		call := find(r.until("both calls are over", func(s phone.State) bool {
			return find(s, id).State == phone.Ended && find(s, missed).State == phone.Ended
		}), id)
		r.quit()

		again := newRigOn(t, dir)
		again.registered()
		past := again.state1().Past
		if len(past.Calls) != 2 || len(past.Roams) != 1 {
			t.Fatalf("%d calls and %d roams came back", len(past.Calls), len(past.Roams))
		}
		got := past.Calls[0]
		if got.ID != -2 || got.State != phone.Ended || got.Peer != call.Peer || got.Roams != 1 || got.Direction != phone.Outgoing ||
			!got.Answered.Equal(call.Answered) || !got.Ended.Equal(call.Ended) || got.End != call.End || words.End(got).Text != words.End(call).Text || got.SIPCallID != call.SIPCallID {
			t.Errorf("the call came back as\n%+v\nit was\n%+v", got, call)
		}
		if c := past.Calls[1]; c.ID != -1 || c.Direction != phone.Incoming || !c.Answered.IsZero() || c.Code != 603 {
			t.Errorf("the missed call came back as %+v", c)
		}
		sameRoam(t, past.Roams[0], roam)
		if len(roam.Calls) != 1 || roam.Calls[0].Peer != call.Peer {
			t.Errorf("the roam does not name its call: %+v", roam.Calls)
		}

		redialled := again.do(phone.Redial{}).Call
		if redialled != 1 {
			t.Errorf("the first call of a run has the number %d", redialled)
		}
		again.until("talking again", func(s phone.State) bool { return find(s, redialled).State == phone.Up })
		back := again.do(phone.Redial{Call: -1}).Call
		again.until("calling back", func(s phone.State) bool { return find(s, back).Peer == past.Calls[1].Peer })
	})
}

func recorded(text string) phone.Fact { return phone.Fact{Kind: phone.Recorded, Text: text} }

// sameRoam compares to the microsecond, which is what the file keeps.
func sameRoam(t *testing.T, got, was phone.Roam) {
	t.Helper()
	rough := func(r phone.Roam) phone.Roam {
		r.ID, r.Started = 0, time.Time{}
		r.Total = r.Total.Round(time.Microsecond)
		r.Parts = nil // of one account, it says no more
		r.Why, r.Failures = []phone.Fact{recorded(words.Facts(r.Why))}, []phone.Fact{recorded(words.RoamFailure(r))}
		r.Steps = slices.Clone(r.Steps)
		for i := range r.Steps {
			r.Steps[i].Offset, r.Steps[i].Duration = r.Steps[i].Offset.Round(time.Microsecond), r.Steps[i].Duration.Round(time.Microsecond)
			r.Steps[i].Account, r.Steps[i].Facts = "", []phone.Fact{recorded(words.Step(r.Steps[i]))} // the words are kept
		}
		r.Calls = slices.Clone(r.Calls)
		for i := range r.Calls {
			r.Calls[i].GapIn, r.Calls[i].GapOut = r.Calls[i].GapIn.Round(time.Microsecond), r.Calls[i].GapOut.Round(time.Microsecond)
		}
		return r
	}
	if got.ID != -1 || !got.Started.Equal(was.Started) || !reflect.DeepEqual(rough(got), rough(was)) {
		t.Errorf("the roam came back as\n%+v\nit was\n%+v", got, was)
	}
	if len(was.Steps) < 4 {
		t.Errorf("it had %d steps only", len(was.Steps))
	}
}

// TestADiskThatTakesNothingCostsNoCall: the directory of the history is a
// file.
func TestADiskThatTakesNothingCostsNoCall(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r := newRigOn(t, dir)
		for range 3 {
			r.do(phone.Hangup{Call: r.call("melody")})
		}
		id := r.call("melody")
		r.walk()
		if roam := r.roamed(1); roam.Phase != phone.RoamDone {
			t.Errorf("the roam ended %s: %s", roam.Phase, words.RoamFailure(roam))
		}
		r.said("the history is not written")
		r.do(phone.Hangup{Call: id})
		r.quit()
		warnings := strings.Count(r.story(), "the history is not written")
		if warnings != 1 {
			t.Errorf("the user was warned %d times", warnings)
		}
	})
}

func TestADamagedHistoryIsTold(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "history.jsonl"), []byte("no record\n{\"v\":1"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := newRigOn(t, dir)
		r.said("the history of calls is not whole")
		r.registered()
	})
}

// TestAFailedRoamNamesItsStepAndWhatHelps, in the state and on disk.
func TestAFailedRoamNamesItsStepAndWhatHelps(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRigOn(t, dir)
		r.call("melody")
		r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
			if to := req.To(); req.Method == sipgo.INVITE && to != nil {
				if _, inDialog := to.Params.Get("tag"); inDialog {
					return &siptest.Reply{Code: 603, Reason: "Decline"}
				}
			}
			return nil
		})
		r.walk()
		roam := r.roamed(1)
		if roam.Phase != phone.RoamFailed || roam.FailedStep != phone.StepRepair ||
			!slices.Equal(roam.Next, []string{"refresh", "hangup", "restart"}) || !strings.Contains(words.RoamFailure(roam), "603") {
			t.Errorf("%s at %q, next %v: %s\n%s", roam.Phase, roam.FailedStep, roam.Next, words.RoamFailure(roam), r.story())
		}
		r.quit()
		roams, _, err := history.Open(history.Options{Dir: dir}).Roams()
		if err != nil || len(roams) != 1 || roams[0].FailedStep != "repair" || !slices.Equal(roams[0].Next, roam.Next) {
			t.Errorf("on disk: %v %+v", err, roams)
		}
	})
}
