package stun

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/pion/stun/v3"
)

// ID tells one transaction from all others, 96 bits not to be guessed.
type ID [stun.TransactionIDSize]byte

// NewID returns an ID that nobody has seen.
func NewID() ID { return stun.NewTransactionID() }

// Errors of Parse. ErrNotOurs: it answers nothing that was asked.
// ErrNoAddress: it holds no address, or one that nobody can have.
var (
	ErrNotOurs   = errors.New("the STUN answer is not to this question")
	ErrNoAddress = errors.New("the STUN answer names no address that could be ours")
)

// cookie is the magic cookie of RFC 8489 5.
const cookie = 0x2112A442

// Is reports whether a datagram is STUN, by its first two bits and its cookie
// (RFC 8489 5): no SIP message and no RTP packet looks like that.
func Is(b []byte) bool {
	return len(b) >= 20 && b[0] < 4 && uint32(b[4])<<24|uint32(b[5])<<16|uint32(b[6])<<8|uint32(b[7]) == cookie
}

// Request is a Binding request. A fingerprint sets it apart from what else
// travels between the same ports.
func Request(id ID) []byte {
	m, err := stun.Build(stun.NewTransactionIDSetter(id), stun.BindingRequest, stun.Fingerprint)
	if err != nil { // these setters fail for nothing
		return nil
	}
	return m.Raw
}

// Parse reads the answer to the request with that ID: the address that the
// server saw. Errors are ErrNotOurs, ErrNoAddress, or what the server said
// against it.
func Parse(b []byte, id ID) (netip.AddrPort, error) {
	if !Is(b) {
		return netip.AddrPort{}, ErrNotOurs
	}
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if err := m.Decode(); err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	if ID(m.TransactionID) != id || m.Type.Method != stun.MethodBinding {
		return netip.AddrPort{}, ErrNotOurs
	}
	if m.Contains(stun.AttrFingerprint) {
		if err := stun.Fingerprint.Check(m); err != nil {
			return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrNotOurs, err)
		}
	}
	switch m.Type.Class {
	case stun.ClassSuccessResponse:
	case stun.ClassErrorResponse:
		var code stun.ErrorCodeAttribute
		if err := code.GetFrom(m); err != nil {
			return netip.AddrPort{}, errors.New("the STUN server refused, without a reason")
		}
		return netip.AddrPort{}, fmt.Errorf("the STUN server refused: %d", code.Code)
	default:
		return netip.AddrPort{}, ErrNotOurs
	}
	at, ok := mapped(m)
	if !ok || !Plausible(at) {
		return netip.AddrPort{}, ErrNoAddress
	}
	return at, nil
}

// mapped reads XOR-MAPPED-ADDRESS, or the MAPPED-ADDRESS of servers of RFC
// 3489 (which some routers rewrite: hence the other one).
func mapped(m *stun.Message) (netip.AddrPort, bool) {
	var x stun.XORMappedAddress
	if err := x.GetFrom(m); err == nil {
		a, ok := netip.AddrFromSlice(x.IP)
		return addrPort(a, x.Port), ok
	}
	var p stun.MappedAddress
	if err := p.GetFrom(m); err == nil {
		a, ok := netip.AddrFromSlice(p.IP)
		return addrPort(a, p.Port), ok
	}
	return netip.AddrPort{}, false
}

func addrPort(a netip.Addr, port int) netip.AddrPort {
	return netip.AddrPortFrom(a.Unmap(), uint16(port)) // of two bytes, both of them
}

// Plausible reports whether somebody elsewhere could reach an address: it is
// not unspecified, loopback, multicast, link-local or the broadcast address,
// and has a port.
func Plausible(at netip.AddrPort) bool { return at.Addr().IsGlobalUnicast() && at.Port() != 0 }

// Believable is the guard of who follows an answer: it is of the family of the
// socket's own address, and never private where that is public.
func Believable(local, seen netip.Addr) bool {
	local, seen = local.Unmap(), seen.Unmap()
	return local.Is4() == seen.Is4() && (Private(local) || !Private(seen))
}

// Private reports whether an address has meaning only nearby (RFC 1918, RFC
// 4193, RFC 6598, loopback and link-local).
func Private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() ||
		netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a)
}
