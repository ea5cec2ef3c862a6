// Package desk is where the calls' sound meets the device: what every call
// plays is mixed with the tones into what is heard, and what the microphone
// takes goes to every call that is not muted or held.
//
//	leg.Play -> resample -> gain (hold) ----+
//	leg.Play -> resample -> gain (hold) ----+-> mix -> out
//	tone -----------------------------------+
//
//	in -> gain (mute, hold) -> resample -> leg.Capture, for each leg
//
// Calls do not hear each other: there is no path from one leg to another.
// Tick moves one frame through all of that and is all there is to test. Run
// has the device's clock call it while there is a call or a tone, so that an
// idle phone holds no microphone open; it has a clock of its own call it while
// the device fails, so that calls outlive a sound card, and tries the card
// again until it is well.
package desk
