package sip

import (
	"fmt"
	"net/netip"
)

// This file takes the errors of a UDP socket to the transactions that they
// belong to (RFC 3261 18.4): a server that refuses is named after milliseconds,
// not after Timer B or F.

// hearer is a packet socket that tells to whom something that was sent did not
// get. fn must not block.
type hearer interface {
	OnUnreachable(fn func(to netip.AddrPort, err error))
}

// unreachable ends the requests that are under way to a peer which an ICMP
// error says is not there. It may be called within a write of a transaction, so
// that the ending is left to a goroutine.
func (s *Stack) unreachable(to netip.AddrPort, why error) {
	to = unmap(to)
	s.mu.Lock()
	var lost []*clientTx
	for _, ct := range s.clients {
		if d, ok := ct.flow.(datagram); ok && d.to == to {
			lost = append(lost, ct)
		}
	}
	s.mu.Unlock()
	if len(lost) == 0 {
		return
	}
	err := fmt.Errorf("%w: sending to %v: %w", ErrTransport, to, why)
	s.spawn("sip unreachable", func() {
		for _, ct := range lost {
			ct.fail(err)
		}
	})
}
