package demo

import (
	"net/netip"
	"slices"
	"time"

	"ramble/internal/app/ground"
	"ramble/internal/leaf/safego"
	"ramble/sip/siptest"
)

// namespace is a Ground of network namespaces: the phone is on the real
// network stack of this process.
type namespace struct {
	*ground.Field
	far []netip.Addr
}

// NewReal builds real ground. It works in the inner process of ground.Private
// only; elsewhere, and where the system forbids, the error says why.
func NewReal(guard *safego.Guard) (Ground, error) {
	far := []netip.Addr{registrarAddr().Addr()}
	for _, c := range cast() {
		far = append(far, netip.MustParseAddr(c.addr))
	}
	field, err := ground.NewField(guard, far)
	if err != nil {
		return nil, err
	}
	return &namespace{field, far}, nil
}

func (n *namespace) Real() bool { return true }

func (n *namespace) Sockets(_ string, at netip.Addr, _ time.Duration) siptest.Sockets {
	if slices.Contains(n.far, at) {
		return n.Far
	}
	return refused{errNobody}
}
