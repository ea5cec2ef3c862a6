package wire

import (
	"strconv"
	"strings"
	"time"
)

// The kinds of body that bring a digit in an INFO. No RFC has them; gateways
// and PBXs use them since before RFC 4733 was common.
const (
	relayType = "application/dtmf-relay"
	plainType = "application/dtmf"
)

// Digits are the kinds of body that an INFO may have.
const Digits = relayType + ", " + plainType

// usualDigit is how long a digit is whose INFO does not say.
const usualDigit = 250 * time.Millisecond

// Digit reads the digit in an INFO: 0-9 * # A-D, and how long it sounded.
// ok is false where the body is none of Digits, or holds something else.
func (m *Message) Digit() (key rune, length time.Duration, ok bool) {
	p := part{headers: m.Headers}
	kind, _ := p.kind()
	signal, length := strings.TrimSpace(string(m.Body)), usualDigit
	switch kind {
	case plainType:
		if name, v, found := strings.Cut(signal, "="); found && strings.EqualFold(strings.TrimSpace(name), "Signal") {
			signal = strings.TrimSpace(v)
		}
	case relayType:
		lines := strings.Split(signal, "\n")
		signal = ""
		for _, line := range lines {
			i := strings.IndexAny(line, "=:")
			if i < 0 {
				continue
			}
			name, v := strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+1:])
			switch {
			case strings.EqualFold(name, "Signal"):
				signal = v
			case strings.EqualFold(name, "Duration"):
				if n, err := strconv.ParseUint(v, 10, 16); err == nil && n > 0 {
					length = time.Duration(n) * time.Millisecond
				}
			}
		}
	default:
		return 0, 0, false
	}
	// Some write the number of the event in RFC 4733: 10 is the star.
	if n, err := strconv.ParseUint(signal, 10, 8); err == nil && n < 16 {
		return rune("0123456789*#ABCD"[n]), length, true
	}
	if signal = strings.ToUpper(signal); len(signal) == 1 && strings.Contains("*#ABCD", signal) {
		return rune(signal[0]), length, true
	}
	return 0, 0, false
}
