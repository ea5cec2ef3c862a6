package netwatchtest

import (
	"maps"
	"net/netip"
	"time"
)

// Flow is one direction of a conversation.
type Flow struct {
	Proto    string // "udp" or "tcp"
	From, To netip.AddrPort
}

// Count is what a flow or a network carried. TCP counts segments: pieces of
// the stream as they were delivered.
type Count struct {
	Packets, Bytes uint64
	First, Last    time.Time
	Pause          time.Duration // longest time between two packets
}

func (c Count) add(now time.Time, size int) Count {
	if c.Packets == 0 {
		c.First = now
	} else {
		c.Pause = max(c.Pause, now.Sub(c.Last))
	}
	c.Packets++
	c.Bytes += uint64(size)
	c.Last = now
	return c
}

// Drop is why a datagram did not arrive.
type Drop string

// The causes. A datagram that could not be sent at all is no drop, its sender
// had the error.
const (
	DropStalled   Drop = "network stalled"
	DropLost      Drop = "lost on the way"
	DropStale     Drop = "sent from a socket of a former network"
	DropNoHost    Drop = "nobody has the address"
	DropNoSocket  Drop = "no socket on the port"
	DropQueueFull Drop = "receive queue full"
)

// Dropped counts datagrams that did not arrive, by cause.
func (n *Network) Dropped() map[Drop]uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.dropped)
}

// Carried counts what a network carried, in and out together.
func (n *Network) Carried(network string) Count {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.segment(network).carried
}

// Sent counts what the host's sockets sent, whether it arrived or not.
func (h *Host) Sent() map[Flow]Count {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return maps.Clone(h.sent)
}

// Received counts what reached the host's sockets.
func (h *Host) Received() map[Flow]Count {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return maps.Clone(h.received)
}

// carry counts a delivered packet on the networks between two interfaces.
// Call with mu held.
func carry(now time.Time, from, to *port, size int) {
	from.net.carried = from.net.carried.add(now, size)
	if to.net != from.net {
		to.net.carried = to.net.carried.add(now, size)
	}
}
