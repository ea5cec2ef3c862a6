// Package voice is the sound of the peers that ramble talks to in the demo, in
// the drill and in tests: one Voice per call, over G.711 by the phone's own
// coders. It sends to where the SDP says and to nobody else, takes packets from
// anywhere, and counts from whom they came.
package voice
