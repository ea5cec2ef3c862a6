package sip

import (
	"net/netip"
	"time"

	"ramble/sip/locate"
)

// TraceEntry is one message as it stood on the wire, or within TLS, secrets and
// all: whoever keeps it hides them first.
type TraceEntry struct {
	At        time.Time
	Sent      bool
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Transport locate.Transport
	Message   []byte // valid during the call only
}

func (s *Stack) trace(sent bool, remote netip.AddrPort, b []byte) {
	if s.o.Trace == nil {
		return
	}
	s.o.Trace(TraceEntry{At: s.now(), Sent: sent, Local: s.local, Remote: remote,
		Transport: s.transport, Message: b})
}
