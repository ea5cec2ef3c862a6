package phone

import "time"

// End is how a call ended, as facts. The words for it are made by the one room
// that makes sentences, from the call that carries it.
type End struct {
	By     Party
	In     CallState // how far the call had come; set by whoever ends the call
	Cause  Cause
	Code   int           // final SIP status, or the cause of a Reason header (RFC 3326); 0 none
	Phrase string        // the other side's own words (reason phrase, text of a Reason header); data, sanitized
	After  time.Duration // how long it rang (RangOut, NotAnswered), or went without a network (NoPath); else 0
	Fault  Fault         // why a request of ours came to nothing; its Kind is NoFault where none did
}

// Party is who ended a call.
type Party int

// The parties.
const (
	Unsaid    Party = iota // not known: an entry of the history from before it was kept
	ByUs                   // this phone or its user
	ByPeer                 // the other phone
	ByServer               // the account's server, or one behind it
	ByNetwork              // nobody: there was no way to the other side
)

func (p Party) String() string {
	return [...]string{"", "us", "peer", "server", "network"}[p]
}

// Cause is what ended a call.
type Cause int

// The causes.
const (
	NoCause       Cause = iota // not known, see Unsaid
	HungUp                     // BYE
	Cancelled                  // CANCEL before the answer
	Declined                   // a person here refused the call
	Rejected                   // a final response other than 2xx to our INVITE: Code and Phrase
	NotAnswered                // our INVITE got no final response for After; where it rang, nobody picked up
	RangOut                    // the call rang here for After, as long as its INVITE was good
	Elsewhere                  // another phone answered, or dealt with it
	CallerGone                 // the caller no longer knew the call when we asked, after our network had changed
	Unconfirmed                // no PRACK came for a reliable provisional response of ours (RFC 3262)
	NoACK                      // no ACK came for our 2xx (RFC 3261 13.3.1.4)
	LostToPeer                 // the other side no longer knows the dialog (481, RFC 5057)
	NoPath                     // there was no network for After: the grace time is over
	NoMedia                    // no media that can be heard either way, without a reason for it
	Unusable                   // their session description cannot be used; Fault says why
	NoSocket                   // no media socket could be opened; Fault says why
	Expired                    // the session timer ran out (RFC 4028)
	TransferDone               // the call was transferred
	PhoneClosed                // the phone was closed
	Killed                     // the phone was killed, or the machine went down
	RequestFailed              // a request of ours could not be carried out; Fault says why
)

// String is the name of the cause in JSON and in the history.
func (c Cause) String() string {
	return [...]string{
		"", "hung-up", "cancelled", "declined", "rejected", "not-answered", "rang-out", "elsewhere", "caller-gone",
		"unconfirmed", "no-ack", "lost-to-peer", "no-path", "no-media", "unusable", "no-socket", "expired",
		"transferred", "phone-closed", "killed", "failed",
	}[c]
}
