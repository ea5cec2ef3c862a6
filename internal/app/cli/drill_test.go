package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ramble/internal/app/config"
	"ramble/internal/app/drill"
)

func TestDrillCommand(t *testing.T) {
	own := filepath.Join(t.TempDir(), "trip.txt")
	if err := os.WriteFile(own, []byte("call\nroam ppp0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"a scenario that is not there lists those that are", []string{"nowhere"}, exitUsage, "built in are: idle, roam,"},
		{"a mistake in a file is told with its line", []string{own}, exitUsage, `trip.txt:2: there is no uplink "ppp0"`},
		{"a transport that is none", []string{"--transport", "sctp"}, exitUsage, "--transport is udp, tcp or tls"},
		{"a folder is no scenario", []string{filepath.Dir(own)}, exitUsage, "directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			if code := s.do(append([]string{"drill"}, tt.args...)...); code != tt.code || !strings.Contains(s.errout.String(), tt.says) || s.ran != "" {
				t.Errorf("exit code %d, ran %q\n%s", code, s.ran, s.errout.String())
			}
		})
	}
	t.Run("all of them without a name, or with all", func(t *testing.T) {
		s := newStage(t)
		for _, args := range [][]string{{"drill"}, {"drill", "all"}} {
			if code := s.do(args...); code != exitOK || len(s.drill.Scenarios) != len(builtin()) || s.drill.Transport != "udp" {
				t.Errorf("%v: exit code %d, %d scenarios over %s", args, code, len(s.drill.Scenarios), s.drill.Transport)
			}
		}
	})
	t.Run("those that were named, in that order", func(t *testing.T) {
		s := newStage(t)
		s.do("drill", "roam", "idle", "--transport", "TLS", "--sip-port", "5060", "--json", "--ascii")
		var names []string
		for _, sc := range s.drill.Scenarios {
			names = append(names, sc.Name)
		}
		if !slices.Equal(names, []string{"roam", "idle"}) || s.drill.Transport != "tls" || s.drill.SIPPort != 5060 || !s.drill.JSON || !s.drill.ASCII {
			t.Errorf("%v, %+v", names, s.drill)
		}
	})
	t.Run("--list is for reading", func(t *testing.T) {
		s := newStage(t)
		if code := s.do("drill", "--list"); code != exitOK || !strings.Contains(s.out.String(), "overlap    new uplink before the old goes\n") || s.ran != "" {
			t.Errorf("exit code %d\n%s", code, s.out.String())
		}
	})
}

// TestPrivateNetwork: who runs the demo and the drill, and what they are told.
func TestPrivateNetwork(t *testing.T) {
	for _, command := range []string{"demo", "drill"} {
		t.Run(command, func(t *testing.T) {
			s := newStage(t)
			s.do(command, "--simulate")
			if s.ran != command || s.session.Simulated != "--simulate" {
				t.Errorf("with --simulate: ran %q, %q", s.ran, s.session.Simulated)
			}
			s.do(command)
			if s.ran != command || s.session.Simulated != "a test has none" {
				t.Errorf("where there is none: ran %q, %q", s.ran, s.session.Simulated)
			}
			s.apps.private = func() (int, bool, error) { return 0, false, nil }
			s.do(command)
			if s.ran != command || s.session.Simulated != "" {
				t.Errorf("inside: ran %q, %q", s.ran, s.session.Simulated)
			}
			s.fails = errors.New("no luck")
			if code := s.do(command); code != exitFailure || !strings.Contains(s.errout.String(), "no luck") {
				t.Errorf("a failure: exit code %d, %q", code, s.errout.String())
			}
			for _, code := range []int{0, 1, 130} {
				s.apps.private = func() (int, bool, error) { return code, true, nil }
				if got := s.do(command); got != code || s.ran != "" || s.errout.Len() != 0 {
					t.Errorf("outside: exit code %d, want %d; ran %q; %q", got, code, s.ran, s.errout.String())
				}
			}
		})
	}
}

