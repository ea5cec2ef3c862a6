// Package ground is what a phone can be moved on: the verbs that move it
// (Mover), and network namespaces of this program's own that have them (Field),
// in which the phone is this process (Private). `ramble demo` and `ramble drill`
// stand on it; the lab of the tests builds its namespaces with it.
//
// Namespaces are for Linux, and need root or user namespaces. Nothing outside
// the namespaces that were made here is touched. They have no names and live as
// long as somebody holds them, so the kernel takes them away with the process,
// in whatever way it ends.
package ground
