// Package demo is the world in which `ramble demo` roams: a small internet in
// memory with a café, a phone's tethering, an office dock and a VPN, a
// registrar that asks for digest, and peers who talk. Nothing of it touches
// the machine's network, so it runs anywhere, as anybody.
//
// The phone in it is the real one: the same engine, the same stacks, the same
// terminal. What is lost on this internet is really lost: a packet sent from
// an address that is gone arrives nowhere.
package demo
