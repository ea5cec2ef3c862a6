package ground

import (
	"context"
	"net/netip"
	"time"
)

// Mover moves one phone: its interfaces are plugged into networks and pulled
// out of them. Networks in memory have these verbs, namespaces of this process
// and those of the lab; the phone on them is the same. They may be called from
// one goroutine at a time.
type Mover interface {
	// Ready brings up an interface's carrier in a network, so that Plug is done
	// at once.
	Ready(iface, network string, addrs ...netip.Prefix) error
	// Plug attaches an interface to a network and makes it the default route;
	// it returns when that is in place.
	Plug(iface, network string, addrs ...netip.Prefix) error
	// Unplug takes the addresses and the carrier.
	Unplug(iface string) error
	// Stall makes an interface's network carry nothing, with no sign of it on
	// the phone; Flow ends that.
	Stall(iface string) error
	Flow(iface string) error
	// Sleep stops the phone for d, as a machine that sleeps. The far side may
	// sleep along.
	Sleep(ctx context.Context, d time.Duration) error
}

// Unable is why there can be no namespaces here: no rights, or a kernel without
// them.
type Unable struct{ Reason string }

func (u *Unable) Error() string { return "no private network here: " + u.Reason }
