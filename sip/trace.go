package sip

import (
	"net/netip"
)

func (s *Stack) trace(sent bool, remote netip.AddrPort, b []byte) {
	if s.o.Trace == nil {
		return
	}
	s.o.Trace(TraceEntry{At: s.now(), Sent: sent, Local: s.local, Remote: remote,
		Transport: s.transport, Message: b})
}
