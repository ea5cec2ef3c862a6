package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// clock is a call's length: 02:14, or 1:02:14 from an hour on.
func clock(d time.Duration) string {
	s := int(max(0, d) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// lasting is a duration to be read exactly: 84 ms, 1.31 s, 12.3 s, 2m14.
func lasting(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return short(d)
}

// ago is a duration that runs while one looks at it: 1.3 s, 42 s, 12m, 3h.
func ago(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%dh%02d", d/time.Hour, d/time.Minute%60)
}

// short is a duration for a list: 8 s, 2m14, 1h02.
func short(d time.Duration) string {
	s := int(max(0, d) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02d", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02d", s/3600, s/60%60)
}

// left is how long something still holds, for a narrow column: 54m, 42s.
func left(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 100*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}

// grouped is a count with spaces between thousands: 6 702.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// counted is "1 packet", "3 packets".
func counted(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// who is the other side in the fewest words.
func who(c phone.Call) string {
	if c.Name != "" {
		return c.Name
	}
	if a := words.Address(c.Peer); a != "" {
		return a
	}
	return "unknown caller"
}

// codec is "PCMU 8k" for "PCMU/8000".
func codec(s string) string {
	name, rate, ok := strings.Cut(s, "/")
	if !ok {
		return s
	}
	rate, _, _ = strings.Cut(rate, "/")
	if thousands, ok := strings.CutSuffix(rate, "000"); ok && thousands != "" {
		rate = thousands + "k"
	}
	return name + " " + rate
}

// timeFormat is the clock face that Options.Time names.
type timeFormat struct{ second, minute string }

func newTimeFormat(name string) timeFormat {
	if name == "12h" {
		return timeFormat{"3:04:05 PM", "3:04 PM"}
	}
	return timeFormat{"15:04:05", "15:04"}
}

// when is a moment as one says it now: 13:05, yesterday 13:05, Mon 13:05,
// 21 Nov, 21 Nov 2025.
func (m *model) when(at time.Time) string {
	minute := at.Format(m.set.time.minute)
	year, month, day := m.now.Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, m.now.Location())
	switch at = at.In(m.now.Location()); {
	case !at.Before(today):
		return minute
	case !at.Before(today.AddDate(0, 0, -1)):
		return "yesterday " + minute
	case !at.Before(today.AddDate(0, 0, -6)):
		return at.Format("Mon ") + minute
	case at.Year() == year:
		return at.Format("2 Jan")
	}
	return at.Format("2 Jan 2006")
}

// pieces are the parts between which text may be broken: not between a number
// and its unit.
func pieces(text string) []string {
	var out []string
	for _, w := range strings.Fields(text) {
		if n := len(out); n > 0 && (strings.TrimRight(w, ",;.") == "s" || strings.TrimRight(w, ",;.") == "ms") {
			out[n-1] += " " + w
			continue
		}
		out = append(out, w)
	}
	return out
}

// wrapLimit is the longest text that wrap takes, in runes; nobody reads more in
// a pane.
const wrapLimit = 1000

// wrap breaks text at spaces into lines of at most width columns; a word too
// long for a line is broken where it must.
func (l *look) wrap(text string, width int) []string {
	if width < 1 {
		return nil
	}
	text = clean.Limit(text, wrapLimit)
	var lines []string
	line := ""
	for _, word := range pieces(text) {
		for l.width(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			part := l.head(word, width)
			if part == "" {
				word = "" // a wide rune has no place in a column of one
				break
			}
			lines, word = append(lines, part), word[len(part):]
		}
		switch {
		case word == "":
		case line == "":
			line = word
		case l.width(line)+1+l.width(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
