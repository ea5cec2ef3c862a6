package dialog

import "errors"

// Errors that the machine itself names in Ended and Outcome.
var (
	errNoSDP  = errors.New("the answer describes no media")
	errNobody = errors.New("nobody answered")
	errNoACK  = errors.New("the answer was not acknowledged")

	// ErrState: the call's state has no room for the wish.
	ErrState = errors.New("the call is not in a state for this")
)

// NoAnswer reports an INVITE that nobody took in three minutes.
func NoAnswer(err error) bool { return errors.Is(err, errNobody) }
