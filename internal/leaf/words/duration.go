package words

import (
	"fmt"
	"strconv"
	"time"
)

// Duration is a duration as a person says it: 84 ms, 1.31 s, 45 s, 2 min 5 s.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return strconv.FormatFloat(float64(d.Milliseconds()/10)/100, 'f', -1, 64) + " s"
	}
	text := fmt.Sprintf("%d min", int(d.Minutes()))
	if s := int(d.Seconds()) % 60; s != 0 {
		text += fmt.Sprintf(" %d s", s)
	}
	return text
}

// whole is a duration in whole seconds, as one counts them.
func whole(d time.Duration) string { return Duration(d.Round(time.Second)) }
