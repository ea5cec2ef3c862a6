// Package impair asks how a phone sounds on bad networks. It calls any phone
// that plays back what it hears, carries speech there through an impairment that
// it made itself, writes down what comes back, and scores it: delay, silence and
// the distance of the spectra. A round in which the carrier itself was late says
// nothing about the phone and is told apart.
//
// Plan and Score are pure. The rest needs sockets.
package impair
