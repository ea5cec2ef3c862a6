package phone

import (
	"net/netip"
	"time"
)

// WireMessage is one SIP message as it stood on the wire or within TLS, secrets
// hidden. Receivers treat it as read-only.
type WireMessage struct {
	Number    uint64 // 1, 2, 3 ... over all accounts of one run
	At        time.Time
	Account   string
	Epoch     Epoch
	CallID    string // the SIP Call-ID
	Sent      bool   // by us
	Again     bool   // a repetition
	Transport string // "udp", "tcp", "tls"
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Text      []byte
}

// Trace is a page of messages.
type Trace struct {
	Messages []WireMessage   // oldest first
	Last     uint64          // the newest number: ask for what is after it next
	Missed   uint64          // were dropped before they were asked for
	More     <-chan struct{} // closed when there is more
}

// Tracer hands out the latest messages after a number; 0: all that are kept, ^0:
// none.
type Tracer interface{ Trace(after uint64) Trace }
