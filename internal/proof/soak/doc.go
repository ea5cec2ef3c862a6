// Package soak asks whether calls outlive the network, many times over: phones
// with eight calls each, in every state that a call can be in, move in every way
// that a phone can move, over every transport, and each call is judged on both
// sides. It knows a phone by its command and event lines alone, so that the
// phone in memory and the program in a network namespace are driven and judged
// by the same words. Tests use it; the program does not.
package soak
