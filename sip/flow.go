package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// writeTimeout bounds every write; a healthy path takes microseconds.
const writeTimeout = 5 * time.Second

// maxDatagram is the largest request that goes over UDP (RFC 3261 18.1.1).
const maxDatagram = 1300

// datagram is a flow over the stack's UDP socket. It is a value; two of the
// same remote are the same flow.
type datagram struct {
	st *Stack
	to netip.AddrPort
}

func (d datagram) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(d.st.local) }
func (d datagram) WriteMsg(msg sipgo.Message) error { return d.st.write(d, msg) }
func (d datagram) remote() netip.AddrPort           { return d.to }
func (d datagram) reliable() bool                   { return false }

// Ref, TryClose and Close are sipgo's counting of users of a connection. Flows
// live as long as their stack.
func (d datagram) Ref(int) int            { return 1 }
func (d datagram) TryClose() (int, error) { return 1, nil }
func (d datagram) Close() error           { return nil }

func (d datagram) send(b []byte) error {
	if err := d.st.pc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return d.st.sendError(err)
	}
	if _, err := d.st.pc.WriteTo(b, net.UDPAddrFromAddrPort(d.to)); err != nil {
		return d.st.sendError(err)
	}
	return nil
}

// write serialises a message and sends it on f.
func (s *Stack) write(f flow, msg sipgo.Message) error {
	var b bytes.Buffer
	msg.StringWrite(&b)
	if _, isRequest := msg.(*sipgo.Request); isRequest && !f.reliable() && b.Len() > maxDatagram {
		return fmt.Errorf("%w: it has %d bytes, RFC 3261 18.1.1 allows %d", ErrTooLarge, b.Len(), maxDatagram)
	}
	return s.writeRaw(f, b.Bytes())
}

func (s *Stack) writeRaw(f flow, b []byte) error {
	if s.isClosed() {
		return ErrStackClosed
	}
	s.trace(true, f.remote(), b)
	return f.send(b)
}

// sendError marks an error of a socket as one of the transport.
func (s *Stack) sendError(err error) error {
	if s.isClosed() {
		return ErrStackClosed
	}
	if errors.Is(err, ErrTransport) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrTransport, err)
}

// addrPort reads the address of a net.Addr of any make.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmap(a.AddrPort())
	case *net.TCPAddr:
		return unmap(a.AddrPort())
	case nil:
		return netip.AddrPort{}
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return unmap(ap)
}

func unmap(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
