// Package stun asks a STUN server under which address it sees a socket (RFC
// 8489, the Binding method and nothing else). What is said and what it means
// is pure (Request, Parse); a Client adds patience and knows which answers are
// its own. It owns no socket: the room that does sends for it, and shows it
// what arrives.
package stun
