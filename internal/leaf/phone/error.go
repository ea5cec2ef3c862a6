package phone

import "fmt"

// Error is a refusal of a command, as facts: which fields count follows from
// Why. The words for it are made last.
type Error struct {
	Why     Refusal
	Command string    // what was asked of a call, by its name in scripts
	Call    CallID    // of which
	State   CallState // in which that is
	Calls   []CallID  // those that there are
	Name    string    // whom or what it is about
	Others  string    // of these there are, a list with commas
	Status  int       // SIP status that was asked for
	Fault   Fault     // why there is no connection
	Text    string    // what another room says to it
}

// Error is for the log, and for tests. People read what the words are made of.
func (e *Error) Error() string {
	text := "refused: " + e.Why.String()
	if e.Call != 0 {
		text += fmt.Sprintf(", call %d", e.Call)
	}
	for _, more := range []string{e.Name, e.Text} {
		if more != "" {
			text += ", " + more
		}
	}
	return text
}

// Refusal says why a command is refused.
type Refusal int

// The refusals.
const (
	NotRefused       Refusal = iota
	Stopping                 // the phone says goodbye
	Stopped                  // it is gone
	UnknownCommand           // Name: its type
	NotUp                    // Command, Call, State; the other reasons that lie in one call as well
	NotRinging               // it does not ring here
	BeingAnswered            // it is on its way to be up
	NoSoundYet               // nothing was negotiated
	NoUpdateThere            // the other side does not allow UPDATE (RFC 3311)
	ChangeUnderWay           // an offer is out
	NoCall                   // there is none
	SeveralCalls             // and none is current; Calls
	NoSuchCall               // Call, Calls
	NoOtherCall              // to swap with
	NoCallToRedial           // Call
	NothingDialled           // so far
	StatusUnfit              // Status refuses no call
	DigitsUnfit              // Text says why
	NoAccountEnabled         // by the configuration
	NoSuchAccount            // Name, Others
	NoPathTo                 // no network leads to Name
	NotConnected             // to Name; Fault
	TargetUnfit              // Name cannot be called, Text says why
	TargetNotSecure          // Name asks for sips:, and the account has no TLS
	NoOtherSound             // devices cannot be chosen here
	SoundUnfit               // Text says why
)

func (r Refusal) String() string {
	return [...]string{
		"", "stopping", "stopped", "unknown-command", "not-up", "not-ringing", "being-answered", "no-sound-yet", "no-update-there",
		"change-under-way", "no-call", "several-calls", "no-such-call", "no-other-call", "no-call-to-redial", "nothing-dialled", "status-unfit",
		"digits-unfit", "no-account-enabled", "no-such-account", "no-path-to", "not-connected", "target-unfit", "target-not-secure",
		"no-other-sound", "sound-unfit",
	}[r]
}

// Code sorts errors for machines: exit codes of the program follow from it.
type Code int

// Codes of errors.
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

// Code is the machine's half of an error.
func (e *Error) Code() Code {
	switch e.Why {
	case Stopping, Stopped, NotUp, NotRinging, BeingAnswered, NoSoundYet, NoUpdateThere, ChangeUnderWay:
		return ErrWrongState
	case UnknownCommand, StatusUnfit, DigitsUnfit, TargetUnfit, TargetNotSecure:
		return ErrUsage
	case NoCall, SeveralCalls, NoSuchCall, NoOtherCall, NoCallToRedial, NothingDialled:
		return ErrNoSuchCall
	case NoAccountEnabled, NoSuchAccount:
		return ErrNoSuchAccount
	case NoPathTo, NotConnected:
		return ErrNoNetwork
	case NoOtherSound, SoundUnfit:
		return ErrAudio
	case NotRefused:
	}
	return ErrOther
}
