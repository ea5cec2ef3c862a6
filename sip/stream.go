package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// Deadlines of a connection's reads.
const (
	halfMessage  = 10 * time.Second // from a message's first byte to its last
	strangerIdle = 30 * time.Second // an accepted connection that said nothing valid yet
	acceptedIdle = 15 * time.Minute // an accepted connection between messages
)

func newStream(st *Stack, conn, raw net.Conn, name string, ours bool) *stream {
	return &stream{st: st, conn: conn, raw: raw, to: addrPort(raw.RemoteAddr()), name: name, ours: ours,
		pongs: make(chan struct{}, 1), gone: make(chan struct{})}
}

func (f *stream) key() connKey { return connKey{f.to, f.name} }

func (f *stream) LocalAddr() net.Addr              { return f.conn.LocalAddr() }
func (f *stream) WriteMsg(msg sipgo.Message) error { return f.st.write(f, msg) }
func (f *stream) remote() netip.AddrPort           { return f.to }
func (f *stream) reliable() bool                   { return true }
func (f *stream) Ref(int) int                      { return 1 }
func (f *stream) TryClose() (int, error)           { return 1, nil }

// Close closes the connection; its reader then reports the end. It waits for
// nobody: not for a write that is stuck on a dead path, nor for TLS to say its
// farewell there.
func (f *stream) Close() (err error) {
	f.close.Do(func() { err = f.raw.Close() })
	return err
}

func (f *stream) send(b []byte) error {
	f.mu.Lock()
	err := f.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = f.conn.Write(b)
	}
	f.mu.Unlock()
	if err != nil {
		f.Close() // half a message may be on the wire: the stream is spoilt
		return f.st.sendError(err)
	}
	return nil
}

// addressee is the stack that a message is for: on a connection that others
// made to a port that stacks share, perhaps another one.
func (f *stream) addressee(msg []byte) *Stack {
	if f.ours || f.st.port == nil {
		return f.st
	}
	if s := addressee(f.st.port.sharers(), msg, f.to); s != nil {
		return s
	}
	return f.st
}

var errFraming = errors.New("the stream carries no SIP messages")

// read serves the connection until it ends. Whole messages go to the stack;
// keep-alives are answered here (RFC 5626 3.5.1, 4.4.1).
func (f *stream) read() error {
	var buf []byte
	chunk := make([]byte, 16<<10)
	var started time.Time // of the message in buf
	trusted := f.ours
	for {
		deadline := time.Time{}
		switch {
		case len(buf) > 0:
			deadline = started.Add(halfMessage)
		case !trusted:
			deadline = time.Now().Add(strangerIdle)
		case !f.ours:
			deadline = time.Now().Add(acceptedIdle)
		}
		if err := f.conn.SetReadDeadline(deadline); err != nil {
			return err
		}
		n, err := f.conn.Read(chunk)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && len(buf) > 0 {
				return fmt.Errorf("half a message for %v: %w", halfMessage, err)
			}
			return err
		}
		if len(buf) == 0 {
			started = time.Now()
		}
		buf = append(buf, chunk[:n]...)
		for {
			rest, msg, err := f.next(buf)
			if err != nil {
				return err
			}
			buf = rest
			if msg == nil {
				break
			}
			if !f.addressee(msg).receive(msg, f) {
				return errFraming
			}
			trusted, started = true, time.Now()
		}
		if len(buf) == 0 {
			buf = nil // do not hold on to a large message's memory
		}
	}
}

// next takes one message off the front of b; nil when it is not whole yet.
func (f *stream) next(b []byte) (rest, msg []byte, err error) {
	if b, err = f.keepAlives(b); err != nil || len(b) == 0 {
		return b, nil, err
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > wire.MaxMessage {
			return nil, nil, errFraming
		}
		return b, nil, nil
	}
	length, ok := wire.ContentLength(b[:end])
	total := end + 4 + length
	switch {
	case !ok || total > wire.MaxMessage:
		// No boundary to find again. What was read is shown to validate, which
		// answers it and has the connection closed.
		f.st.receive(b[:min(len(b), wire.MaxMessage)], f)
		return nil, nil, errFraming
	case len(b) < total:
		return b, nil, nil
	}
	return b[total:], b[:total:total], nil
}

// keepAlives strips CRLFs between messages: two are a ping to answer, one is
// the pong to our own.
func (f *stream) keepAlives(b []byte) ([]byte, error) {
	for len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		if len(b) >= 4 && b[2] == '\r' && b[3] == '\n' {
			b = b[4:]
			if err := f.send([]byte("\r\n")); err != nil {
				return nil, err
			}
			continue
		}
		b = b[2:]
		select {
		case f.pongs <- struct{}{}:
		default:
		}
	}
	return b, nil
}
