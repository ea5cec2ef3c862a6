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
		{"Persian with a non-joiner", "می\u200cخواهم", "می\u200cخواهم"},
		{"Sinhala and Malayalam with a joiner", "ක්\u200dෂ ന്\u200dമ", "ක්\u200dෂ ന്\u200dമ"},
		{"Devanagari, letters kept apart", "क्\u200cष", "क्\u200cष"},
		{"a joiner after the word", "می\u200c b", "می\ufffd b"},
		{"two joiners", "می\u200c\u200cخ", "می\ufffd\ufffdخ"},
		{"a joiner between scripts", "م\u200cb", "م\ufffdb"},
		{"a joiner at the start", "\u200dم", "\ufffdم"},
		{"an ideograph's variant", "葛\U000e0100城", "葛\U000e0100城"},
		{"Mongolian", "ᠠ\u180b", "ᠠ\u180b"},
		{"a family is one", "a👨\u200d👩\u200d👧\u200d👦b", "a\ufffdb"},
		{"two families are two", "👨\u200d👩👩\u200d👧", "\ufffd\ufffd"},
		{"a technician of some skin is one", "👩🏽\u200d💻", "\ufffd"},
		{"a heart in colour", "❤\ufe0f b", "❤ b"},
		{"a waving hand of some skin", "👋🏽 b", "👋 b"},
		{"a flag of tags", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f b", "\ufffd b"},
		{"a joiner behind an emoji", "👨\u200db", "👨\ufffdb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Text(tc.in); got != tc.want {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
		})
	}
	t.Run("what is cut stays as it is", func(t *testing.T) {
		for n := 1; n < 5; n++ {
			got := Limit("می\u200cخواهم", n)
			if again := Limit(got, n); again != got {
				t.Errorf("%d: %q, then %q", n, got, again)
			}
		}
	})
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
	f.Add("می\u200cخ 👨\u200d👩\u200d👧 葛\U000e0100 ❤\ufe0f 👋🏽")
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
