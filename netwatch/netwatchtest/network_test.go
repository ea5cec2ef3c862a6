package netwatchtest

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pre(s string) netip.Prefix           { return netip.MustParsePrefix(s) }
func at(s string) netip.AddrPort          { return netip.MustParseAddrPort(s) }
func udpAddr(s string) net.Addr           { return net.UDPAddrFromAddrPort(at(s)) }
func ip(s string) netip.Addr              { return netip.MustParseAddr(s) }
func ms(n int) time.Duration              { return time.Duration(n) * time.Millisecond }
func soon() (deadline time.Time)          { return time.Now().Add(time.Minute) }
func past() (deadline time.Time)          { return time.Unix(1, 0) }
func packet(c net.PacketConn) *packetConn { return c.(*packetConn) }

// world is a phone in a cafe, with a second uplink not yet plugged in, and a
// pbx in an office.
type world struct {
	t          *testing.T
	n          *Network
	phone, pbx *Host
}

func newWorld(t testing.TB) (n *Network, phone, pbx *Host) {
	n = New()
	t.Cleanup(n.Close)
	phone, pbx = n.Host("phone"), n.Host("pbx")
	pbx.Plug("eth0", "office", pre("10.9.0.2/24"))
	phone.Plug("wlan0", "cafe", pre("192.168.1.23/24"))
	return n, phone, pbx
}

// inBubble runs the test in a synctest bubble, with time of its own.
func inBubble(t *testing.T, name string, run func(w world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n, phone, pbx := newWorld(t)
			run(world{t, n, phone, pbx})
		})
	})
}

func (w world) packet(h *Host, local string) net.PacketConn {
	w.t.Helper()
	c, err := h.ListenPacket(w.t.Context(), at(local), "")
	w.must(err)
	w.t.Cleanup(func() { c.Close() })
	return c
}

func (w world) listen(h *Host, local string) net.Listener {
	w.t.Helper()
	l, err := h.Listen(w.t.Context(), at(local), "")
	w.must(err)
	w.t.Cleanup(func() { l.Close() })
	return l
}

// connect returns both ends of a connection from the phone to the pbx.
func (w world) connect() (client, server net.Conn) {
	w.t.Helper()
	l := w.listen(w.pbx, "10.9.0.2:5060")
	client, err := w.phone.Dial(w.t.Context(), at("192.168.1.23:0"), at("10.9.0.2:5060"), "")
	w.must(err)
	server, err = l.Accept()
	w.must(err)
	w.t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func (w world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w world) send(c net.PacketConn, to, text string) {
	w.t.Helper()
	_, err := c.WriteTo([]byte(text), udpAddr(to))
	w.must(err)
}

// hears expects one datagram within a minute of bubble time.
func (w world) hears(c net.PacketConn, from, text string) {
	w.t.Helper()
	w.must(c.SetReadDeadline(soon()))
	b := make([]byte, 2000)
	n, a, err := c.ReadFrom(b)
	if err != nil || string(b[:n]) != text || a.String() != from {
		w.t.Fatalf("heard %q from %v, %v; want %q from %s", b[:n], a, err, text, from)
	}
}

func (w world) hearsNothing(c net.PacketConn) {
	w.t.Helper()
	w.must(c.SetReadDeadline(soon()))
	if n, a, err := c.ReadFrom(make([]byte, 2000)); !errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatalf("heard %d bytes from %v, %v", n, a, err)
	}
}

func (w world) is(err error, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Fatalf("got error %v, want %v", err, want)
	}
}

