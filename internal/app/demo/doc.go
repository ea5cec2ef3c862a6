// Package demo is the world in which `ramble demo` roams and `ramble drill` is
// played: a small internet with a café, a phone's tethering and an office
// dock, a registrar that asks for digest, and peers who talk. Its ground is
// network namespaces of the program's own, or memory, see Ground. Nothing of it
// touches the machine's network, so it runs anywhere, as anybody.
//
// The phone in it is the real one: the same engine, the same stacks, the same
// terminal. What is lost on this internet is really lost: a packet sent from
// an address that is gone arrives nowhere.
package demo
