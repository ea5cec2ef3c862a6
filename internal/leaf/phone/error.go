package phone

import "strings"

// Error is a refusal or failure meant for a person: what happened and what to
// do about it. Code is for machines to branch on.
type Error struct {
	Code Code
	Text string // what happened
	Hint string // what to do; may be empty
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Text
	}
	return strings.TrimRight(e.Text, ".:; ") + ": " + e.Hint
}

// Code is the machine's half of an Error.
type Code int

// Codes of errors. Exit codes of the program follow from them.
const (
	ErrOther Code = iota
	ErrUsage
	ErrConfig
	ErrNoSuchCall
	ErrNoSuchAccount
	ErrWrongState
	ErrNoNetwork
	ErrAudio
	ErrRefused
)
