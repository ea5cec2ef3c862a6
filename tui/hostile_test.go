package tui

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"ramble/internal/leaf/phone"
)

// hostile are strings that a peer may send to steer a terminal or a reader.
var hostile = []string{
	"\x1b[2J\x1b]0;pwned\x07", "\x1b]52;c;cm0gLXJm\x1b\\", "\u009b31m\u009d0;x\u009c", "a\x00b\rc\nd\te\x7f",
	"evil\u202egnp.exe\u2066\u2069", "z\u200dero\u200b\ufeff", "bad\xff\xfe utf8", strings.Repeat("n", 64<<10),
	"李雷李雷李雷李雷李雷李雷李雷李雷李雷李雷李雷李雷李雷", "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309", "🇬🇧 👩‍👩‍👧 👍🏽 ☎️",
	"l\u2028m\u2029n", "tag\U000e0041\U000e007f", "\x1bP+q544e\x1b\\", "\x1b[?1049l", "한국어 हिन्दी العربية",
}

// poisoned is a copy of a state with every string in it replaced.
func poisoned(s phone.State, with string) phone.State {
	v := reflect.New(reflect.TypeOf(s)).Elem()
	v.Set(reflect.ValueOf(s))
	poison(v, with)
	return v.Interface().(phone.State)
}

func poison(v reflect.Value, with string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(with)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() || !v.CanSet() {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				poison(v.Field(i), with)
			}
		}
	case reflect.Slice:
		fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(fresh, v)
		if v.Len() > 0 {
			v.Set(fresh)
		}
		for i := range v.Len() {
			poison(v.Index(i), with)
		}
	}
}

// notices say everything that a state holds.
func notices(s phone.State) []phone.Notice {
	all := []phone.Happening{
		phone.NetworkChanged{Network: s.Network}, phone.Said{News: phone.News{Kind: phone.SoundIs, Name: s.Audio.Backend, Others: s.Audio.Output, Text: s.Audio.Note}},
		phone.Closed{Asked: true}, phone.Said{News: phone.News{Kind: phone.Remarked, Text: s.Audio.Input}}, phone.Ready{Accounts: []string{s.Audio.Input}}, phone.DigitHeard{Digit: '\x1b', Method: s.Audio.Input},
	}
	for _, a := range s.Accounts {
		all = append(all, phone.RegistrationChanged{Account: a})
	}
	for _, c := range s.Calls {
		all = append(all, phone.CallChanged{Call: c}, phone.MediaReport{Call: c.ID, Media: c.Media, Final: true})
	}
	for _, r := range s.Roams {
		all = append(all, phone.RoamChanged{Roam: r})
	}
	var out []phone.Notice
	for _, h := range all {
		out = append(out, phone.Notice{At: noon, What: h})
	}
	return out
}

// styling is the only kind of escape sequence that the interface itself draws.
var styling = regexp.MustCompile("\x1b\\[[0-9;]*m")

func checkBytes(t *testing.T, where, content string) {
	t.Helper()
	for _, r := range styling.ReplaceAllString(content, "") {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)) {
			t.Fatalf("%s: %U reached the terminal", where, r)
		}
	}
}

// states are those that the size and hostility tests go through.
func states() map[string]phone.State {
	waiting := inCall()
	waiting.Calls = append(waiting.Calls, carol())
	failed := inCall()
	failed.Calls[0].State, failed.Calls[0].Answered, failed.Calls[0].Hint = phone.Ended, time.Time{}, "try again"
	lost := inCall()
	lost.Calls[0].NeedsRedial, lost.Calls[0].Muted, lost.Calls[0].Held = true, true, phone.HeldBoth
	return map[string]phone.State{
		"empty": {}, "idle": idle(), "in call": inCall(), "incoming": incoming(), "recovering": recovering(),
		"recovered": recoveredState(), "no network": noNetwork(), "refused": refused(), "waiting": waiting, "failed": failed, "lost": lost,
	}
}

