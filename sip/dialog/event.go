package dialog

import (
	"time"

	"ramble/sip/sdp"
)

// ID names a request: one of ours, by the machine's own count, or one of
// theirs, by the number that whoever read it gave it. The two counts have
// nothing to do with one another; 0 names none.
type ID int

// Event is the sealed set of things that happen to a Machine.
type Event interface{ event() }

type (
	// Request is one of theirs, in the order in which they were read. An ACK,
	// and a CANCEL, whose own answer needs no dialog, are not replied to.
	Request struct {
		ID      ID // of the INVITE, for an ACK or a CANCEL
		Method  string
		Seq     uint32 // CSeq
		Tag     string // the From tag
		Contact Contact
		Body    []byte // SDP; nil: none
		Header  Header
	}
	// Response is one to a request of ours.
	Response struct {
		To      ID // 0: a 2xx to an INVITE whose transaction is over
		Code    int
		Seq     uint32 // CSeq
		Tag     string // the To tag
		Contact Contact
		Routes  []string // the route set: Record-Route, reversed (RFC 3261 12.1.2)
		Body    []byte
		Header  Header
		// Again says that it is a challenge for which there are credentials.
		Again bool
		// Err is the response as an error, for words; the machine hands it on.
		Err error
	}
	// Failed is a request of ours that ended without a final response.
	Failed struct {
		To    ID
		Cause Cause
		Err   error // for words
	}

	// Dial sends the first INVITE.
	Dial struct {
		Wish   Wish
		Routes []string // to go by, instead of those of Config
		Server bool     // the next hop is the account's server
	}
	// Ring sends a provisional response to theirs.
	Ring struct{ Code int }
	// Accept answers it.
	Accept struct{ Wish Wish }
	// Reject refuses it.
	Reject struct {
		Code int
		Err  error // what does not suit us, for them to read; nil: not said
	}
	// Want says what the call should be from now on.
	Want struct {
		Wish    Wish
		Urgency Urgency
		By      Method
		Plain   bool // offer only the codec in use
	}
	// Hangup ends the call from our side, in whatever state it is.
	Hangup struct {
		// Spare has a lost INVITE cancelled, but what it made ring not hung up:
		// another call is to take its place (RFC 3891).
		Spare bool
		// Once has the BYE sent once: the peer has another dialog by now.
		Once bool
	}
	// Forgo gives up an offer that nobody answers; its end is not told.
	Forgo struct{}
	// PartForks hangs up, after all, whatever a lost INVITE made ring.
	PartForks struct{}
	// Drop ends it without a word to the peer.
	Drop struct{}
	// Ask asks the caller of a call that rings here whether it still calls, and
	// goes on asking: its CANCEL may have been lost with a path.
	Ask struct{}
	// Moved says that requests go by another path from now on.
	Moved struct{}
	// Moving says that the network moves: nothing but what is urgent is
	// changed, and what cannot place us yet ends no call.
	Moving struct{ On bool }
	// Tick: the time that Next named has come.
	Tick struct{}
)

func (Request) event()   {}
func (Response) event()  {}
func (Failed) event()    {}
func (Dial) event()      {}
func (Ring) event()      {}
func (Accept) event()    {}
func (Reject) event()    {}
func (Want) event()      {}
func (Hangup) event()    {}
func (PartForks) event() {}
func (Forgo) event()     {}
func (Drop) event()      {}
func (Ask) event()       {}
func (Moved) event()     {}
func (Moving) event()    {}
func (Tick) event()      {}

// Contact is where a message says that its sender is reached.
type Contact struct {
	URI string // as it was written; "": the message has none
	// Server says that the next hop towards it is the account's server, by
	// whatever address that has on the path of the moment.
	Server bool
}

// Header holds what a machine reads in other headers.
type Header struct {
	Allow      []string      // nil: not said
	Supported  []string      // nil: not said
	Reliable   uint32        // RSeq of a response with Require: 100rel; 0: not reliable
	Asks100rel bool          // an INVITE with Require: 100rel
	RAck       RAck          // of a PRACK
	RetryAfter time.Duration // 0: not said
	Cause      int           // of Reason (RFC 3326), a SIP code; 0: not said
	Text       string        // of Reason
	Timer      Timer         // Session-Expires and Min-SE (RFC 4028)
}

// RAck is what a PRACK acknowledges (RFC 3262 7.2).
type RAck struct{ RSeq, CSeq uint32 }

// Timer is a session timer as a message names it (RFC 4028).
type Timer struct {
	Every     time.Duration // Session-Expires; 0: none
	Refresher string        // "uac", "uas" or ""
	Min       time.Duration // Min-SE; 0: not said
}

// Cause sorts the ends of a request that had no response.
type Cause int

// The causes.
const (
	TimedOut    Cause = iota // nothing came back
	Transport                // the socket said no
	Unreachable              // there is no address for its target
	Closed                   // its path was given up
	Refused                  // credentials do not help
)

// Wish is what a call should be, from our side.
type Wish struct {
	At        Media
	Direction sdp.Direction
}

// Urgency is how soon a wish is to come true.
type Urgency int

// The urgencies.
const (
	Noted   Urgency = iota // what is said next says it
	Quietly                // a refresh of the session, when nothing else is on
	Soon                   // as soon as both sides are quiet, after glare again: hold, resume
	Once                   // asked for by a person, to be told of
	Now                    // a move: at once, and its end is told, whatever it is
)

// Method is how a wish is to travel.
type Method int

// The methods.
const (
	Reinvite Method = iota // RFC 3261 14
	Update                 // RFC 3311, where the peer allows it
)

func (m Method) String() string { return [...]string{"INVITE", "UPDATE"}[m] }
