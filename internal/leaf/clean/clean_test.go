package clean

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain text passes", "Bob Example", "Bob Example"},
		{"other scripts pass", "Zoë 李雷 Ωmega", "Zoë 李雷 Ωmega"},
		{"escape sequences lose their escape", "a\x1b[2Jb", "a\ufffd[2Jb"},
		{"OSC title with BEL", "\x1b]0;pwned\x07", "\ufffd]0;pwned\ufffd"},
		{"C1 CSI", "a\u009b31mb", "a\ufffd31mb"},
		{"NUL, newline and tab", "a\x00b\nc\td", "a\ufffdb\ufffdc\ufffdd"},
		{"bidi override", "evil\u202egnp.exe", "evil\ufffdgnp.exe"},
		{"zero-width joiner and space", "a\u200db\u200bc", "a\ufffdb\ufffdc"},
		{"invalid UTF-8", "a\xffb", "a\ufffdb"},
		{"line separator", "a\u2028b", "a\ufffdb"},
		{"tag characters", "a\U000e0041b", "a\ufffdb"},
		{"variation selector", "a\ufe0fb", "a\ufffdb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Text(tc.in); got != tc.want {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
		})
	}
	t.Run("a 64 KB name is cut", func(t *testing.T) {
		got := Text(strings.Repeat("n", 64<<10))
		if utf8.RuneCountInString(got) != MaxText+1 || !strings.HasSuffix(got, "…") {
			t.Fatalf("%d runes", utf8.RuneCountInString(got))
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b[2J")
	f.Add("\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if !utf8.ValidString(got) {
			t.Fatalf("invalid UTF-8 from %q", s)
		}
		if Text(got) != got {
			t.Fatalf("not stable: %q", got)
		}
		for _, r := range got {
			if r < 0x20 || (r >= 0x7f && r < 0xa0) {
				t.Fatalf("control %U passed", r)
			}
		}
	})
}
