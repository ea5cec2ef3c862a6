package sip

import (
	"net/netip"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/dialog"
	"ramble/sip/wire"
)

// Event is something that happened unasked. The set is closed. Events are
// handed over on the goroutine that noticed them, those of one connection in
// their order; the receiver posts them to its mailbox and returns at once.
type Event interface{ event() }

type (
	// StackFailed says that the stack's way to its server is dead. It comes at
	// most once per stack; Close the stack.
	StackFailed struct {
		Stack *Stack
		Err   error
	}
	// Mapped says where somebody outside sees the stack, when that is known
	// first and when it changes: the server in the Via of an answer to a
	// keep-alive (RFC 3581), or a STUN server. Whether the Contact follows is
	// the receiver's policy, see Announce.
	Mapped struct {
		Stack *Stack
		At    netip.AddrPort
		STUN  bool // a STUN server said so
	}
	// AnsweredAnew says that the server answers keep-alives otherwise than before: it
	// was started anew, or another one is in its place.
	AnsweredAnew struct{ Stack *Stack }
	// Digit is one that came in an INFO, beside the audio.
	Digit struct {
		Call   *Call
		Key    rune // 0-9 * # A-D
		Length time.Duration
	}
	// RefusedRequest counts requests from those who may not make the phone
	// ring. Under a flood several are told in one event.
	RefusedRequest struct {
		Source netip.AddrPort // of the last one
		Method string         // of the last one, sanitized
		Count  int            // since the last such event
	}
)

func (Arrived) event()        {}
func (Heard) event()          {}
func (StackFailed) event()    {}
func (Mapped) event()         {}
func (AnsweredAnew) event()   {}
func (Digit) event()          {}
func (RefusedRequest) event() {}

// Heard is something of a call that was read or noticed: hand it to Hear, on
// the goroutine that owns the account's calls, in the order of the events.
type Heard struct {
	call *Call
	st   *Stack
	in   *inbound // a request
	of   *inbound // the INVITE that a CANCEL means
	to   dialog.ID
	res  *sipgo.Response // to the request
	err  error           // or the end of it
}

// Arrived is an INVITE from outside of dialogs: hand it to Take on the goroutine
// that owns the account's calls.
type Arrived struct {
	st   *Stack
	in   *inbound
	from wire.Address
}
