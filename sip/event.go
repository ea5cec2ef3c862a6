package sip

import "net/netip"

// Event is something that happened unasked. The set is closed. Events are
// handed over on the goroutine that noticed them, those of one connection in
// their order; the receiver posts them to its mailbox and returns at once.
type Event interface{ event() }

type (
	// Incoming is a new call. Answer it with Ring, Accept or Reject; until
	// then the caller hears nothing but a 100.
	Incoming struct {
		Call  *Call
		Stack *Stack
		// Replaces is the call that this one takes the place of (RFC 3891): the
		// peer lost its half of it. Accept answers for both; end the old one then.
		Replaces *Call
	}
	// Offered is a re-INVITE or UPDATE of the peer with an offer, or, Offer
	// nil, asking for ours. Exactly one of Answer and Refuse settles it; after
	// 30 s it is refused with 500. Answer blocks until the peer's ACK for a
	// re-INVITE: call it on a job goroutine.
	Offered struct {
		Call   *Call
		Offer  []byte
		Update bool
		*offered
	}
	// Answered is the peer's answer to an offer that we made in a 200,
	// because its INVITE brought none.
	Answered struct {
		Call *Call
		SDP  []byte
	}
	// Ended is a call that the peer ended: by BYE, or (Cancelled) before the
	// answer. Ends that a method of Call brought about are that method's result.
	Ended struct {
		Call      *Call
		Code      int    // of the Reason header (RFC 3326), else 200 for BYE and 487 for CANCEL
		Reason    string // sanitized, may be empty
		Cancelled bool
	}
	// TargetMoved says that the peer asked to be reached elsewhere from now on
	// (target refresh, RFC 3261 12.2): it may have roamed.
	TargetMoved struct{ Call *Call }
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
	// RefusedRequest counts requests from those who may not make the phone
	// ring. Under a flood several are told in one event.
	RefusedRequest struct {
		Source netip.AddrPort // of the last one
		Method string         // of the last one, sanitized
		Count  int            // since the last such event
	}
)

func (Incoming) event()       {}
func (Offered) event()        {}
func (Answered) event()       {}
func (Ended) event()          {}
func (TargetMoved) event()    {}
func (StackFailed) event()    {}
func (Mapped) event()         {}
func (RefusedRequest) event() {}
