package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ramble/internal/app/config"
	"ramble/internal/history"
	"ramble/internal/leaf/phone"
)

// remembering is a stage with the real history in its state directory, three
// calls and two roams in it.
func remembering(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	s.apps.recall = wired().recall
	paths, err := config.FindPaths(s.getenv)
	if err != nil {
		t.Fatal(err)
	}
	b := history.Open(history.Options{Dir: paths.State})
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)
	gap, lost := history.Millis(61*time.Millisecond), uint64(3)
	for i, name := range []string{"Bob", "Carol\x1b[2J", "Dora"} {
		c := history.Call{Account: "work", Direction: "in", Peer: "sip:" + strings.ToLower(name[:3]) + "@example.com", Name: name,
			Started: at.Add(time.Duration(i) * time.Hour), Ended: at.Add(time.Duration(i)*time.Hour + time.Minute)}
		if i == 0 {
			c.Answered = c.Started.Add(time.Second)
		}
		if err := b.AddCall(c); err != nil {
			t.Fatal(err)
		}
	}
	roam := history.Roam{Roam: 1, Account: "work", Phase: "done", From: "wlan0 192.168.1.23", To: "usb0 172.20.10.4", Started: at,
		Total: history.Millis(84 * time.Millisecond), Steps: []history.Step{{Step: "register", OK: true, Duration: gap, Detail: "REGISTER 200 OK"}},
		Calls: []history.RoamCall{{Call: 1, GapIn: &gap, GapOut: &gap, LostIn: &lost}}}
	failed := roam
	failed.Phase, failed.FailedStep, failed.Detail, failed.Next = "failed", "register", "REGISTER: no answer; trying on, r registers now", []string{"register", "restart"}
	for _, r := range []history.Roam{roam, failed} {
		if err := b.AddRoam(r); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestHistoryCommands(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		says []string
		not  []string
	}{
		{"calls", exitOK, []string{"2026-11-23 12:00  from  59 s     Bob (bob@example.com)", "missed   Carol\ufffd[2J (car@example.com)", "Dora"}, []string{"\x1b"}},
		{"calls 1", exitOK, []string{"Dora"}, []string{"Bob"}},
		{"calls 0", exitUsage, []string{`"0"`, "ramble calls --help"}, nil},
		{"calls many", exitUsage, []string{`"many"`}, nil},
		{"calls 1 2", exitUsage, []string{`"2"`}, nil},
		{"roams", exitOK, []string{"wlan0 192.168.1.23 -> usb0 172.20.10.4", "Recovered in 84 ms; gap in 61 ms, out 61 ms, 3 packets lost",
			"FAILED", "Failed at register after 84 ms. REGISTER: no answer; trying on"}, []string{"200 OK"}},
		{"roams 1 --steps", exitOK, []string{"register  200 OK", "FAILED"}, []string{"Recovered"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			s := remembering(t)
			if code := s.do(strings.Fields(tt.args)...); code != tt.code {
				t.Errorf("exit code %d, want %d: %s", code, tt.code, s.errout.String())
			}
			said := s.out.String() + s.errout.String()
			for _, w := range tt.says {
				if !strings.Contains(said, w) {
					t.Errorf("it does not say %q:\n%s", w, said)
				}
			}
			for _, w := range tt.not {
				if strings.Contains(said, w) {
					t.Errorf("it says %q:\n%s", w, said)
				}
			}
		})
	}
}

func TestHistoryAsJSON(t *testing.T) {
	s := remembering(t)
	type object struct {
		V      int
		Type   string
		Call   int
		Roam   int
		State  string
		Phase  string
		Failed string   `json:"failed_step"`
		Next   []string `json:"next"`
		Steps  []struct {
			Step     string
			Duration float64 `json:"duration_ms"`
		}
	}
	lines := func(args ...string) (all []object) {
		t.Helper()
		if code := s.do(args...); code != exitOK || s.errout.String() != "" {
			t.Fatalf("exit code %d: %s", code, s.errout.String())
		}
		for line := range strings.Lines(s.out.String()) {
			var o object
			if err := json.Unmarshal([]byte(line), &o); err != nil || o.V != 1 {
				t.Fatalf("%v: %s", err, line)
			}
			all = append(all, o)
		}
		return all
	}
	calls := lines("calls", "--json")
	if len(calls) != 3 || calls[0].Call != -3 || calls[2].Call != -1 || calls[2].Type != "call" || calls[2].State != "ended" {
		t.Errorf("calls: %+v", calls)
	}
	if calls = lines("calls", "--json", "2"); len(calls) != 2 || calls[0].Call != -2 {
		t.Errorf("the last two calls: %+v", calls)
	}
	roams := lines("roams", "--json")
	if len(roams) != 2 || roams[0].Phase != "done" || roams[1].Roam != -1 || roams[1].Failed != "register" || len(roams[1].Next) != 2 ||
		len(roams[0].Steps) != 1 || roams[0].Steps[0].Step != "register" || roams[0].Steps[0].Duration != 61 {
		t.Errorf("roams: %+v", roams)
	}
}

func TestWithoutAHistory(t *testing.T) {
	s := newStage(t)
	s.apps.recall = wired().recall
	if code := s.do("calls"); code != exitOK || s.out.String() != "no calls yet\n" {
		t.Errorf("%d %s%s", code, s.out.String(), s.errout.String())
	}
	if code := s.do("roams"); code != exitOK || !strings.Contains(s.out.String(), "no roams yet") {
		t.Errorf("%d %s%s", code, s.out.String(), s.errout.String())
	}
	if code := s.do("roams", "--json"); code != exitOK || s.out.String() != "" {
		t.Errorf("%d %s%s", code, s.out.String(), s.errout.String())
	}
	paths, err := config.FindPaths(s.getenv)
	if err != nil {
		t.Fatal(err)
	}
	if found, _ := filepath.Glob(filepath.Join(paths.State, "*")); len(found) > 0 {
		t.Errorf("reading left %v", found)
	}
}

func TestAHistoryThatCannotBeReadIsTold(t *testing.T) {
	s := newStage(t)
	s.apps.recall = func(string) (phone.Past, []phone.News) {
		return phone.Past{}, []phone.News{{Kind: phone.HistoryNotWhole, Name: "calls", Damage: &phone.Damage{File: "history.jsonl", Lines: []int{7}, Why: "no JSON", Good: 3}}}
	}
	if code := s.do("calls"); code != exitOK || !strings.Contains(s.errout.String(), "some of the history is missing: the history of calls is not whole: history.jsonl: line 7 is damaged (no JSON); the other 3 records are there") {
		t.Errorf("%d %s", code, s.errout.String())
	}
}

// TestHistoryIsOpenedAsConfigured: in the state directory, or not at all.
func TestHistoryIsOpenedAsConfigured(t *testing.T) {
	s := newStage(t).write(account)
	if code := s.do("headless"); code != exitOK || s.session.History == nil {
		t.Errorf("%d, no history", code)
	}
	s = newStage(t).write(account + "[ui]\nhistory = 0\n")
	if code := s.do("headless"); code != exitOK || s.session.History != nil {
		t.Errorf("%d, a history that nobody wants", code)
	}
	s = newStage(t).write(account + "[ui]\nhistory = \"500\"\n")
	if code := s.do("headless"); code != exitConfig || !strings.Contains(s.errout.String(), "ui.history") {
		t.Errorf("%d %s", code, s.errout.String())
	}
	if code := s.do("demo"); code != exitOK || s.session.History != nil {
		t.Errorf("%d, the demo keeps a history", code)
	}
}
