package phone

import "context"

// Doer carries out commands. The engine is one; tests bring their own. Do
// returns when the command was accepted or refused by the engine's loop, not
// when its effect is complete: outcomes arrive as notices. A refusal is an
// *Error and changed nothing.
type Doer interface {
	Do(ctx context.Context, c Command) (Reply, error)
}

// Reply is the answer to a command.
type Reply struct {
	Call  CallID        // the call made or meant; 0 when none
	Sound []SoundDevice // for ListAudio
}

// Command is the sealed set of things a user or a script can ask for.
// Where a command has a Call, 0 means "the only or the current one".
type Command interface{ command() }

type (
	// Dial places a call. Target is a URI, a number or user@host. Account
	// empty: the first enabled one.
	Dial struct{ Target, Account string }
	// Answer accepts a ringing call.
	Answer struct{ Call CallID }
	// Decline refuses a ringing call; Code 0 means 603.
	Decline struct {
		Call CallID
		Code int
	}
	// Hangup ends, cancels or declines, whatever fits the call's state.
	Hangup struct{ Call CallID }
	// HangupAll ends every call.
	HangupAll struct{}
	// HoldCall puts a call on hold, ResumeCall takes it back (RFC 3264 8.4).
	HoldCall   struct{ Call CallID }
	ResumeCall struct{ Call CallID }
	// Mute sends silence, Unmute the microphone again.
	Mute   struct{ Call CallID }
	Unmute struct{ Call CallID }
	// SendDTMF plays Digits (0-9 * # A-D, ',' pauses one second) as RFC 4733 events.
	SendDTMF struct {
		Call   CallID
		Digits string
	}
	// Refresh sends a re-INVITE (or UPDATE) with the present Contact and media address.
	Refresh struct {
		Call   CallID
		Update bool
	}
	// Register registers an account now; empty: all.
	Register struct{ Account string }
	// Unregister removes an account's binding; empty: all.
	Unregister struct{ Account string }
	// NetworkSign acts as if the network changed: look again, replace sockets, refresh.
	NetworkSign struct{}
	// Restart restarts everything, calls kept.
	Restart struct{}
	// Silence stops the ringing, the call keeps waiting.
	Silence struct{ Call CallID }
	// Focus makes a call the current one.
	Focus struct{ Call CallID }
	// Swap holds the current call and resumes the other.
	Swap struct{}
	// Redial calls the last dialled target, or the given ended call's peer,
	// again; of an earlier run too (see Past).
	Redial struct{ Call CallID }
	// ListAudio asks for the microphones and loudspeakers there are; Reply has
	// them.
	ListAudio struct{}
	// UseAudio changes the loudspeaker (Output) or the microphone, in a call
	// too. Name is a part of its name, "default", or "none".
	UseAudio struct {
		Output bool
		Name   string
	}
	// Remark puts a line among the events: a script tells the user what it does.
	Remark struct{ Text string }
	// Quit ends calls, removes bindings and stops, two seconds at most.
	Quit struct{}
)

func (Dial) command()        {}
func (Answer) command()      {}
func (Decline) command()     {}
func (Hangup) command()      {}
func (HangupAll) command()   {}
func (HoldCall) command()    {}
func (ResumeCall) command()  {}
func (Mute) command()        {}
func (Unmute) command()      {}
func (SendDTMF) command()    {}
func (Refresh) command()     {}
func (Register) command()    {}
func (Unregister) command()  {}
func (NetworkSign) command() {}
func (Restart) command()     {}
func (Silence) command()     {}
func (Focus) command()       {}
func (Swap) command()        {}
func (Redial) command()      {}
func (ListAudio) command()   {}
func (UseAudio) command()    {}
func (Remark) command()      {}
func (Quit) command()        {}
