// Package digest answers digest challenges (RFC 3261 22, RFC 7616, RFC 8760)
// with the credentials of one account, and decides to whom they go. It is pure:
// no socket, no clock, no lock.
package digest
