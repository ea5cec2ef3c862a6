package roam

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// spoken is a duration as a person says it: 84 ms, 1.31 s, 45 s, 2 min 5 s.
func spoken(d time.Duration) string {
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

// String is the failure in words, with its SIP status in front.
func (f Failure) String() string {
	switch f.Kind {
	case Answered:
		code := strconv.Itoa(f.Code)
		if strings.HasPrefix(f.Text, code) {
			return f.Text
		}
		return strings.TrimSpace(code + " " + f.Text)
	case Refused:
		return or(f.Text, "credentials refused")
	case TimedOut:
		return or(f.Text, "no answer")
	case Transport:
		return or(f.Text, "the socket failed")
	case Unreachable:
		return or(f.Text, "the server cannot be reached")
	default:
		return or(f.Text, "cancelled")
	}
}

// of puts the request that failed in front.
func (f Failure) of(request string) string {
	if f.Kind == Answered {
		return request + " " + f.String()
	}
	return request + ": " + f.String()
}

// heard is the line of the timeline for the first packet.
func (g Gap) heard() string {
	if !g.Measured {
		return "packets in, no audio was due"
	}
	return "audio in, " + g.words()
}

// words is what the gap cost.
func (g Gap) words() string {
	text := fmt.Sprintf("gap in %s, out %s", spoken(g.GapIn), spoken(g.GapOut))
	switch g.LostIn {
	case 0:
		return text + ", nothing lost"
	case 1:
		return text + ", 1 packet lost"
	default:
		return text + fmt.Sprintf(", %d packets lost", g.LostIn)
	}
}

// worst is the longest gap of the measured ones, as the end of a sentence.
func worst(gaps []Gap) string {
	var w Gap
	for _, g := range gaps {
		if g.Measured && (!w.Measured || max(g.GapIn, g.GapOut) > max(w.GapIn, w.GapOut)) {
			w = g
		}
	}
	if !w.Measured {
		return ""
	}
	return "; " + w.words()
}

// again is when the next try comes.
func again(wait time.Duration) string {
	if wait <= 0 {
		return ", again at once"
	}
	return ", again in " + spoken(wait)
}

// or is text, or what stands for it where it is empty.
func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}
