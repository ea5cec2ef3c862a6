// Package wire reads and writes SIP messages (RFC 3261 7, 25). It is pure:
// bytes and values, no socket, no clock, no goroutine.
//
// A message that arrives goes through Scan, which cuts it into lines, and
// Validate, which judges it, before sipgo's Parser sees it. A message that
// leaves is a Draft, or a response made by NewResponse.
package wire
