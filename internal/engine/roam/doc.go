// Package roam is the policy of ramble when the network moves: pure, one
// Machine per account. Step takes the time and one event and returns the
// actions that follow; sockets, timers and goroutines live with the caller.
//
// The order of things (register, then repair, or both at once; close the old
// stack now or later) is decided here and nowhere else. The transcripts in
// testdata are the specification; the comment of TestTranscripts says how to
// read them, and `go test -update` writes them anew.
//
// # Where to look
//
//	machine.go   the phases, the timer, what the user forces
//	path.go      a path changed, went or came
//	stack.go     stacks are opened, lost, kept beside the new one, closed
//	register.go  REGISTER, one at a time
//	repair.go    the first table: what is done for a call in each state
//	answer.go    the second: what follows each answer
//	call.go      calls come, change and go; their media
//	silence.go   audio stops on a path that looks whole
//	timeline.go  the lines of a roam, how it ends, the last resort
//
// # Epochs
//
// Each change of the network begins the next epoch. What was not finished is
// done again in it; nothing waits in a queue. A stack may serve several epochs
// (Keep), when only the path of one call's media changed. Events carry the epoch
// of the action that they answer. They are dropped once the stack of that epoch
// is closed.
//
// # Roams
//
// A roam begins with the first sign and ends as done when the REGISTER is
// answered 2xx (where one is wanted) and every call is proven. It has
// Policy.KeepFor from the moment it has a path, and has failed after that; an
// answer that comes later still counts for the call. A roam takes longer only
// where an INVITE of the other side is on its way to our old address. Every
// Repair belongs to a roam. A repair that is needed after the end of one roam
// begins another.
//
// The gap that a user hears belongs to the newest roam: one that overtakes a
// roam which began with something dead, and in which no audio has arrived,
// takes over its first sign.
//
// An old stack whose path lives stays open until the roam is done, and after
// that as long as an unanswered call, an unrepaired call or the only binding
// lives on it.
//
// # What the caller owes
//
// Every Open, Register, MoveMedia and Repair is answered by one of its two
// results, unless its stack is closed or its call is gone. Heard carries the
// epoch of the MoveMedia that opened the sockets. A Tick comes when Next says.
// The offers of a Repair itself are not reported as OfferPending.
package roam
