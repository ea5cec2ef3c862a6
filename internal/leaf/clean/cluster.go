package clean

import (
	"unicode"
	"unicode/utf8"
)

const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
)

// joins says whether a rune cannot be seen and may yet be part of a word.
func joins(r rune) bool {
	return r == nonJoiner || r == joiner || unicode.Is(unicode.Variation_Selector, r)
}

// spelling says whether a joiner or a variation selector between two runes
// belongs to how a word is written: in scripts whose letters join or stack
// (RFC 5892 A.1, A.2), in Mongolian, and behind an ideograph.
func spelling(before, r, after rune) bool {
	switch {
	case r == nonJoiner || r == joiner:
		for _, script := range joining() {
			if unicode.Is(script, before) {
				return unicode.Is(script, after) && unicode.In(after, unicode.L, unicode.M)
			}
		}
		return false
	case r >= '\u180b' && r <= '\u180f':
		return unicode.Is(unicode.Mongolian, before) && unicode.IsLetter(before)
	case r >= '\U000e0100' || r <= '\ufe02':
		return unicode.Is(unicode.Han, before)
	}
	return false
}

// joining are the scripts that joiners are used in.
func joining() []*unicode.RangeTable {
	return []*unicode.RangeTable{unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mandaic, unicode.Mongolian,
		unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
		unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan}
}

// emoji measures what belongs to the emoji that s begins with, in bytes; 0 when
// it begins with none. whole says that its first rune stands for all of it.
func emoji(s string) (size int, whole bool) {
	r, size := utf8.DecodeRuneInString(s)
	if !pictograph(r) {
		return 0, false
	}
	whole = true
	for size < len(s) {
		r, n := utf8.DecodeRuneInString(s[size:])
		switch {
		case r == '\ufe0e' || r == '\ufe0f' || r == '\u20e3' || skin(r):
			size += n
		case r >= '\U000e0020' && r <= '\U000e007f': // tags, of flags
			size, whole = size+n, false
		case r == joiner:
			next, m := utf8.DecodeRuneInString(s[size+n:])
			if !pictograph(next) {
				return size, whole
			}
			size, whole = size+n+m, false
		default:
			return size, whole
		}
	}
	return size, whole
}

func skin(r rune) bool { return r >= '\U0001f3fb' && r <= '\U0001f3ff' }

// pictograph says whether a rune is a picture. Digits, which keycaps are made
// of, are not, nor is what stands for something that was replaced.
func pictograph(r rune) bool {
	return (unicode.Is(unicode.So, r) && r != utf8.RuneError) || (r >= '\U0001f000' && r <= '\U0001faff' && unicode.IsPrint(r))
}