func TestHostileStringsReachNoOutput(t *testing.T) {
	for name, s := range states() {
		for i, evil := range hostile {
			s := poisoned(s, evil)
			for _, ascii := range []string{"on", "off"}[i%2:] {
				d := newHand(t, 120, 36, func(o *Options) { o.ASCII = ascii; o.Banner, o.Version = "", "" })
				d.show(s, notices(s)...)
				for _, key := range []string{"", "?", "esc", "d", "esc", "f5"} {
					d.after(time.Second)
					if key != "" {
						d.press(key)
					}
					v := d.m.View()
					where := fmt.Sprintf("%s, string %d, after %q", name, i, key)
					checkBytes(t, where, v.Content)
					checkBytes(t, where+", title", v.WindowTitle)
					checkWidths(t, where, d, v.Content)
				}
			}
		}
	}
}

// checkWidths says that no line is wider than the screen, measured both ways
// that terminals measure.
func checkWidths(t *testing.T, where string, d *hand, content string) {
	t.Helper()
	lines := strings.Split(content, "\n")
	if len(lines) > d.m.h {
		t.Fatalf("%s: %d lines on a screen of %d", where, len(lines), d.m.h)
	}
	for _, line := range lines {
		if w := ansi.StringWidthWc(line); w > d.m.w {
			t.Fatalf("%s: %d columns on a screen of %d: %q", where, w, d.m.w, ansi.Strip(line))
		}
		if w := ansi.StringWidth(line); w > d.m.w {
			t.Fatalf("%s: %d columns by graphemes on a screen of %d: %q", where, w, d.m.w, ansi.Strip(line))
		}
	}
}

func TestNoLineIsWiderThanTheScreen(t *testing.T) {
	sizes := [][2]int{{1, 1}, {39, 9}, {40, 10}, {50, 20}, {64, 14}, {80, 24}, {120, 36}, {200, 60}}
	for name, s := range states() {
		for _, with := range []string{"", "李雷李雷李雷李雷李雷李雷李雷李雷李雷李雷李雷李雷李雷", "a name that is much longer than any column would like it to be"} {
			if with != "" {
				s = poisoned(s, with)
			}
			for _, size := range sizes {
				for _, layout := range []string{"auto", "stacked"} {
					d := newHand(t, size[0], size[1], func(o *Options) { o.Layout, o.Banner = layout, "demo: nothing leaves this machine" })
					d.show(s, notices(s)...)
					for _, key := range []string{"", "c", "tab", "?", "esc", ":", "esc", "d", "1", "esc", "q"} {
						d.after(time.Second)
						if key != "" {
							d.press(key)
						}
						checkWidths(t, fmt.Sprintf("%s at %v, %s, after %q", name, size, layout, key), d, d.m.View().Content)
					}
				}
			}
		}
	}
}

func FuzzCanvas(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, w int) {
		w = clamp(w, 1, 200)
		for _, ascii := range []bool{false, true} {
			l := newLook("mono", true, ascii)
			c := newCanvas(w, 2, l)
			if used := c.put(0, 0, w, s, strong); used > w {
				t.Fatalf("%d of %d columns", used, w)
			}
			c.all().row(1, row{left: []span{{s, plain}}, right: []span{{s, bad}}})
			out := c.render()
			checkBytes(t, "canvas", out)
			for _, line := range strings.Split(out, "\n") {
				if got := ansi.StringWidthWc(line); got > w {
					t.Fatalf("%d columns in %d: %q", got, w, line)
				}
			}
			for _, line := range l.wrap(s, w) {
				if l.width(line) > w {
					t.Fatalf("wrapped to %d in %d: %q", l.width(line), w, line)
				}
			}
			if fit := l.fit(s, w); l.width(fit) > w {
				t.Fatalf("fitted to %d in %d: %q", l.width(fit), w, fit)
			}
		}
	})
}
