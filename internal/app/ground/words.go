package ground

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what words may say. They keep a typing error from lasting a day.
const (
	MaxDuration = 10 * time.Minute
	MaxCount    = 1000
)

// Words are a line of text: what is done, and the words after it. Their errors
// are for people.
type Words struct {
	First string
	Rest  []string
}

// Line cuts text into words.
func Line(text string) Words {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return Words{}
	}
	return Words{fields[0], fields[1:]}
}

// MoveNames are the first words of all moves, sorted.
func MoveNames() []string { return slices.Sorted(maps.Keys(moves())) }

func unknownMove(word string) error {
	return fmt.Errorf("there is no move %q; there are: %s", word, strings.Join(MoveNames(), ", "))
}

// Count is an error unless so many words follow.
func (a Words) Count(least, most int) error {
	switch n := len(a.Rest); {
	case n < least && least == most:
		return fmt.Errorf("%s takes %s after it", a.First, things(least))
	case n < least:
		return fmt.Errorf("%s takes at least %s after it", a.First, things(least))
	case n > most && most == 0:
		return fmt.Errorf("%s stands alone; %q is too much", a.First, a.Rest[0])
	case n > most:
		return fmt.Errorf("%s takes %s at most; %q is too much", a.First, things(most), a.Rest[most])
	}
	return nil
}

func things(n int) string {
	if n == 1 {
		return "one word"
	}
	return fmt.Sprintf("%d words", n)
}

// Duration is a word as one.
func (a Words) Duration(i int) (time.Duration, error) {
	d, err := time.ParseDuration(a.Rest[i])
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: write 500ms, 5s or 2m", a.Rest[i])
	}
	if d <= 0 || d > MaxDuration {
		return 0, fmt.Errorf("%s is not between nothing and 10 minutes", a.Rest[i])
	}
	return d, nil
}

// Number is a word as a count.
func (a Words) Number(i int) (int, error) {
	n, err := strconv.Atoi(a.Rest[i])
	if err != nil || n < 0 || n > MaxCount {
		return 0, fmt.Errorf("%q is no number from 0 to %d", a.Rest[i], MaxCount)
	}
	return n, nil
}

// Only is a lone duration; least 0 lets it be absent.
func (a Words) Only(least int) (time.Duration, error) {
	if err := a.Count(least, 1); err != nil || len(a.Rest) == 0 {
		return 0, err
	}
	return a.Duration(0)
}

// spotFor is a spot and a duration; least 1 lets the duration be absent.
func (a Words) spotFor(least int, known func(string) error) (string, time.Duration, error) {
	if err := a.Count(least, 2); err != nil {
		return "", 0, err
	}
	if err := known(a.Rest[0]); err != nil || len(a.Rest) == 1 {
		return a.Rest[0], 0, err
	}
	d, err := a.Duration(1)
	return a.Rest[0], d, err
}
