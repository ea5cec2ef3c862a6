package dialog

import (
	"time"

	"ramble/sip/sdp"
)

// Action is the sealed set of what a Machine asks for.
type Action interface{ action() }

// Dialog is what a request within a dialog is addressed by (RFC 3261 12.2.1.1).
type Dialog struct {
	RemoteTag string
	Target    string // the remote target, exactly as the peer wrote it
	Routes    []string
	Server    bool // the next hop is the account's server
}

type (
	// Send sends a request on the path of the moment.
	Send struct {
		ID     ID
		Method string
		Seq    uint32
		Dialog Dialog
		Body   []byte
		// Replaces makes an INVITE take the place of another dialog (RFC 3891).
		Replaces string
		RAck     RAck // of a PRACK
		// Beside has it go by the path of an earlier request while that is open.
		Beside ID
		Timer  Timer
	}
	// Cancel cancels an INVITE: by its own path, or, where that is gone, with
	// the Via of before by the path of the moment (RFC 3261 9.1).
	Cancel struct{ ID, Of ID }
	// Ack acknowledges a 2xx. It belongs to no transaction; Failed tells when it
	// cannot be sent at all.
	Ack struct {
		ID     ID
		Dialog Dialog
		Seq    uint32
		// Repeat has it sent only where the path that it went by before is gone.
		Repeat bool
	}
	// Stop ends a transaction of ours; nothing more is told of it, but a late
	// 2xx to an INVITE is.
	Stop struct{ ID ID }
	// Reply answers a request of theirs.
	Reply struct {
		To         ID
		Code       int
		Body       []byte
		RSeq       uint32 // of a reliable provisional response
		RetryAfter bool   // after 0 to 10 s (RFC 3261 14.2)
		Timer      Timer
		Err        error // of a 488: what does not suit us; nil: not said
	}

	// Apply: the session is this from now on; Early, of a call that is not
	// answered.
	Apply struct {
		Negotiated sdp.Negotiated
		Early      bool
	}
	// Progress is a provisional response to our INVITE.
	Progress struct {
		Code int
		Tag  string // tells forks apart
		Err  error  // the response, for words
	}
	// Established: the call is up. Of a call that we answered it is told with
	// the ACK.
	Established struct{}
	// Outcome is the end of an offer that a Want asked for with urgency Once or
	// Now, or of a hold that the peer refused.
	Outcome struct {
		Urgency Urgency
		Method  Method
		Result  Result
	}
	// Ended: the call is over for the user.
	Ended struct {
		By     Party
		How    End
		Code   int // of the response, or of a Reason header; 0: none
		Text   string
		Err    error // for words
		Passed bool  // it had been answered
	}
	// Retargeted: the peer asked to be reached elsewhere (RFC 3261 12.2).
	Retargeted struct{ From, To string }
	// Settled: nothing of ours is on its way any more, and no end is owed. Unknown:
	// the answer to our BYE or CANCEL was that there is no such call.
	Settled struct{ Unheard, Unknown bool }
)

func (Send) action()        {}
func (Cancel) action()      {}
func (Ack) action()         {}
func (Stop) action()        {}
func (Reply) action()       {}
func (Apply) action()       {}
func (Progress) action()    {}
func (Established) action() {}
func (Outcome) action()     {}
func (Ended) action()       {}
func (Retargeted) action()  {}
func (Settled) action()     {}

// Result is how a request of ours ended.
type Result struct {
	OK         bool
	Answered   bool // by a response, Code
	Code       int
	Cause      Cause // where it was not answered
	RetryAfter time.Duration
	Err        error
	// Unheard: the answer of ours before it is not acknowledged, so that
	// whatever was said to this tells nothing.
	Unheard bool
}

// Party is who ended a call.
type Party int

// The parties.
const (
	Us Party = iota
	Peer
	Nobody // what was asked was not answered, or could not be sent
)

func (p Party) String() string { return [...]string{"us", "peer", "nobody"}[p] }

// End is how a call ended.
type End int

// The ends.
const (
	HungUp         End = iota // BYE, or our wish that it end
	Cancelled                 // the caller gave up before the answer
	Rejected                  // our INVITE was answered with Code, or theirs by us
	NotSent                   // our INVITE came to nothing: Err
	Unconfirmed               // no PRACK came for a reliable provisional response
	Unacknowledged            // no ACK came for our 2xx
	Unknown                   // the peer does not know the dialog: 481, or 408
	Unusable                  // their description cannot be used: Err
	Adrift                    // their 2xx names a Contact that cannot be reached: Err
	Vanished                  // the caller did not know any more that it calls
	Expired                   // the session timer ran out (RFC 4028)
	Dropped                   // by Drop
)

func (e End) String() string {
	return [...]string{"hung up", "cancelled", "rejected", "not sent", "unconfirmed", "unacknowledged", "unknown there",
		"unusable", "adrift", "vanished", "expired", "dropped"}[e]
}
