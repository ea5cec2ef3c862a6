package phone

import (
	"net/netip"
	"time"
)

// Update is what a subscriber gets: the latest whole state, and the notices
// since the last update in their order. States are coalesced, notices are not.
type Update struct {
	State   State
	Notices []Notice
	Dropped int // notices of low worth left out because the reader was slow
}

// Notice is something that happened at a moment. The set is closed.
type Notice struct {
	At   time.Time
	What Happening
}

// Happening is the sealed set of things a Notice can tell.
type Happening interface{ happening() }

// Ready: the sockets listen, nothing was registered yet.
type Ready struct {
	Accounts []string
	Listen   map[string]netip.AddrPort // by transport
}

// RegistrationChanged carries the account after the change.
type RegistrationChanged struct{ Account Account }

// CallChanged carries the call after the change.
type CallChanged struct{ Call Call }

// NetworkChanged carries the network after the change.
type NetworkChanged struct{ Network Network }

// RoamChanged carries the roam after the change; Step is the new step where
// that is what changed.
type RoamChanged struct {
	Roam Roam
	Step *RoamStep
}

// MediaReport is a call's sound, once every statistics interval and once at
// the end of the call.
type MediaReport struct {
	Call  CallID
	Media Media
	Final bool
}

// DigitHeard is one DTMF digit from the peer (RFC 4733, or in an INFO).
type DigitHeard struct {
	Call     CallID
	Digit    rune
	Duration time.Duration
	Method   string // "rtp" or "info"
}

// Said is something for a person.
type Said struct {
	Level Level
	News
}

// Closed is the last notice of a run. Asked: by a command, not by a signal.
type Closed struct{ Asked bool }

func (Ready) happening()               {}
func (RegistrationChanged) happening() {}
func (CallChanged) happening()         {}
func (NetworkChanged) happening()      {}
func (RoamChanged) happening()         {}
func (MediaReport) happening()         {}
func (DigitHeard) happening()          {}
func (Said) happening()                {}
func (Closed) happening()              {}

// Level is how much a Said matters.
type Level int

// Levels of a line.
const (
	Info Level = iota
	Warn
	Failure
)

func (l Level) String() string { return [...]string{"info", "warn", "error"}[l] }
