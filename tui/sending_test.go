package tui

import (
	"testing"
	"time"
)

// TestSendingIsShownOnlyWhereItIs: without a network nothing leaves, whatever
// the microphone hears.
func TestSendingIsShownOnlyWhereItIs(t *testing.T) {
	s := inCall()
	d := newHand(t, 80, 24, nil)
	d.show(s)
	d.sees("sending")
	s.Calls[0].KeepUntil = noon.Add(43 * time.Second)
	s.Calls[0].Media.Sending = false
	d.show(s)
	d.sees("nothing leaves")
	d.seesNot(" sending")
}
