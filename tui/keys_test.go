package tui

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKeys(t *testing.T) {
	t.Run("the built-in table has no conflict", func(t *testing.T) {
		if err := CheckKeys(nil); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("every action is described, has a group, and one thing that it does", func(t *testing.T) {
		for _, a := range builtin() {
			does := 0
			for _, it := range []bool{a.Command != nil, a.Do != nil, a.effect != nil} {
				if it {
					does++
				}
			}
			if a.Help == "" || a.Group == "" || does != 1 || (a.Enabled != nil) != (a.Needs != "") {
				t.Errorf("%q: help %q, group %q, does %d things, needs %q", a.ID, a.Help, a.Group, does, a.Needs)
			}
		}
	})
	t.Run("the table for the README has every action with a key", func(t *testing.T) {
		rows := KeyTable()
		i := slices.IndexFunc(rows, func(r KeyRow) bool { return r.ID == "hangup" })
		if i < 0 || rows[i].Keys[0] != "b" || rows[i].Group != GroupCalls || len(rows) != len(builtin()) {
			t.Fatalf("%+v", rows)
		}
	})
	t.Run("an override moves a key", func(t *testing.T) {
		d := newHand(t, 120, 24, func(o *Options) {
			o.Keys = map[string][]string{"hangup": {"ctrl+d", "B"}, "dial": {"b"}}
		})
		d.show(inCall())
		d.sees("ctrl+d hang up", "b dial")
		d.press("b")
		d.sees("dial>")
		d.wants()
	})
	for _, tc := range []struct{ name, id, key, want string }{
		{"an unknown action is named, with the one that was meant", "hangpu", "b", `no action "hangpu"; did you mean "hangup"?`},
		{"an unknown action that resembles none points to the list", "levitate", "b", "`ramble help keys` lists them"},
		{"a key for two actions", "mute", "b", `"b" is for both hangup and mute`},
		{"a digit dials", "mute", "5", `"5" dials`},
		{"a key that terminals do not have", "mute", "hyperspace", `"hyperspace" is no key`},
		{"ctrl+i is tab", "mute", "ctrl+i", "is tab in most terminals"},
		{"an empty key", "mute", "", "is no key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := CheckKeys(map[string][]string{tc.id: {tc.key}})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q in it", err, tc.want)
			}
		})
	}
	t.Run("quit cannot lose its last key", func(t *testing.T) {
		if CheckKeys(map[string][]string{"quit": {}}) == nil {
			t.Fatal("taken")
		}
	})
	t.Run("an extra action may not take a built-in key", func(t *testing.T) {
		o := Options{Extra: []Action{{ID: "walk", Keys: []string{"m"}}}}
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), "both mute and walk") {
			t.Fatal(err)
		}
	})
}

func TestOptions(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
		want string
	}{
		{"theme", Options{Looks: Looks{Theme: "drak"}}, `theme "drak" is unknown; there are auto, dark`},
		{"ascii", Options{Looks: Looks{ASCII: "yes"}}, `ascii "yes" is unknown`},
		{"time", Options{Looks: Looks{Time: "24"}}, `time "24" is unknown; there are 24h, 12h`},
		{"layout", Options{Looks: Looks{Layout: "tall"}}, `layout "tall" is unknown`},
		{"confirm", Options{Confirm: "maybe"}, `confirm_quit "maybe" is unknown`},
	} {
		t.Run("a wrong word is named: "+tc.name, func(t *testing.T) {
			if err := tc.o.Check(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v", err)
			}
		})
	}
	for _, tc := range []struct {
		name    string
		environ []string
		ascii   bool
		colour  bool
		motion  bool
	}{
		{"a UTF-8 locale has marks", []string{"LANG=en_GB.UTF-8"}, false, true, true},
		{"another locale has not", []string{"LANG=C"}, true, true, true},
		{"LC_ALL comes first", []string{"LANG=en_GB.UTF-8", "LC_ALL=POSIX"}, true, true, true},
		{"the Linux console has not", []string{"LANG=en_GB.UTF-8", "TERM=linux"}, true, true, true},
		{"NO_COLOR with any value", []string{"LANG=C.utf8", "NO_COLOR=yes"}, false, false, true},
		{"NO_COLOR without a value does not count", []string{"LANG=C.utf8", "NO_COLOR="}, false, true, true},
		{"less motion", []string{"LANG=C.utf8", "RAMBLE_REDUCE_MOTION=1"}, false, true, false},
	} {
		t.Run("environment: "+tc.name, func(t *testing.T) {
			s, err := Options{Terminal: Terminal{Environ: tc.environ}}.settle(t.Context())
			if err != nil || s.ascii != tc.ascii || s.NoColor == tc.colour || s.motion != tc.motion {
				t.Fatalf("ascii %v, no colour %v, motion %v: %v", s.ascii, s.NoColor, s.motion, err)
			}
		})
	}
	t.Run("ten redraws a second unless told otherwise", func(t *testing.T) {
		s, _ := Options{}.settle(t.Context())
		if s.interval != 100*time.Millisecond {
			t.Fatal(s.interval)
		}
	})
}

func TestThemesTellStatesApartWithoutColour(t *testing.T) {
	// Marks and words carry the meaning: with all styles gone, the header of
	// each registration state still differs from the others.
	seen := map[string]string{}
	for name, s := range states() {
		if name == "idle" || name == "recovering" || name == "no network" || name == "refused" {
			d := newHand(t, 80, 24, nil)
			d.show(s)
			head, _, _ := strings.Cut(screen(d), "\n")
			if other, twice := seen[head]; twice {
				t.Fatalf("%s and %s look alike: %s", name, other, head)
			}
			seen[head] = name
		}
	}
}

func TestEveryThemeStylesBadges(t *testing.T) {
	for _, name := range ThemeNames() {
		l := newLook(name, true, false)
		if l.before[badge] == "" || l.before[alarm] == "" {
			t.Errorf("%s: a state that must not be forgotten looks like text", name)
		}
	}
}
