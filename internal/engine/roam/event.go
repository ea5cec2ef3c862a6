package roam

import (
	"net/netip"
	"time"

	"ramble/internal/leaf/phone"
)

// Epoch counts the paths of one account; it only grows. Events carry the epoch
// of the action that they answer; those of an epoch whose stack is closed are
// results of the past and fall.
type Epoch uint64

// CallID is the phone's number of a call.
type CallID int

// Path is how the account's server is reached. Two paths are the same only
// when every field is; the fields are those of netwatch.Path.
type Path struct {
	Source      netip.Addr
	Interface   string
	Index       int
	NextHop     netip.Addr
	NextHopLink string
	Lost        uint64
}

// Valid reports whether there is a path at all.
func (p Path) Valid() bool { return p.Source.IsValid() }

func (p Path) String() string {
	if !p.Valid() {
		return "no network"
	}
	return p.Interface + " " + p.Source.String()
}

// Event is the sealed set of things that happen to a Machine.
type Event interface{ event() }

type (
	// PathChanged: the path towards the account's server is now Path (invalid:
	// none). Since is the first sign, Why says why. OldAlive: the former
	// path still carries packets, as far as the system can tell. The path in
	// use again, with OldAlive false, tells that the one before it has died.
	PathChanged struct {
		Path     Path
		OldAlive bool
		Since    time.Time
		Why      []phone.Fact
	}
	// MediaPathChanged: the path towards one call's media peer changed while
	// the server's did not; that call is repaired without a REGISTER.
	MediaPathChanged struct {
		Call     CallID
		Path     Path
		From     Path // where the audio is, which may be elsewhere than was asked for; zero: there
		OldAlive bool
		Since    time.Time
		Why      []phone.Fact
	}
	// Forced: the user asked, or the machine slept.
	Forced struct {
		What Force
		Why  phone.Fact // instead of the user's wish; zero: that
	}
	// WantRegistration turns registering on or off (the user's register toggle).
	WantRegistration struct{ On bool }

	// Opened: the stack of the epoch is ready. Detail says how, for the
	// timeline. Local is the address that its Contact says, where that may
	// follow what others see; zero: it does not.
	Opened struct {
		Epoch  Epoch
		Detail string
		Local  netip.AddrPort
	}
	// OpenFailed: it could not be opened (no socket, no connection, no server address).
	OpenFailed struct {
		Epoch   Epoch
		Failure Failure
	}
	// StackLost: a stack that was open died (reset, keep-alive unanswered, read error).
	StackLost struct {
		Epoch Epoch
		Why   []phone.Fact
	}
	// Registered: the REGISTER was answered 2xx. RefreshIn is when to register
	// again; 0: never. Seen is where the server saw it come from; zero: it did
	// not say. Outbound: the server keeps to RFC 5626. Missing: it lists others
	// and not us. Stale: it lists a binding of ours from before.
	Registered struct {
		Epoch     Epoch
		RefreshIn time.Duration
		Detail    string
		Seen      netip.AddrPort
		Outbound  bool
		Missing   bool
		Stale     bool
	}
	// RegisterFailed: any other end of a REGISTER. Known: the server has accepted
	// the same login before, so that a 403 is not about that.
	RegisterFailed struct {
		Epoch   Epoch
		Failure Failure
		Known   bool
	}
	// Unregistered and UnregisterFailed are the ends of an Unregister.
	Unregistered     struct{ Epoch Epoch }
	UnregisterFailed struct {
		Epoch   Epoch
		Failure Failure
	}

	// CallAdded and CallChanged tell of a call's condition; CallGone that it ended.
	CallAdded   struct{ Call Call }
	CallChanged struct{ Call Call }
	CallGone    struct{ ID CallID }

	// MediaMoved: the call's media sockets for the epoch are open.
	MediaMoved struct {
		Epoch  Epoch
		Call   CallID
		Detail string
	}
	// MediaMoveFailed: they could not be opened.
	MediaMoveFailed struct {
		Epoch   Epoch
		Call    CallID
		Failure Failure
	}
	// Repaired: the refresh of the call was answered 2xx. For ByNewInvite: the
	// new INVITE was answered provisionally or 2xx; its end is the call's own.
	Repaired struct {
		Epoch  Epoch
		Call   CallID
		Detail string
	}
	// RepairFailed: it was answered otherwise, or not.
	RepairFailed struct {
		Epoch   Epoch
		Call    CallID
		Failure Failure
	}
	// Heard: audio (or RTCP where no audio is due) arrived on the epoch's path.
	// Gaps are measured from packets.
	Heard struct {
		Epoch         Epoch
		Call          CallID
		GapIn, GapOut time.Duration
		LostIn        uint64
	}
	// AudioStopped: of a call on an intact path nothing has been heard for so
	// long, although audio should flow. AudioBack: it flows again, or need not.
	AudioStopped struct {
		Call CallID
		For  time.Duration
	}
	AudioBack struct{ Call CallID }
	// ProbeAnswered: the server gave a sign of life on the epoch's stack.
	ProbeAnswered struct {
		Epoch  Epoch
		Detail string
	}
	// ProbeFailed: it gave none in time.
	ProbeFailed struct {
		Epoch   Epoch
		Failure Failure
	}
	// Tick: the time that Next asked for has come.
	Tick struct{}
)

