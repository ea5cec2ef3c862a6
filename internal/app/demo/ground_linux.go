package demo

import (
	"context"
	"hash/fnv"
	"net"
	"net/netip"
	"time"

	"ramble/internal/leaf/safego"
	"ramble/internal/proof/lab"
	"ramble/sip/siptest"
)

// namespace is a Ground of network namespaces: the phone is on the real
// network stack of this process.
type namespace struct {
	field *lab.Field
	far   []netip.Addr
}

// NewReal builds real ground. It works in the inner process of lab.Private
// only; elsewhere, and where the system forbids, the error says why.
func NewReal(guard *safego.Guard) (Ground, error) {
	far := []netip.Addr{registrarAddr().Addr()}
	for _, c := range cast() {
		far = append(far, netip.MustParseAddr(c.addr))
	}
	field, err := lab.NewField(guard, far)
	if err != nil {
		return nil, err
	}
	return &namespace{field, far}, nil
}

func (n *namespace) Real() bool { return true }

func (n *namespace) Sockets(_ string, at netip.Addr, _ time.Duration) siptest.Sockets {
	for _, a := range n.far {
		if a == at {
			return lab.Sockets{Host: n.field.Far}
		}
	}
	return refused{errNobody}
}

func (n *namespace) Ready(iface, network string, addr netip.Prefix) error {
	return n.field.Ready(iface, gateway(network), addr)
}

func (n *namespace) Plug(iface, network string, addr netip.Prefix) error {
	return n.field.Plug(iface, gateway(network), addr)
}

func (n *namespace) Unplug(iface string) error { return n.field.Unplug(iface) }
func (n *namespace) Stall(iface string) error  { return n.field.Stall(iface) }
func (n *namespace) Flow(iface string) error   { return n.field.Flow(iface) }
func (n *namespace) Close() error              { return n.field.Close() }

func (n *namespace) Sleep(_ context.Context, d time.Duration) error { return lab.Sleep(d) }

// gateway is the hardware address of a network's gateway: locally
// administered, and the same in every run.
func gateway(network string) net.HardwareAddr {
	h := fnv.New32a()
	h.Write([]byte(network))
	seed := h.Sum32()
	return net.HardwareAddr{2, 0, byte(seed >> 24), byte(seed >> 16), byte(seed >> 8), byte(seed)}
}
