package stun

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Times of retransmission over UDP (RFC 8489 6.2.1). The first wait is
// shorter than the 500 ms of the RFC: the first packet on a fresh link often
// dies with the ARP request, and a question of 28 bytes congests nothing.
const (
	firstWait = 100 * time.Millisecond
	longest   = 1600 * time.Millisecond
)

// ErrNoAnswer says that the STUN server did not answer in time.
var ErrNoAnswer = errors.New("the STUN server does not answer")

// Client asks one server on one socket. Its methods are safe for concurrent
// use. It starts no goroutine and owns no socket.
type Client struct {
	server netip.AddrPort
	send   func([]byte) error

	mu      sync.Mutex
	waiting map[ID]chan answer
}

type answer struct {
	at  netip.AddrPort
	err error
}

// NewClient returns a client of server; send sends a datagram there from the
// socket in question.
func NewClient(server netip.AddrPort, send func([]byte) error) *Client {
	return &Client{server: unmap(server), send: send, waiting: map[ID]chan answer{}}
}

// Server is whom the client asks.
func (c *Client) Server() netip.AddrPort { return c.server }

// Receive is shown a datagram that is STUN. It reports whether that answers a
// question of this client; from another source, or to nobody's question, it
// does not and is to be dropped. It never waits.
func (c *Client) Receive(b []byte, from netip.AddrPort) bool {
	if unmap(from) != c.server || !Is(b) {
		return false
	}
	id := ID(b[8:20])
	c.mu.Lock()
	ch := c.waiting[id]
	c.mu.Unlock()
	if ch == nil {
		return false
	}
	at, err := Parse(b, id)
	if errors.Is(err, ErrNotOurs) {
		return false
	}
	select {
	case ch <- answer{at, err}:
	default: // it came twice
	}
	return true
}

// Mapped asks until there is an answer or ctx ends: at once, and again after
// 100 ms, 200 ms, 400 ms ... 1.6 s. Somebody must show what arrives to
// Receive meanwhile. Errors are ErrNoAnswer, ErrNoAddress, those of send, or
// the server's refusal.
func (c *Client) Mapped(ctx context.Context) (netip.AddrPort, error) {
	id, ch := NewID(), make(chan answer, 1)
	c.mu.Lock()
	c.waiting[id] = ch
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	question := Request(id)
	for wait := firstWait; ; wait = min(2*wait, longest) {
		if err := c.send(question); err != nil {
			return netip.AddrPort{}, err
		}
		timer := time.NewTimer(wait)
		select {
		case a := <-ch:
			timer.Stop()
			return a.at, a.err
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return netip.AddrPort{}, fmt.Errorf("%w: %v (%w)", ErrNoAnswer, c.server, context.Cause(ctx))
		}
	}
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
