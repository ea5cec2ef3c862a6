// Package sip is the signalling room: registrations and calls over SIP
// (RFC 3261), made so that they outlive the network path they run on.
//
// A Stack is one path: a socket bound to one local address, with its
// connections and transactions, disposable with one Close. A Registration and
// a Call survive: every request is given, or finds, the stack it goes out on,
// and carries that stack's address in Via and Contact. The Dialogs table is
// shared by an account's stacks, so that a BYE that still arrives at the old
// socket finds its call.
//
// Only this package, its rooms wire and digest, and siptest know
// github.com/emiago/sipgo, here by the name sipgo. Its message types, its
// parser and its transaction state machines are used; its transport layer is
// not: it finds connections by the remote address, opens sockets of its own
// behind the caller's back, and hands over messages out of order. What a
// transaction writes to is a flow of ours (see flow.go), and what the parser
// reads has passed wire.Validate first.
//
// Methods that talk to the network block, take a context and are meant for job
// goroutines. What happens unasked is told through StackOptions.Events.
package sip
