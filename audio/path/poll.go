package path

import (
	"net/netip"
	"time"

	"ramble/internal/leaf/socket"
)

// Batch is room for what one look at a pair finds. It serves one look at a time.
type Batch = socket.Batch

// NewBatch returns an empty one.
func NewBatch() *Batch { return socket.NewBatch() }

// Poll has nobody wait at the sockets any more: what comes stays in the kernel,
// and wakes nobody, until Gather takes it. ReadFrom and Discover are over. An
// error says that this cannot be had here (a network in memory, another system),
// and changes nothing.
func (t *Transport) Poll() error {
	if err := t.rtp.poll(); err != nil {
		return err
	}
	if err := t.rtcp.poll(); err != nil {
		_ = t.rtp.polled.Load().Close()
		return err
	}
	return nil
}

// Gather hands over what has come to either half, without waiting, and how long ago
// the kernel had it. take must not keep the data. An error is of something sent before
// (ICMP), or net.ErrClosed.
func (t *Transport) Gather(b *Batch, take func(data []byte, from netip.AddrPort, age time.Duration)) error {
	for _, c := range [...]*conn{t.rtp, t.rtcp} {
		if p := c.polled.Load(); p != nil {
			if err := p.Receive(b, take); err != nil {
				c.failed(err)
				return err
			}
		}
	}
	return nil
}