func (PathChanged) event()      {}
func (MediaPathChanged) event() {}
func (Forced) event()           {}
func (WantRegistration) event() {}
func (Opened) event()           {}
func (OpenFailed) event()       {}
func (StackLost) event()        {}
func (Registered) event()       {}
func (RegisterFailed) event()   {}
func (Unregistered) event()     {}
func (UnregisterFailed) event() {}
func (CallAdded) event()        {}
func (CallChanged) event()      {}
func (CallGone) event()         {}
func (MediaMoved) event()       {}
func (MediaMoveFailed) event()  {}
func (Repaired) event()         {}
func (RepairFailed) event()     {}
func (Heard) event()            {}
func (AudioStopped) event()     {}
func (AudioBack) event()        {}
func (ProbeAnswered) event()    {}
func (ProbeFailed) event()      {}
func (Tick) event()             {}

// Force is what the user asked for.
type Force int

// The forces, weakest first.
const (
	ForceRegister Force = iota // REGISTER now, on the present stack
	ForceNetwork               // as if the network changed: new stack, REGISTER, repair
	ForceRestart               // restart everything, calls kept
)

func (f Force) String() string { return [...]string{"register", "network", "restart"}[f] }

// Call is what the machine knows of a call.
type Call struct {
	ID         CallID
	State      CallState
	AudioDue   bool // audio should be arriving (not held, not recvonly at the peer)
	OwnsCallID bool // we made the Call-ID: decides the wait after 491 (RFC 3261 14.1)
	// OfferLost: OfferPending, and its transaction ended without an answer; the
	// server may still hold it.
	OfferLost bool
	// Early: Calling, with early media that an UPDATE may move (RFC 3311): its
	// answer came reliably and the peer allows UPDATE.
	Early bool
	// Replaceable: up, and the peer can be asked by its address of record to
	// replace the dialog (RFC 3891), should it have moved as well.
	Replaceable bool
	// Epoch is that of the stack on which the call began; 0: the present one.
	// Read when the call is added.
	Epoch Epoch
}

// up reports whether both sides have agreed on media.
func (c Call) up() bool { return c.State == Idle || c.State == OfferPending || c.State == AnswerDue }

// CallState is the row of the repair table that a call stands in.
type CallState int

// The rows.
const (
	Idle         CallState = iota // up, no offer pending, held or not
	OfferPending                  // up, our re-INVITE or UPDATE unanswered
	AnswerDue                     // up, their offer unanswered
	Calling                       // outgoing, no final answer yet
	RingingHere                   // incoming, not answered yet
)

func (s CallState) String() string {
	return [...]string{"idle", "offer-pending", "answer-due", "calling", "ringing-here"}[s]
}

// Failure is why something did not work.
type Failure struct {
	Kind       FailureKind
	Code       int           // SIP status when Kind is Answered
	RetryAfter time.Duration // from the answer; 0 none
	Fault      phone.Fault   // the same with all that is known, to be shown
}

// FailureKind sorts failures by what can be done about them.
type FailureKind int

// Kinds of failure.
const (
	Answered    FailureKind = iota // a final response other than 2xx
	Refused                        // credentials refused on a fresh nonce: do not try again
	TimedOut                       // nothing came back
	Transport                      // the socket said no
	Unreachable                    // no address for the server, connection refused
	Cancelled                      // ended by us, stack closed
)
