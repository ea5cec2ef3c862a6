package netwatchtest_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"ramble/netwatch"
	"ramble/netwatch/netwatchtest"
)

// A walk: from a cafe to the mobile network, make before break, and on to
// another cafe that hands out the same address as the first. At each stop the
// phone opens a socket on the path that the watcher tells, and the server says
// whom it heard.
func Example_walk() {
	n := netwatchtest.New()
	defer n.Close()
	pbx, phone := n.Host("pbx"), n.Host("phone")
	pbx.Plug("eth0", "office", netip.MustParsePrefix("10.9.0.2/24"))
	server := netip.MustParseAddrPort("10.9.0.2:5060")
	cafe, mobile := netip.MustParsePrefix("192.168.1.23/24"), netip.MustParsePrefix("172.20.10.4/28")
	phone.Plug("wlan0", "cafe", cafe)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ear, err := pbx.ListenPacket(ctx, server, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	changes := make(chan netwatch.Change)
	w := netwatch.New(netwatch.Options{
		Source: phone, Router: phone, Hints: []netwatch.Hinter{phone},
		OnChange: func(c netwatch.Change) { changes <- c },
	})
	w.SetPeers([]netip.Addr{server.Addr()})
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()

	var old net.PacketConn
	stop := func(walk func()) {
		walk()
		c := <-changes
		fmt.Println(c)
		p := c.New.Paths[server.Addr()]
		if !p.Valid() {
			return
		}
		fresh, err := phone.ListenPacket(ctx, netip.AddrPortFrom(p.Source, 0), p.Interface)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("  new socket:", heard(fresh, ear))
		if old != nil {
			fmt.Println("  old socket:", heard(old, ear))
			old.Close()
		}
		old = fresh
	}
	stop(func() {})
	stop(func() { phone.Plug("usb0", "mobile", mobile) })
	stop(func() { phone.Unplug("wlan0") })
	stop(func() { phone.Plug("wlan0", "another cafe", cafe) })
	stop(func() { phone.Unplug("usb0") })
	stop(func() { phone.Unplug("wlan0") })
	cancel()
	fmt.Println("watcher ended:", <-done)

	// Output:
	// first look.
	//   new socket: heard 192.168.1.23
	// usb0 appeared. usb0 has 172.20.10.4. path moved from wlan0 192.168.1.23 to usb0 172.20.10.4.
	//   new socket: heard 172.20.10.4
	//   old socket: heard 192.168.1.23
	// wlan0 is down. wlan0 lost 192.168.1.23.
	//   new socket: heard 172.20.10.4
	//   old socket: heard 172.20.10.4
	// wlan0 is up. wlan0 has 192.168.1.23. path moved from usb0 172.20.10.4 to wlan0 192.168.1.23.
	//   new socket: heard 192.168.1.23
	//   old socket: heard 172.20.10.4
	// usb0 is down. usb0 lost 172.20.10.4.
	//   new socket: heard 192.168.1.23
	//   old socket: heard 192.168.1.23
	// wlan0 is down. wlan0 lost 192.168.1.23. no path any more, it was wlan0 192.168.1.23.
	// watcher ended: <nil>
}

// heard sends a datagram and says whom the server heard.
func heard(from, ear net.PacketConn) string {
	if _, err := from.WriteTo([]byte("hello"), ear.LocalAddr()); err != nil {
		return err.Error()
	}
	_, who, err := ear.ReadFrom(make([]byte, 100))
	if err != nil {
		return err.Error()
	}
	host, _, _ := net.SplitHostPort(who.String())
	return "heard " + host
}
