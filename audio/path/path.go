// Package path is how media travel on one network path: a socket pair, RTP on
// an even port and RTCP on the next (RFC 3550 section 11), bound to one address
// and, where asked, pinned to one interface, and a stack of stages above it. A
// call outlives its paths; a Transport does not.
//
// How a socket comes to be is the Opener's affair, so everything here also runs
// on addresses that no operating system has.
package path

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
)

// Opener opens UDP sockets. Port 0 is any; an empty iface is not pinned.
type Opener interface {
	ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error)
}

// tries bounds the search for a free pair. A bind costs microseconds, and a
// range in which 64 random tries fail is as good as full.
const tries = 64

// Range is a range of UDP ports, both ends included. The zero value leaves the
// choice to the operating system.
type Range struct{ Low, High uint16 }

func (r Range) String() string {
	if r == (Range{}) {
		return "any"
	}
	return fmt.Sprintf("%d-%d", r.Low, r.High)
}

func (r Range) check() error {
	if r != (Range{}) && (r.Low == 0 || r.pairs() < 1) {
		return fmt.Errorf("port range %s has no even port with an odd one after it", r)
	}
	return nil
}

// pairs is the number of even ports whose successor is in the range too.
func (r Range) pairs() int {
	return (int(r.High) - (int(r.Low)+1)&^1 + 1) / 2
}

// pick is the even port to try next, 0 for any.
func (r Range) pick() uint16 {
	if r == (Range{}) {
		return 0
	}
	return (r.Low+1)&^1 + uint16(2*rand.IntN(r.pairs()))
}

// Transport is a pair of UDP sockets and the stages above them. Reading and
// writing are safe from several goroutines; the two halves of a Transport do
// not wait for each other.
type Transport struct {
	rtp, rtcp *conn
	iface     string
	seen      Seen // what Announced says; zero: the local addresses
	asker     asker
	stages    []Stage // from the stream's side to the sockets'
}

// Open opens a pair on the local address. The ports are tried at random within
// the range, a bounded number of times. Above the
// sockets is nothing yet: see Stack.
func Open(ctx context.Context, o Opener, local netip.Addr, iface string, r Range) (*Transport, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	var last error
	for range tries {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("open media sockets on %s: %w", local, err)
		}
		s, err := open(ctx, o, local, iface, r.pick())
		if err == nil {
			return s, nil
		}
		last = err
	}
	where := local.String()
	if iface != "" {
		where += " (" + iface + ")"
	}
	return nil, fmt.Errorf("no two free UDP ports in a row for media on %s in the range %s after %d tries: %w", where, r, tries, last)
}

func open(ctx context.Context, o Opener, local netip.Addr, iface string, port uint16) (*Transport, error) {
	a, err := o.ListenPacket(ctx, netip.AddrPortFrom(local, port), iface)
	if err != nil {
		return nil, err
	}
	rtp, err := wrap(a)
	if err == nil && rtp.local.Port()%2 != 0 {
		err = fmt.Errorf("port %d is odd", rtp.local.Port())
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	b, err := o.ListenPacket(ctx, netip.AddrPortFrom(local, rtp.local.Port()+1), iface)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	rtcp, err := wrap(b)
	if err != nil {
		return nil, errors.Join(err, a.Close(), b.Close())
	}
	return &Transport{rtp: rtp, rtcp: rtcp, iface: iface}, nil
}

// RTP is the local address of the RTP half.
func (t *Transport) RTP() netip.AddrPort { return t.rtp.local }

// RTCP is the local address of the RTCP half.
func (t *Transport) RTCP() netip.AddrPort { return t.rtcp.local }

// Interface is the interface the pair is pinned to; empty when it is not.
func (t *Transport) Interface() string { return t.iface }

// ReadFrom reads a packet from the RTP port. What does not fit in b is lost,
// so that n == len(b) means "too long". After Close it returns net.ErrClosed.
func (t *Transport) ReadFrom(b []byte) (n int, from netip.AddrPort, err error) { return t.rtp.read(b) }

// ReadFromRTCP is ReadFrom on the RTCP port.
func (t *Transport) ReadFromRTCP(b []byte) (n int, from netip.AddrPort, err error) {
	return t.rtcp.read(b)
}

// Close closes both halves and wakes their readers. It may be called again.
func (t *Transport) Close() error {
	err := errors.Join(t.rtp.close(), t.rtcp.close())
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
