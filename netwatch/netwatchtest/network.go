// Package netwatchtest is a small internet in memory: hosts with interfaces
// that are plugged into named networks, and sockets between them. Tests and the
// demo run on it, on any operating system, with no real socket and no
// privilege.
//
//	n := netwatchtest.New()
//	defer n.Close()
//	phone, pbx := n.Host("phone"), n.Host("pbx")
//	pbx.Plug("eth0", "office", netip.MustParsePrefix("10.9.0.2/24"))
//	phone.Plug("wlan0", "cafe", netip.MustParsePrefix("192.168.1.23/24"))
//	n.Delay("phone", "pbx", 40*time.Millisecond)
//
// A Host is a netwatch.Source, Router and Hinter, and opens sockets as
// internal/leaf/socket does. Hosts reach each other by address through an implicit
// core; there is no name service. A network may be behind a NAT.
//
// # What moving does
//
// A socket belongs to its address and to the network the address was plugged
// into when the socket was opened.
//
//   - While the address is not plugged in, nothing is carried. Sending a
//     datagram fails with ENETUNREACH, as on Linux; a TCP connection stalls:
//     no reset, writes fill the buffer and then block, reads block.
//   - When the same address comes back on the same network, sockets work again
//     and connections carry on with what was written meanwhile.
//   - When it comes back on another network, the old sockets carry nothing, as
//     behind a NAT that knows no such flow; datagrams are sent without an error
//     and vanish.
//   - A socket on the unspecified address sends from whatever the routes say
//     and receives on every address of the host.
//   - A network may also stall: it carries nothing, and nobody is told.
//
// Packets in flight arrive if the receiver is still there at their time of
// arrival.
//
// # Time and order
//
// Without a delay a packet is delivered before the call that sends it returns.
// With one it is delivered by a timer, in order of arrival time. Nothing else
// runs: there are no goroutines, so a test may put a whole network into a
// testing/synctest bubble. Losses are drawn from a generator with a fixed seed.
//
// All methods may be called from any goroutine.
package netwatchtest

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Network is the whole internet of a test.
type Network struct {
	mu      sync.Mutex // guards everything in the package
	hosts   []*Host    // in order of creation
	nets    map[string]*segment
	delays  map[[2]string]time.Duration // by the names of two hosts, in order
	streams map[*stream]struct{}        // connections and handshakes that may have to resume
	opened  uint64                      // counts streams
	events  clock
	dropped map[Drop]uint64
	plugged uint64 // counts pluggings
	closed  bool
}

// segment is a named network that interfaces are plugged into.
type segment struct {
	name    string
	mac     string // of its gateway
	delay   time.Duration
	loss    float64
	dice    *rand.Rand
	stalled bool
	nat     *nat // at its edge; nil: none
	carried Count
}

// New returns an empty internet. Close it at the end.
func New() *Network {
	n := &Network{
		nets:    map[string]*segment{},
		delays:  map[[2]string]time.Duration{},
		streams: map[*stream]struct{}{},
		dropped: map[Drop]uint64{},
	}
	n.events.mu = &n.mu
	return n
}

// Close closes every socket and drops what is in flight.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.closed = true
	n.events.stop()
	for _, h := range n.hosts {
		for s := range h.packets {
			s.shut()
		}
		for l := range h.listeners {
			l.shut()
		}
	}
	for s := range n.streams {
		s.abort()
	}
}

// Host returns the host with that name and makes it when there is none.
func (n *Network) Host(name string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.hosts {
		if h.name == name {
			return h
		}
	}
	h := &Host{
		n: n, name: name, nextPort: firstPort,
		packets: map[*packetConn]struct{}{}, listeners: map[*listener]struct{}{},
		sent: map[Flow]Count{}, received: map[Flow]Count{},
	}
	n.hosts = append(n.hosts, h)
	return h
}

// Delay sets the one-way delay between two hosts, in both directions: 40 ms
// make a round trip of 80. It adds to those of the networks.
func (n *Network) Delay(a, b string, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delays[pairOf(a, b)] = d
}

// NetworkDelay sets the delay of everything that enters or leaves a network.
// Between two hosts of the same network it counts once.
func (n *Network) NetworkDelay(network string, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.segment(network).delay = d
}

// Loss makes a network lose that fraction of its packets, 0 to 1. A lost TCP
// segment arrives late, by the retransmission timeout.
func (n *Network) Loss(network string, fraction float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.segment(network).loss = fraction
}

// Stall makes a network carry nothing, without any sign of it on the hosts.
// Datagrams vanish; connections wait for Flow.
func (n *Network) Stall(network string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.segment(network).stalled = true
}

// Flow ends a stall.
func (n *Network) Flow(network string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.segment(network).stalled = false
	n.resume()
}

// segment returns the network with that name. Call with mu held.
func (n *Network) segment(name string) *segment {
	if s, ok := n.nets[name]; ok {
		return s
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	seed := h.Sum64()
	s := &segment{
		name: name,
		// Locally administered, and the same in every run.
		mac:  fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", byte(seed>>32), byte(seed>>24), byte(seed>>16), byte(seed>>8), byte(seed)),
		dice: rand.New(rand.NewPCG(seed, 1)),
	}
	n.nets[name] = s
	return s
}

func pairOf(a, b string) [2]string {
	if a > b {
		a, b = b, a
	}
	return [2]string{a, b}
}

// delay is the one-way time between two interfaces. Call with mu held.
func (n *Network) delay(from, to *port) time.Duration {
	d := n.delays[pairOf(from.host.name, to.host.name)] + from.net.delay
	if to.net != from.net {
		d += to.net.delay
	}
	return d
}

// lost draws whether a packet between two interfaces is lost. Call with mu held.
func (n *Network) lost(from, to *port) bool {
	lost := from.net.draw()
	if to.net != from.net && to.net.draw() {
		return true
	}
	return lost
}

func (s *segment) draw() bool { return s.loss > 0 && s.dice.Float64() < s.loss }

// resume lets connections that waited for their path try again. Call with mu held.
func (n *Network) resume() {
	// In order of opening, so that every run is the same.
	all := slices.SortedFunc(maps.Keys(n.streams), func(a, b *stream) int { return cmp.Compare(a.id, b.id) })
	for _, s := range all {
		s.pump()
	}
}