// simulated plays scenarios on the real phone in a network in memory, and
// returns what was reported.
func simulated(t *testing.T, d Drill) (string, error) {
	t.Helper()
	var out strings.Builder
	c := config.Default()
	s := newStage(t)
	s.life = begin(t.Context(), nil, &s.errout)
	defer s.life.end()
	err := s.withDemo(s.life, noScreen, func(session *Session) error {
		session.Config, session.Out, session.Simulated = &c, &out, "a test"
		return runDrill(t.Context(), session, d)
	})
	return out.String(), err
}

// TestDrill plays a short subset end to end; `ramble drill --simulate` plays all.
func TestDrill(t *testing.T) {
	if testing.Short() {
		t.Skip("roams in real time; run without -short")
	}
	pick := func(names ...string) []drill.Scenario {
		list, err := scenarios(names)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, over := range []drill.Transport{"udp", "tcp", "tls"} {
		t.Run("passes over "+string(over), func(t *testing.T) {
			t.Parallel()
			out, err := simulated(t, Drill{Scenarios: pick("idle", "roam", "renumber", "held", "ring-in", "lost"), Transport: over})
			if err != nil || !strings.Contains(out, "\n6 passed, 0 failed") || !strings.HasPrefix(out, "simulated, in a network in memory: a test ("+string(over)+")") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	impossible, err := drill.Parse("mine", "limit 3s\ncall\nroam usb0\nexpect survives\nexpect gap_in < 1ns # never\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a failure has its line, the timeline and the next step", func(t *testing.T) {
		t.Parallel()
		out, err := simulated(t, Drill{Scenarios: []drill.Scenario{impossible}, Transport: "udp"})
		if exitCode(err) != exitFailure || err.Error() != "1 of 1 scenarios failed" {
			t.Errorf("got %v", err)
		}
		for _, want := range []string{"✗ mine", "line 5, expect gap_in < 1ns: gap_in is", "roam 1 wlan0 192.168.1.23 → usb0 172.20.10.4, done", "✓ register", "what to do: "} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing in\n%s", want, out)
			}
		}
	})
	t.Run("and is an object for programs", func(t *testing.T) {
		t.Parallel()
		out, _ := simulated(t, Drill{Scenarios: append(pick("idle"), impossible), Transport: "udp", JSON: true})
		var kinds []string
		for line := range strings.Lines(out) {
			var o struct {
				V      int
				Type   string
				Pass   bool
				Line   int
				Failed int
				Roams  []struct{ Steps []any }
			}
			if err := json.Unmarshal([]byte(line), &o); err != nil || o.V != 1 {
				t.Fatalf("%v: %s", err, line)
			}
			kinds = append(kinds, o.Type)
			switch len(kinds) {
			case 1:
				if !o.Pass || len(o.Roams) != 1 || o.Roams[0].Steps != nil {
					t.Errorf("passed: %s", line)
				}
			case 2:
				if o.Pass || o.Line != 5 || len(o.Roams) != 1 || len(o.Roams[0].Steps) == 0 {
					t.Errorf("failed: %s", line)
				}
			case 3:
				if o.Failed != 1 {
					t.Errorf("summary: %s", line)
				}
			}
		}
		if !slices.Equal(kinds, []string{"scenario", "scenario", "summary"}) {
			t.Errorf("%v", kinds)
		}
	})
	t.Run("a limit ends what does not end", func(t *testing.T) {
		t.Parallel()
		endless, err := drill.Parse("endless", "limit 2s\ncall\nexpect ends\n")
		if err != nil {
			t.Fatal(err)
		}
		out, err := simulated(t, Drill{Scenarios: []drill.Scenario{endless}, Transport: "udp"})
		if exitCode(err) != exitFailure || !strings.Contains(out, "the scenario took longer than 2s, waiting for the end of the call: the call is up") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