func TestPackets(t *testing.T) {
	inBubble(t, "datagrams go both ways, with the addresses of the net package", func(w world) {
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		w.send(a, "10.9.0.2:5060", "INVITE")
		w.hears(b, "192.168.1.23:5060", "INVITE")
		w.send(b, "192.168.1.23:5060", "100")
		w.hears(a, "10.9.0.2:5060", "100")
		if u, ok := a.LocalAddr().(*net.UDPAddr); !ok || u.AddrPort() != at("192.168.1.23:5060") {
			w.t.Errorf("local address %v", a.LocalAddr())
		}
	})
	inBubble(t, "an address that is unplugged sends nothing and hears nothing", func(w world) {
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		w.phone.Unplug("wlan0")
		_, err := a.WriteTo([]byte("x"), udpAddr("10.9.0.2:5060"))
		w.is(err, syscall.ENETUNREACH)
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "write" || op.Net != "udp" {
			w.t.Errorf("got %#v", err)
		}
		w.send(b, "192.168.1.23:5060", "x")
		w.hearsNothing(a)
		w.hearsNothing(b)
		if d := w.n.Dropped(); d[DropNoHost] != 1 {
			w.t.Errorf("dropped %v", d)
		}
	})
	inBubble(t, "the same address back on the same network works again", func(w world) {
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		w.phone.Unplug("wlan0")
		w.phone.Plug("wlan0", "cafe", pre("192.168.1.23/24"))
		w.send(a, "10.9.0.2:5060", "x")
		w.hears(b, "192.168.1.23:5060", "x")
		w.send(b, "192.168.1.23:5060", "y")
		w.hears(a, "10.9.0.2:5060", "y")
	})
	inBubble(t, "the same address on another network carries nothing for old sockets", func(w world) {
		old, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		w.phone.Plug("wlan0", "another cafe", pre("192.168.1.23/24"))
		w.send(old, "10.9.0.2:5060", "x")
		w.hearsNothing(b)
		w.send(b, "192.168.1.23:5060", "y")
		w.hearsNothing(old)
		_, err := w.phone.ListenPacket(w.t.Context(), at("192.168.1.23:5060"), "")
		w.is(err, syscall.EADDRINUSE)
		fresh := w.packet(w.phone, "192.168.1.23:5062")
		w.send(fresh, "10.9.0.2:5060", "z")
		w.hears(b, "192.168.1.23:5062", "z")
		w.send(b, "192.168.1.23:5062", "z")
		w.hears(fresh, "10.9.0.2:5060", "z")
		if d := w.n.Dropped(); d[DropStale] != 1 || d[DropNoSocket] != 1 {
			w.t.Errorf("dropped %v", d)
		}
	})
	inBubble(t, "two uplinks carry at once, each socket by its own", func(w world) {
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		a, c, b := w.packet(w.phone, "192.168.1.23:7000"), w.packet(w.phone, "172.20.10.4:7000"), w.packet(w.pbx, "10.9.0.2:5060")
		w.send(a, "10.9.0.2:5060", "by wlan0")
		w.hears(b, "192.168.1.23:7000", "by wlan0")
		w.send(c, "10.9.0.2:5060", "by usb0")
		w.hears(b, "172.20.10.4:7000", "by usb0")
		if x, y := w.n.Carried("cafe"), w.n.Carried("lte"); x.Packets != 1 || y.Packets != 1 {
			w.t.Errorf("carried %v and %v", x, y)
		}
	})
	inBubble(t, "an unbound socket sends by the default route and hears everywhere", func(w world) {
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		a, b := w.packet(w.phone, "0.0.0.0:7000"), w.packet(w.pbx, "10.9.0.2:5060")
		w.send(a, "10.9.0.2:5060", "1")
		w.hears(b, "172.20.10.4:7000", "1")
		w.phone.Prefer("wlan0")
		w.send(a, "10.9.0.2:5060", "2")
		w.hears(b, "192.168.1.23:7000", "2")
		w.send(b, "172.20.10.4:7000", "3")
		w.hears(a, "10.9.0.2:5060", "3")
		w.phone.Unplug("wlan0")
		w.send(a, "10.9.0.2:5060", "4")
		w.hears(b, "172.20.10.4:7000", "4")
		w.phone.Unplug("usb0")
		_, err := a.WriteTo([]byte("5"), udpAddr("10.9.0.2:5060"))
		w.is(err, syscall.ENETUNREACH)
	})
	inBubble(t, "a pinned socket keeps to its interface", func(w world) {
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		b := w.packet(w.pbx, "10.9.0.2:5060")
		a, err := w.phone.ListenPacket(w.t.Context(), at("0.0.0.0:7000"), "wlan0")
		w.must(err)
		w.send(a, "10.9.0.2:5060", "1")
		w.hears(b, "192.168.1.23:7000", "1")
		w.send(b, "172.20.10.4:7000", "2")
		w.hearsNothing(a)
		// The same port on the other interface is free.
		_, err = w.phone.ListenPacket(w.t.Context(), at("0.0.0.0:7000"), "usb0")
		w.must(err)
		w.phone.Unplug("wlan0")
		_, err = a.WriteTo([]byte("3"), udpAddr("10.9.0.2:5060"))
		w.is(err, syscall.ENETUNREACH)
	})
	inBubble(t, "IPv6 works, and does not mix with IPv4", func(w world) {
		w.pbx.Plug("eth0", "office", pre("10.9.0.2/24"), pre("2001:db8:9::2/64"))
		w.phone.Plug("wlan0", "cafe", pre("192.168.1.23/24"), pre("2001:db8:1::23/64"))
		a, b := w.packet(w.phone, "[::]:7000"), w.packet(w.pbx, "[2001:db8:9::2]:5060")
		w.send(a, "[2001:db8:9::2]:5060", "six")
		w.hears(b, "[2001:db8:1::23]:7000", "six")
		_, err := a.WriteTo([]byte("x"), udpAddr("10.9.0.2:5060"))
		w.is(err, syscall.ENETUNREACH)
		// The IPv4 half of the port is free; a socket of both families is not.
		w.packet(w.phone, "0.0.0.0:7000")
		_, err = w.phone.ListenPacket(w.t.Context(), netip.AddrPortFrom(netip.Addr{}, 7000), "")
		w.is(err, syscall.EADDRINUSE)
	})
	inBubble(t, "a delay is one-way and the same both ways", func(w world) {
		w.n.Delay("pbx", "phone", ms(40))
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		start := time.Now()
		w.send(a, "10.9.0.2:5060", "x")
		w.hears(b, "192.168.1.23:5060", "x")
		w.send(b, "192.168.1.23:5060", "y")
		w.hears(a, "10.9.0.2:5060", "y")
		if rtt := time.Since(start); rtt != ms(80) {
			w.t.Errorf("round trip %v", rtt)
		}
		w.n.NetworkDelay("cafe", ms(5))
		w.n.NetworkDelay("office", ms(1))
		start = time.Now()
		w.send(a, "10.9.0.2:5060", "x")
		w.hears(b, "192.168.1.23:5060", "x")
		if d := time.Since(start); d != ms(46) {
			w.t.Errorf("one way %v", d)
		}
	})
	inBubble(t, "delayed datagrams keep their order", func(w world) {
		w.n.Delay("pbx", "phone", ms(40))
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		for _, x := range []string{"1", "2", "3"} {
			w.send(a, "10.9.0.2:5060", x)
		}
		for _, x := range []string{"1", "2", "3"} {
			w.hears(b, "192.168.1.23:5060", x)
		}
	})
	inBubble(t, "what is in flight to an address that goes away is lost", func(w world) {
		w.n.Delay("pbx", "phone", ms(40))
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		w.send(b, "192.168.1.23:5060", "late")
		w.send(a, "10.9.0.2:5060", "in time")
		time.Sleep(ms(20))
		w.phone.Unplug("wlan0")
		w.hears(b, "192.168.1.23:5060", "in time")
		w.hearsNothing(a)
	})
	inBubble(t, "a stalled network carries nothing and says nothing", func(w world) {
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		w.n.Stall("cafe")
		w.send(a, "10.9.0.2:5060", "x")
		w.hearsNothing(b)
		if _, err := w.phone.PathTo(ip("10.9.0.2")); err != nil {
			w.t.Error(err)
		}
		w.n.Flow("cafe")
		w.send(a, "10.9.0.2:5060", "y")
		w.hears(b, "192.168.1.23:5060", "y")
	})
	inBubble(t, "losses come at the rate asked for, the same ones each time", func(w world) {
		w.n.Loss("cafe", 0.25)
		a := w.packet(w.phone, "192.168.1.23:5060")
		for range 1000 {
			w.send(a, "10.9.0.2:9", "x")
		}
		d := w.n.Dropped()
		if d[DropLost] != 236 || d[DropLost]+d[DropNoSocket] != 1000 {
			w.t.Errorf("dropped %v", d)
		}
	})
	inBubble(t, "a receiver that does not read loses what exceeds its queue", func(w world) {
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		for range queueLen + 10 {
			w.send(a, "10.9.0.2:5060", "x")
		}
		f := Flow{"udp", at("192.168.1.23:5060"), at("10.9.0.2:5060")}
		if d, got, sent := w.n.Dropped(), w.pbx.Received()[f], w.phone.Sent()[f]; d[DropQueueFull] != 10 || got.Packets != queueLen || sent.Packets != queueLen+10 {
			w.t.Errorf("dropped %v, received %v of %v", d, got, sent)
		}
		w.hears(b, "192.168.1.23:5060", "x")
	})
	inBubble(t, "counts tell the longest pause", func(w world) {
		a := w.packet(w.phone, "192.168.1.23:5060")
		w.packet(w.pbx, "10.9.0.2:5060")
		start := time.Now()
		for _, pause := range []int{20, 20, 300, 20} {
			w.send(a, "10.9.0.2:5060", "x")
			time.Sleep(ms(pause))
		}
		w.send(a, "10.9.0.2:5060", "x")
		got := w.pbx.Received()[Flow{"udp", at("192.168.1.23:5060"), at("10.9.0.2:5060")}]
		want := Count{Packets: 5, Bytes: 5, First: start, Last: start.Add(ms(360)), Pause: ms(300)}
		if got != want {
			w.t.Errorf("got %+v, want %+v", got, want)
		}
	})
	inBubble(t, "two hosts with one address are told apart by network, then by who came last", func(w world) {
		other, third := w.n.Host("other"), w.n.Host("third")
		other.Plug("eth0", "home", pre("192.168.1.23/24"))
		third.Plug("eth0", "cafe", pre("192.168.1.50/24"))
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(other, "192.168.1.23:5060")
		w.send(w.packet(third, "0.0.0.0:1"), "192.168.1.23:5060", "neighbour")
		w.hears(a, "192.168.1.50:1", "neighbour")
		w.send(w.packet(w.pbx, "0.0.0.0:1"), "192.168.1.23:5060", "from afar")
		w.hears(b, "10.9.0.2:1", "from afar")
	})
	inBubble(t, "a host reaches itself whatever the network does", func(w world) {
		w.n.Stall("cafe")
		w.n.NetworkDelay("cafe", time.Second)
		a, b := w.packet(w.phone, "192.168.1.23:1"), w.packet(w.phone, "192.168.1.23:2")
		w.send(a, "192.168.1.23:2", "x")
		w.hears(b, "192.168.1.23:1", "x")
	})
}
