package netwatch

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// detectWithin is for machines that do other things as well; the aim is 10 ms.
const detectWithin = 100 * time.Millisecond

// turn is something done to the network, and the change to be told for it.
// Time runs from before it is done, or from the kernel's notice where the
// kernel acts in its own time.
type turn struct {
	do     func() error
	want   func(Change) bool
	notice <-chan time.Time
}

func onto(name string) func(Change) bool {
	return func(c Change) bool { return c.New.Paths[pbx].Interface == name && len(c.PathsMoved) == 1 }
}

func noPath(c Change) bool { return !c.New.Paths[pbx].Valid() && len(c.PathsMoved) == 1 }

func told(k Kind, name, address string) func(Change) bool {
	return func(c Change) bool {
		return slices.Contains(c.Reasons, Reason{Kind: k, Interface: name, Addr: ip(address)})
	}
}

// TestDetection measures the time from the kernel's event to OnChange, with
// nothing but notifications to make the watcher look.
func TestDetection(t *testing.T) {
	tests := []struct {
		name   string
		rounds int
		turns  func(n *namespace) []turn
	}{
		{"an address is added and deleted", 50, func(n *namespace) []turn {
			wlan, a := n.pair("wlan0"), n.addr("10.9.0.23/24") // the peer is on the link
			return []turn{
				{do: func() error { return netlink.AddrAdd(wlan, a) }, want: onto("wlan0")},
				{do: func() error { return netlink.AddrDel(wlan, a) }, want: noPath},
			}
		}},
		{"an IPv6 address beside the path is added and deleted", 10, func(n *namespace) []turn {
			wlan, a := n.pair("wlan0"), n.addr("2001:db8::23/64")
			a.Flags = unix.IFA_F_NODAD
			return []turn{
				{do: func() error { return netlink.AddrAdd(wlan, a) }, want: told(AddressAdded, "wlan0", "2001:db8::23")},
				{do: func() error { return netlink.AddrDel(wlan, a) }, want: told(AddressLost, "wlan0", "2001:db8::23")},
			}
		}},
		{"an IPv6 address turns from tentative to usable", 3, func(n *namespace) []turn {
			wlan, a := n.pair("wlan0"), n.addr("2001:db8::23/64")
			n.sysctl("ipv6/conf/wlan0/accept_dad", "1")
			n.sysctl("ipv6/neigh/wlan0/retrans_time_ms", "100")
			usable := n.addrNotices(func(u netlink.AddrUpdate) bool {
				return u.NewAddr && u.LinkAddress.IP.Equal(a.IP) && u.Flags&unix.IFA_F_TENTATIVE == 0
			})
			return []turn{
				{do: func() error { return netlink.AddrAdd(wlan, a) }, want: told(AddressAdded, "wlan0", "2001:db8::23"), notice: usable},
				{do: func() error { return netlink.AddrDel(wlan, a) }, want: told(AddressLost, "wlan0", "2001:db8::23")},
			}
		}},
		{"a link is set down and up", 3, func(n *namespace) []turn {
			wlan := n.pair("wlan0")
			n.must(netlink.AddrAdd(wlan, n.addr("10.9.0.23/24")))
			return []turn{
				{do: func() error { return netlink.LinkSetDown(wlan) }, want: noPath},
				{do: func() error { return netlink.LinkSetUp(wlan) }, want: onto("wlan0"), notice: n.carrierNotices("wlan0", true)},
			}
		}},
		{"a cable is pulled and plugged in", 3, func(n *namespace) []turn {
			wlan := n.pair("wlan0")
			n.must(netlink.AddrAdd(wlan, n.addr("10.9.0.23/24")))
			end := n.link("wlan0p")
			return []turn{
				{do: func() error { return netlink.LinkSetDown(end) }, want: noPath, notice: n.carrierNotices("wlan0", false)},
				{do: func() error { return netlink.LinkSetUp(end) }, want: onto("wlan0"), notice: n.carrierNotices("wlan0", true)},
			}
		}},
		{"a route with a better metric comes and goes", 10, func(n *namespace) []turn {
			wlan, usb := n.pair("wlan0"), n.pair("usb0")
			n.plug(wlan, "192.168.1.23/24", "192.168.1.1", 600)
			n.plug(usb, "172.20.10.4/28", "172.20.10.1", 700)
			better := n.route(usb, "172.20.10.1", 100)
			return []turn{
				{do: func() error { return netlink.RouteAdd(better) }, want: onto("usb0")},
				{do: func() error { return netlink.RouteDel(better) }, want: onto("wlan0")},
			}
		}},
		{"a rule sends the peer another way", 10, func(n *namespace) []turn {
			wlan, usb := n.pair("wlan0"), n.pair("usb0")
			n.plug(wlan, "192.168.1.23/24", "192.168.1.1", 600)
			n.plug(usb, "172.20.10.4/28", "172.20.10.1", 700)
			vpn := n.route(usb, "172.20.10.1", 0)
			vpn.Table = 100
			n.must(netlink.RouteAdd(vpn))
			rule := netlink.NewRule()
			rule.Table, rule.Priority, rule.Family = 100, 50, netlink.FAMILY_V4
			return []turn{
				{do: func() error { return netlink.RuleAdd(rule) }, want: onto("usb0")},
				{do: func() error { return netlink.RuleDel(rule) }, want: onto("wlan0")},
			}
		}},
		{"the next hop gets another link address", 10, func(n *namespace) []turn {
			wlan := n.pair("wlan0")
			n.plug(wlan, "192.168.1.23/24", "192.168.1.1", 600)
			set := func(mac string) turn {
				return turn{
					do:   func() error { return netlink.NeighSet(n.neighbour(wlan, "192.168.1.1", mac)) },
					want: func(c Change) bool { return c.Has(HopMoved) && c.New.Paths[pbx].NextHopLink == mac },
				}
			}
			n.must(set("02:00:00:00:00:0a").do())
			return []turn{set("02:00:00:00:00:0b"), set("02:00:00:00:00:0a")}
		}},
		{"an address goes and is back at once", 10, func(n *namespace) []turn {
			wlan, a := n.pair("wlan0"), n.addr("10.9.0.23/24")
			n.must(netlink.AddrAdd(wlan, a))
			var lost uint64
			return []turn{{
				do: func() error {
					if err := netlink.AddrDel(wlan, a); err != nil {
						return err
					}
					return netlink.AddrAdd(wlan, a)
				},
				want: func(c Change) bool {
					p := c.New.Paths[pbx]
					again := p.Valid() && p.Lost > lost
					if again {
						lost = p.Lost
					}
					return again
				},
			}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := inNamespace(t)
			if n == nil {
				return
			}
			turns := tt.turns(n)
			l := n.listen(Options{})
			var took []time.Duration
			for range tt.rounds {
				for _, x := range turns {
					took = append(took, l.measure(x))
				}
			}
			slices.Sort(took)
			last := len(took) - 1
			median := took[last/2]
			t.Logf("%d changes: median %v, p99 %v, longest %v", len(took), round(median), round(took[last*99/100]), round(took[last]))
			if median > detectWithin {
				t.Errorf("the median is above %v", detectWithin)
			}
		})
	}
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// measure takes one turn and returns how long it took to be told.
func (l *listener) measure(x turn) time.Duration {
	l.t.Helper()
	for empty := x.notice == nil; !empty; {
		select {
		case <-x.notice:
		default:
			empty = true
		}
	}
	// Changes in one breath share a look; each is to be measured alone.
	<-time.After(2 * lookGap)
	from := time.Now()
	l.must(x.do())
	c := l.until(func(c telling) bool { return !c.at.Before(from) && x.want(c.Change) })
	if x.notice != nil {
		select {
		case from = <-x.notice:
		case <-time.After(patience):
			l.t.Fatal("the kernel did not tell the other listener")
		}
	}
	// The other listener may have been the slower one.
	return max(0, c.at.Sub(from))
}

// carrierNotices tells when the kernel said that a carrier came or went.
func (n *namespace) carrierNotices(name string, up bool) <-chan time.Time {
	n.t.Helper()
	updates, stop := make(chan netlink.LinkUpdate), make(chan struct{})
	n.must(netlink.LinkSubscribeAt(n.ns, updates, stop))
	return stamps(n, updates, stop, func(u netlink.LinkUpdate) bool {
		return u.Attrs().Name == name && (u.IfInfomsg.Flags&unix.IFF_RUNNING != 0) == up
	})
}

// addrNotices tells when the kernel said something about an address.
func (n *namespace) addrNotices(match func(netlink.AddrUpdate) bool) <-chan time.Time {
	n.t.Helper()
	updates, stop := make(chan netlink.AddrUpdate), make(chan struct{})
	n.must(netlink.AddrSubscribeAt(n.ns, updates, stop))
	return stamps(n, updates, stop, match)
}

func stamps[U any](n *namespace, updates <-chan U, stop chan struct{}, match func(U) bool) <-chan time.Time {
	out := make(chan time.Time, 1024) // more than a test causes
	n.t.Cleanup(func() {
		close(stop)
		for range updates { // closed by the subscription when it has ended
		}
	})
	go func() {
		for u := range updates {
			if match(u) {
				out <- time.Now()
			}
		}
	}()
	return out
}

func (n *namespace) neighbour(l netlink.Link, address, mac string) *netlink.Neigh {
	n.t.Helper()
	m, err := net.ParseMAC(mac)
	n.must(err)
	return &netlink.Neigh{LinkIndex: l.Attrs().Index, IP: ip(address).AsSlice(), State: netlink.NUD_PERMANENT, HardwareAddr: m}
}

// TestNoise makes noise of one sort after another, and then the one change
// that is to be told: nothing else may be.
func TestNoise(t *testing.T) {
	tests := []struct {
		name string
		// make returns what is to be true of the watcher's state once it has
		// seen the noise.
		make func(n *namespace, wlan netlink.Link) (seen func(State) bool)
	}{
		{"a container comes and goes", func(n *namespace, _ netlink.Link) func(State) bool {
			for i := range 5 {
				c := n.pair(fmt.Sprintf("veth%d", i))
				n.must(netlink.AddrAdd(c, n.addr(fmt.Sprintf("172.17.%d.1/24", i))))
				if i > 0 {
					n.must(netlink.LinkDel(c))
				}
			}
			return func(s State) bool {
				first, ok := s.Interface("veth0")
				return ok && first.Up && len(s.Interfaces) == 5 // lo, wlan0, veth0 and their ends
			}
		}},
		{"a privacy address comes beside the one in use", func(n *namespace, wlan netlink.Link) func(State) bool {
			n.sysctl("ipv6/conf/wlan0/use_tempaddr", "2")
			a := n.addr("2001:db8::23/64")
			a.Flags = unix.IFA_F_NODAD | unix.IFA_F_MANAGETEMPADDR
			a.ValidLft, a.PreferedLft = 7200, 3600
			n.must(netlink.AddrReplace(wlan, a))
			return func(s State) bool {
				i, _ := s.Interface("wlan0")
				return slices.ContainsFunc(i.Addrs, func(a Addr) bool { return a.Temporary })
			}
		}},
		{"neighbours that are no next hop", func(n *namespace, wlan netlink.Link) func(State) bool {
			for i := range 200 {
				n.must(netlink.NeighSet(n.neighbour(wlan, fmt.Sprintf("10.9.0.%d", i+25), "02:00:00:00:00:0a")))
			}
			return func(State) bool { return true }
		}},
		{"the next hop's link address is only learnt", func(n *namespace, wlan netlink.Link) func(State) bool {
			n.must(netlink.NeighSet(n.neighbour(wlan, "10.9.0.1", "02:00:00:00:00:0a")))
			return func(State) bool { return true }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := inNamespace(t)
			if n == nil {
				return
			}
			n.sysctl("ipv6/conf/default/dad_transmits", "0")
			wlan := n.pair("wlan0")
			six := n.addr("2001:db8::23/64")
			six.Flags = unix.IFA_F_NODAD
			n.must(netlink.AddrAdd(wlan, six))
			n.plug(wlan, "10.9.0.23/24", "10.9.0.1", 600)
			n.calm()
			l := n.listen(Options{Ignore: []string{"veth*"}})
			seen := tt.make(n, wlan)
			n.must(netlink.AddrAdd(wlan, n.addr("10.9.0.24/24")))
			c := l.until(func(telling) bool { return true })
			if !told(AddressAdded, "wlan0", "10.9.0.24")(c.Change) || len(c.Reasons) != 1 {
				t.Fatalf("told %v", c.Change)
			}
			if !seen(c.New) {
				t.Errorf("the noise was not there: %+v", c.New.Interfaces)
			}
		})
	}
}

// TestNotificationsLost fills the socket's buffer.
func TestNotificationsLost(t *testing.T) {
	n := inNamespace(t)
	if n == nil {
		return
	}
	f, err := openNetlink()
	n.must(err)
	defer f.Close()
	n.must(f.(*netlinkFeed).raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 0) // the least there is
	}))
	n.must(err)
	lo, a := n.link("lo"), n.addr("192.0.2.1/32")
	for range 100 {
		n.must(netlink.AddrAdd(lo, a))
		n.must(netlink.AddrDel(lo, a))
	}
	for range 200 {
		lost := false
		n.must(f.receive(func(r Reason) { lost = r.Kind == Notified && r.Detail == "some notifications were lost" }))
		if lost {
			// The socket goes on.
			n.must(netlink.AddrAdd(lo, a))
			for range 200 {
				again := false
				n.must(f.receive(func(r Reason) { again = r == Reason{Kind: AddressAdded, Interface: "lo", Addr: ip("192.0.2.1")} }))
				if again {
					return
				}
			}
			break
		}
	}
	t.Error("nothing is told of what was lost")
}

// calm waits until what preparing the network causes is over: the kernel turns
// carriers on, and addresses usable, in its own time.
func (n *namespace) calm() {
	n.t.Helper()
	busy := func(i Interface) bool {
		return i.Name != "lo" && (!i.Up || len(i.Addrs) == 0 || slices.ContainsFunc(i.Addrs, func(a Addr) bool { return a.Tentative }))
	}
	end := time.After(patience)
	for {
		all, err := System{}.Snapshot()
		n.must(err)
		if !slices.ContainsFunc(all, busy) {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-end:
			n.t.Fatalf("no calm: %+v", all)
		}
	}
}
