//go:build !linux

package socket

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// Polled is a UDP socket that no goroutine waits at. Here there is none.
type Polled struct{}

// Batch is room for what one look finds.
type Batch struct{}

// NewBatch returns an empty one.
func NewBatch() *Batch { return &Batch{} }

// Poll refuses: who reads waits, one datagram at a time.
func Poll(net.PacketConn) (*Polled, error) { return nil, errors.ErrUnsupported }

// Receive is of Linux only.
func (*Polled) Receive(*Batch, func([]byte, netip.AddrPort, time.Duration)) error {
	return errors.ErrUnsupported
}

// Send is of Linux only.
func (*Polled) Send([]byte, netip.AddrPort) error { return errors.ErrUnsupported }

// Close is of Linux only.
func (*Polled) Close() error { return errors.ErrUnsupported }
