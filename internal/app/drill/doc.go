// Package drill roams a phone's own network through a scenario and says what
// it cost: the phone is the real one, the network is a demo's world, in a
// private namespace or in memory. A scenario is a small text file
// (docs/drill.md); the built-in ones are in scenarios.
//
// It knows the phone by its vocabulary alone. Who builds phone and world is
// the caller; what is measured at the far side is measured there.
package drill
