package lab

import (
	"fmt"
	"net/netip"
	"time"

	"ramble/internal/app/ground"
)

// Handset is the network of one phone: a host with two uplinks, of which one is
// up, and the verbs that move it. Those of one handset are called by one
// goroutine at a time; handsets move independently of each other.
type Handset struct {
	host      *Host
	uplinks   map[string]*uplink
	stalled   map[string]func() error // what ends it, by uplink
	metric    int                     // of the newest default route; a newer one is better
	lab       *Lab
	traveller *ground.Traveller
	plugged   time.Time // address and default route were in place for the last time
}

// Phone is the nth phone of the lab, from 1, as Options.Phones asked for. A
// number beyond that is a mistake of the caller, and it panics.
func (l *Lab) Phone(n int) *Handset {
	if n < 1 || n > len(l.phones) {
		panic(fmt.Sprintf("lab: no phone %d of %d", n, len(l.phones)))
	}
	return l.phones[n-1]
}

// HostName is the name of the phone's host, for RambleOptions, PeerOptions and
// Capture.
func (h *Handset) HostName() string { return h.host.Name }

// better is the metric of a new default route: it wins over all before.
func (h *Handset) better() int {
	h.metric--
	return h.metric
}

// Uplink names the uplink in use; empty while there is none.
func (h *Handset) Uplink() string {
	best := ""
	for name, u := range h.uplinks {
		if u.up && (best == "" || u.metric < h.uplinks[best].metric) {
			best = name
		}
	}
	return best
}

// Other names the uplink that is not in use.
func (h *Handset) Other() string {
	if h.Uplink() == WLAN {
		return WWAN
	}
	return WLAN
}

// Address is the phone's present IPv4 and IPv6 address; a family that the
// uplink lacks is invalid.
func (h *Handset) Address() (v4, v6 netip.Addr) {
	u, ok := h.uplinks[h.Uplink()]
	if !ok {
		return netip.Addr{}, netip.Addr{}
	}
	return u.address(true), u.address(false)
}

// Wire is the emulator of one of the phone's uplinks; nil in a lab without them.
func (h *Handset) Wire(uplink string) *Wire {
	if u, ok := h.uplinks[uplink]; ok {
		return h.lab.wires[u.CoreIface]
	}
	return nil
}
