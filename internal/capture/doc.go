// Package capture keeps the latest SIP messages, as they stood on the wire or
// within TLS, and writes them as text or as pcapng. Secrets are hidden before
// anything is kept.
//
//	stack -> Ring.Add -> Hide -> ring <- Since <- file, session, screen
//
// Who writes never waits, and never for who reads: a reader that is too slow
// is told how many messages fell out before it came for them.
package capture
