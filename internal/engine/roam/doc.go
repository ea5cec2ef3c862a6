// Package roam is the policy of ramble when the network moves: pure, one
// Machine per account. Step takes the time and one event and returns the
// actions that follow; sockets, timers and goroutines live with the caller.
//
// The order of things (register, then repair, or both at once; close the old
// stack now or later) is decided here and nowhere else. The transcripts in
// testdata are the specification.
package roam
