package roam

import (
	"time"

	"ramble/internal/leaf/phone"
)

// Action is the sealed set of things a Machine asks for. Every action carries
// the epoch it belongs to; results come back as events with the same epoch.
type Action interface{ action() }

type (
	// Open a stack on Path. One of Opened and OpenFailed follows.
	Open struct {
		Epoch Epoch
		Path  Path
	}
	// Keep: the stack that stands, or is being opened, for the epoch Of serves
	// Epoch from now on; nothing is opened or closed. Only the path of one
	// call's media changed. Results of what was asked for under Of still count.
	Keep struct{ Epoch, Of Epoch }
	// Close the stack of an epoch (the newest that it served) at once: its
	// transactions end locally, its sockets are dropped. Nothing follows.
	Close struct {
		Epoch Epoch
		Why   phone.Fact
	}
	// Register on the epoch's stack. RemoveOld: ask the server to drop what it
	// lists, or may list, of former epochs. OldFirst: drop it before ours is added,
	// because the server answered 403 to a second one. A REGISTER of an older
	// epoch still in flight is abandoned: its answer falls. One of Registered
	// and RegisterFailed follows.
	Register struct {
		Epoch     Epoch
		RemoveOld bool
		OldFirst  bool
	}
	// Unregister removes our binding, by the epoch's stack. One of Unregistered
	// and UnregisterFailed follows; a Register asked for meanwhile is sent after
	// its end.
	Unregister struct{ Epoch Epoch }

	// MoveMedia opens media sockets on Path for the call. Switch: send from
	// them with the next packet (the old path is dead); else keep sending on
	// the old until SwitchMedia. One of MediaMoved and MediaMoveFailed follows.
	MoveMedia struct {
		Epoch  Epoch
		Call   CallID
		Path   Path
		Switch bool
	}
	// SwitchMedia sends on the media sockets that MoveMedia opened under the
	// epoch, from the next packet.
	SwitchMedia struct {
		Epoch Epoch
		Call  CallID
	}
	// Repair makes one call whole on the epoch. One of Repaired and
	// RepairFailed follows, unless the stack is closed or the call gone. One
	// ByReplaces takes the place of the one in flight, whose end then falls.
	Repair struct {
		Epoch   Epoch
		Call    CallID
		How     How
		Attempt int // 1, 2, ...
	}
	// Probe asks the server for any sign of life on the epoch's stack, because
	// the call fell silent. One of ProbeAnswered and ProbeFailed follows, unless
	// the stack is closed.
	Probe struct {
		Epoch Epoch
		Call  CallID
	}
	// AskCaller asks, by the epoch's stack, whether who rings us still does: a
	// CANCEL may have been lost with the path. Nothing follows; a caller that
	// is gone ends the call.
	AskCaller struct {
		Epoch Epoch
		Call  CallID
	}
	// EndCall ends a call locally, because there was no network for After; 0:
	// the user wants no call kept without one.
	EndCall struct {
		Call  CallID
		After time.Duration
	}
	// LoseCall: the peer no longer knows the dialog, by its answer Code; offer a
	// redial.
	LoseCall struct {
		Call CallID
		Code int
	}
	// KeepCalls: there is no network; calls are kept until then. Routed ends it.
	KeepCalls struct{ Until time.Time }

	// Began, Stepped and Finished write the timeline.
	Began struct {
		Epoch    Epoch
		From, To Path
		Why      []phone.Fact
		At       time.Time // first sign, of the overtaken roam where the gap goes on
		Call     CallID    // only this call's media path changed; 0: the account's path
	}
	// Routed: the roam, begun without a path, now has one.
	Routed struct {
		Epoch Epoch
		To    Path
	}
	// Stepped is a new line, or the end of a running one (same Name and Call).
	// Offset is where the line starts; a line that ended has a Duration too.
	Stepped struct {
		Epoch    Epoch
		Name     string // sign path open dns connect register repair media proven close
		Offset   time.Duration
		Duration time.Duration
		Running  bool
		OK       bool
		Facts    []phone.Fact // one; of a sign several
		Call     CallID
	}
	// Finished is the end of the roam of an epoch.
	Finished struct {
		Epoch    Epoch
		How      Outcome
		Total    time.Duration
		Failures []phone.Fact // what failed and what follows
		Calls    []Gap
		HungUp   []CallID // calls that were over before they were whole
	}
)

func (Open) action()        {}
func (Keep) action()        {}
func (Close) action()       {}
func (Register) action()    {}
func (Unregister) action()  {}
func (MoveMedia) action()   {}
func (SwitchMedia) action() {}
func (Repair) action()      {}
func (Probe) action()       {}
func (AskCaller) action()   {}
func (EndCall) action()     {}
func (LoseCall) action()    {}
func (KeepCalls) action()   {}
func (Began) action()       {}
func (Routed) action()      {}
func (Stepped) action()     {}
func (Finished) action()    {}

// How a call is repaired.
type How int

// The ways of repair; the repair tables of the documentation say which when.
const (
	ByReinvite    How = iota // re-INVITE with new Contact and media address
	ByUpdate                 // UPDATE (RFC 3311), falls back to re-INVITE
	ByCancelFirst            // CANCEL the pending INVITE by the new path, then refresh
	ByNewInvite              // CANCEL the unanswered call by the new path, then INVITE anew
	ByAnswer                 // answer their offer with the new address, then refresh
	ByPlainCodecs            // once more with only the codecs in use (after 488, 606)
	ByEarlyUpdate            // UPDATE moves the early media; the INVITE stays where it is
	ByReplaces               // INVITE with Replaces to the peer's address of record (RFC 3891)
)

func (h How) String() string {
	return [...]string{"re-INVITE", "UPDATE", "CANCEL, re-INVITE", "CANCEL, INVITE", "answer, re-INVITE", "re-INVITE, codecs in use", "UPDATE, early media", "INVITE with Replaces"}[h]
}

// method is the request that the peer sees in the end, for the timeline.
func (h How) method() string {
	switch h {
	case ByUpdate, ByEarlyUpdate:
		return "UPDATE"
	case ByReplaces:
		return "INVITE with Replaces"
	case ByNewInvite:
		return "INVITE"
	default:
		return "re-INVITE"
	}
}

// Outcome of a roam.
type Outcome int

// Outcomes.
const (
	Done Outcome = iota
	Failed
	Superseded // a newer change took over; what was not done is done there
)

func (o Outcome) String() string { return [...]string{"done", "failed", "superseded"}[o] }

// Gap is what a roam cost one call, measured from packets.
type Gap struct {
	Call          CallID
	GapIn, GapOut time.Duration
	LostIn        uint64
	Measured      bool
}
