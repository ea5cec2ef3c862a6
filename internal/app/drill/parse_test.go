package drill

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ramble/internal/app/ground"
)

func TestBuiltin(t *testing.T) {
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
		if s.Title == "" || len(s.Title) > titleWidth {
			t.Errorf("%s: its title %q does not fit the report", s.Name, s.Title)
		}
		if len(s.Name) > nameWidth {
			t.Errorf("%s: its name does not fit the report", s.Name)
		}
	}
	for _, want := range []string{"idle", "roam", "gone5", "renumber", "same", "overlap", "stall", "second", "flap", "sleep", "held", "ring-out", "ring-in", "lost"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no scenario %q among %v", want, names)
		}
	}
}

func TestParse(t *testing.T) {
	text, err := os.ReadFile("testdata/trip.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("trip", string(text))
	if err != nil {
		t.Fatal(err)
	}
	want := Scenario{
		Name: "trip", Title: "a day out", Transport: "tcp", KeepFor: 30 * time.Second, Ring: time.Second, Limit: 90 * time.Second,
		Steps: []Step{
			{8, "call echo", Call{"echo", true}},
			{9, "roam usb0 500ms", Moves{ground.Roam{To: "usb0", Gap: 500 * time.Millisecond}}},
			{10, "expect survives", Expect{What: Survives}},
			{11, "expect gap_in < 2s", Expect{What: GapIn, Below: 2 * time.Second}},
			{12, "overlap eth0 1s", Moves{ground.Overlap{To: "eth0", For: time.Second}}},
			{13, "expect lost <= 60", Expect{What: Lost, Count: 60}},
			{14, "hold", Hold{}},
			{15, "sleep 6s wlan0", Moves{ground.Sleep{For: 6 * time.Second, To: "wlan0"}}},
			{16, "expect held", Expect{What: Held}},
			{17, "resume", Resume{}},
			{18, "flap 4 300ms", Moves{ground.Flap{Times: 4, Every: 300 * time.Millisecond}}},
			{19, "expect roams >= 1", Expect{What: Roams, Count: 1}},
			{20, "expect registered", Expect{What: Registered}},
			{21, "hangup peer", Hangup{true}},
			{22, "expect ends hung up", Expect{What: Ends, Words: "hung up"}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryStepIsRead(t *testing.T) {
	for line, want := range map[string]Action{
		"call":         Call{"melody", true},
		"dial carol":   Call{"carol", false},
		"ring":         Ring{},
		"answer":       Answer{},
		"hangup":       Hangup{},
		"roam usb0":    Moves{ground.Roam{To: "usb0"}},
		"down":         Moves{ground.Down{}},
		"down 5s":      Moves{ground.Down{For: 5 * time.Second}},
		"up":           Moves{ground.Up{}},
		"up eth0":      Moves{ground.Up{To: "eth0"}},
		"renumber":     Moves{ground.Renumber{}},
		"elsewhere":    Moves{ground.Elsewhere{}},
		"elsewhere 1s": Moves{ground.Elsewhere{Gap: time.Second}},
		"stall 2s":     Moves{ground.Stall{For: 2 * time.Second}},
		"sleep 6s":     Moves{ground.Sleep{For: 6 * time.Second}},
		"wait 10m":     Wait{10 * time.Minute},
		"expect ends":  Expect{What: Ends},
	} {
		s, err := Parse("x", line+"\ncall\nexpect up\n")
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if s.Steps[0].Do != want {
			t.Errorf("%s: got %#v", line, s.Steps[0].Do)
		}
	}
}

// TestMistakes: each is found, at its line, in words that help.
func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		text string
		line int
		says string
	}{
		{"", 0, "there is no step in it"},
		{"# nothing but a comment\n", 0, "there is no step in it"},
		{"call\n", 0, `no "expect" line`},
		{"wait 1s\nexpect registered\n", 0, "no call and no move of the network"},
		{"call\nfly usb0\n", 2, `no step "fly"; there are: answer, call`},
		{"roam\n", 1, "roam takes at least one word"},
		{"roam ppp0\n", 1, `no uplink "ppp0"; there are: wlan0, usb0, eth0`},
		{"roam usb0 5\n", 1, `"5" is no duration: write 500ms, 5s or 2m`},
		{"roam usb0 5s later\n", 1, `"later" is too much`},
		{"roam usb0 -5s\n", 1, "not between nothing and 10 minutes"},
		{"wait 11m\n", 1, "not between nothing and 10 minutes"},
		{"wait\n", 1, "wait takes one word after it"},
		{"overlap usb0\n", 1, "overlap takes 2 words after it"},
		{"renumber now\n", 1, `renumber stands alone; "now" is too much`},
		{"call bob\n", 1, `no peer "bob"; there are: melody, echo, carol`},
		{"hangup me\n", 1, `"me" is neither`},
		{"flap many 1s\n", 1, `"many" is no number from 0 to 1000`},
		{"flap 1001 1s\n", 1, "no number from 0 to 1000"},
		{"sleep\n", 1, "sleep takes at least one word"},
		{"up ppp0\n", 1, "no uplink"},
		{"call\n\n\nexpect\n", 4, "expect takes what is expected: survives,"},
		{"expect luck\n", 1, `no expectation "luck"; there are: survives`},
		{"expect survives well\n", 1, `expect survives stands alone; "well" is too much`},
		{"expect gap_in 200ms\n", 1, "write: expect gap_in < 200ms"},
		{"expect gap_in > 200ms\n", 1, "write: expect gap_in < 200ms"},
		{"expect gap_in < soon\n", 1, `"soon" is no duration`},
		{"expect lost < 5\n", 1, "write: expect lost <= 5"},
		{"expect roams >= x\n", 1, `"x" is no number`},
		{"call\ntransport tcp\n", 2, `"transport" stands before the first step`},
		{"transport sctp\n", 1, "transport is udp, tcp or tls"},
		{"keep_for\n", 1, "setting takes one word"},
		{"limit ever\n", 1, `"ever" is no duration`},
		{"call \xff\n", 0, "not UTF-8"},
		{strings.Repeat("#", maxFile+1), 0, "larger than 64 KiB"},
		{strings.Repeat("x", 1000) + "\n", 1, `xxx..."`},
	} {
		_, err := Parse("bad", tt.text)
		e, ok := errors.AsType[*ParseError](err)
		if !ok {
			t.Errorf("%.40q: got %v", tt.text, err)
			continue
		}
		if e.Line != tt.line || !strings.Contains(e.Text, tt.says) {
			t.Errorf("%.40q: got line %d, %s", tt.text, e.Line, e.Text)
		}
		if len(e.Error()) > 500 {
			t.Errorf("%.40q: the error is a page long", tt.text)
		}
	}
}

func TestNameOf(t *testing.T) {
	for path, want := range map[string]string{
		"scenarios/02-roam.txt": "roam", `C:\drill\trip.txt`: "trip", "a/13-ring-out.txt": "ring-out", "ring-out.txt": "ring-out", "7-.txt": "7-",
	} {
		if got := nameOf(path); got != want {
			t.Errorf("%s: got %s", path, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	all, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range all {
		var b strings.Builder
		for _, step := range s.Steps {
			b.WriteString(step.Text + "\n")
		}
		f.Add(b.String())
	}
	f.Add("title x\nkeep_for 2s\ncall\nexpect gap_in < 1s # fast\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("fuzz", text)
		if err != nil {
			if e, ok := errors.AsType[*ParseError](err); !ok || e.Text == "" || len(err.Error()) > 1000 {
				t.Fatalf("the error is %q", err)
			}
			return
		}
		// What was read, written down again, is read as the same.
		var b strings.Builder
		for _, step := range s.Steps {
			b.WriteString(step.Text + "\n")
		}
		again, err := Parse("fuzz", b.String())
		if err != nil || len(again.Steps) != len(s.Steps) {
			t.Fatalf("again: %v\n%s", err, b.String())
		}
		for i := range s.Steps {
			if again.Steps[i].Do != s.Steps[i].Do {
				t.Fatalf("%q became %#v", s.Steps[i].Text, again.Steps[i].Do)
			}
			if s.Steps[i].Line < 1 || i > 0 && s.Steps[i].Line <= s.Steps[i-1].Line {
				t.Fatalf("line %d after %d", s.Steps[i].Line, s.Steps[max(0, i-1)].Line)
			}
		}
	})
}
