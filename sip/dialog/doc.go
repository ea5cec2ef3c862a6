// Package dialog is one call as SIP sees it, pure: one INVITE usage with all
// dialogs that its INVITE makes (RFC 3261, 3262, 3264, 3311, 3891, 5057, 6026).
// Step takes the time and one event and returns what follows; it knows no
// socket, transaction, goroutine or sentence.
//
// It has three parts. The wish is what the call should be. The exchange says
// whose offer is out; there is one at a time. When no offer is out and the wish
// differs from what was last said to the peer, an offer is made (reconcile.go).
// The usage is the rest: forks, numbers, targets, reliable provisional
// responses, CANCEL and its crossings, and BYE until it is confirmed.
//
// # Where to look
//
//	event.go, action.go   what comes in, what goes out
//	machine.go            Step, the states, alarms
//	caller.go             our INVITE, its forks and answers, giving it up
//	callee.go             their INVITE: ringing, answering, PRACK, CANCEL
//	change.go             re-INVITE and UPDATE of theirs
//	reconcile.go          the wish, our offers and the table of their answers
//	fork.go               dialogs: numbers, targets, route sets
//	leave.go              ends
//
// # What the caller owes
//
// All that is read of a call comes in the order in which it was read. Every
// Send and Cancel is answered by Responses or by one Failed, unless Stop
// followed. A Tick comes when Next says.
package dialog
