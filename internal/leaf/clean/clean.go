// Package clean is the one sanitizer between strings that came from the
// network and every output: terminal, log, history, window title, event
// stream. What passes is printable text that stays on its line and reads in
// the order it was written.
package clean

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is the length, in runes, to which Text cuts. Longer names are
// attacks or mistakes; nobody reads them.
const MaxText = 256

// Text returns s with every rune that could steer a terminal or mislead a
// reader replaced by U+FFFD: C0 and C1 controls, ESC, invalid UTF-8, bidi
// overrides and isolates, zero-width and other format characters, private
// use, line and paragraph separators. Joiners and variation selectors stay
// where the script is spelt with them. An emoji that is made of several, a
// family or a flag, is one U+FFFD, since terminals do not agree how wide it is;
// one with a colour of skin or a selector is the emoji alone. It is cut at
// MaxText runes with "…".
func Text(s string) string { return Limit(s, MaxText) }

// Limit is Text with a length of its own, in runes.
func Limit(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if len(s) <= n && plain(s) {
		return s
	}
	var b strings.Builder
	before := rune(0) // what was written last
	for i, count := 0, 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if count++; count > n {
			b.WriteRune('…')
			break
		}
		if more, whole := emoji(s[i:]); more > 0 {
			if size = more; !whole {
				r = utf8.RuneError
			}
		}
		i += size
		if joins(r) {
			after, _ := utf8.DecodeRuneInString(s[i:])
			if count == n || !spelling(before, r, after) {
				r = utf8.RuneError
			}
		} else if !printable(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
		before = r
	}
	return b.String()
}

// plain is the fast path: printable ASCII only.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func printable(r rune) bool {
	switch {
	case r == ' ':
		return true
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
		return false
	case unicode.Is(unicode.Variation_Selector, r):
		return false
	}
	return unicode.IsPrint(r)
}
