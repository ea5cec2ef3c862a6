package netwatch

import (
	"encoding/binary"
	"net"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"ramble/internal/proof/needs"
)

// message is a netlink message: header, body, attributes.
func message(kind uint16, body []byte, attrs ...[]byte) []byte {
	data := append(body, slices.Concat(attrs...)...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return append(append(b, make([]byte, 10)...), data...)
}

func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, align(len(b))-len(b))...)
}

func index(i uint32) []byte { return binary.NativeEndian.AppendUint32(nil, i) }

// linkBody, addrBody and so on are the fixed parts of messages.
func linkBody(family byte, i, flags uint32) []byte {
	return slices.Concat([]byte{family, 0, 0, 0}, index(i), index(flags), index(0))
}

func addrBody(family, bits byte, i uint32) []byte {
	return append([]byte{family, bits, 0, 0}, index(i)...)
}

func routeBody(protocol byte, flags uint32) []byte {
	return append([]byte{unix.AF_INET, 0, 0, 0, unix.RT_TABLE_MAIN, protocol, 0, unix.RTN_UNICAST}, index(flags)...)
}

func neighbourBody(family byte, i uint32) []byte {
	return append(append([]byte{family, 0, 0, 0}, index(i)...), unix.NUD_REACHABLE, 0, 0, 0)
}

func TestNetlinkNotices(t *testing.T) {
	const on = unix.IFF_UP | unix.IFF_RUNNING
	named := attribute(unix.IFLA_IFNAME, []byte("wlan0\x00"))
	four := attribute(unix.IFA_LOCAL, ip("192.168.1.23").AsSlice())
	mac := attribute(unix.NDA_LLADDR, []byte{2, 0, 0, 0, 0, 10})
	gateway := attribute(unix.NDA_DST, ip("192.168.1.1").AsSlice())
	tests := []struct {
		name string
		b    []byte
		want []Reason
	}{
		{"a carrier that goes", message(unix.RTM_NEWLINK, linkBody(0, 2, unix.IFF_UP), named), []Reason{{Kind: InterfaceDown, Interface: "wlan0"}}},
		{"a scan of a wireless interface is nothing", message(unix.RTM_NEWLINK, linkBody(0, 2, on), named), nil},
		{"an interface that goes", message(unix.RTM_DELLINK, linkBody(0, 2, 0)), []Reason{{Kind: InterfaceGone, Interface: "wlan0"}}},
		{"one that leaves a bridge stays", message(unix.RTM_DELLINK, linkBody(unix.AF_BRIDGE, 2, 0)), nil},
		{"an address that comes", message(unix.RTM_NEWADDR, addrBody(unix.AF_INET, 24, 2), four), []Reason{{Kind: AddressAdded, Interface: "wlan0", Addr: ip("192.168.1.23")}}},
		{"an address that goes", message(unix.RTM_DELADDR, addrBody(unix.AF_INET, 24, 2), four), []Reason{{Kind: AddressLost, Interface: "wlan0", Addr: ip("192.168.1.23")}}},
		{"a route by hand counts whatever its interface", message(unix.RTM_NEWROUTE, routeBody(unix.RTPROT_BOOT, 0), attribute(unix.RTA_OIF, index(2))), []Reason{{Kind: Notified, Detail: "a route"}}},
		{"a route of an address names its interface", message(unix.RTM_DELROUTE, routeBody(unix.RTPROT_KERNEL, 0), attribute(unix.RTA_OIF, index(2))), []Reason{{Kind: Notified, Interface: "wlan0", Detail: "a route"}}},
		{"a cached route is nothing", message(unix.RTM_NEWROUTE, routeBody(unix.RTPROT_BOOT, unix.RTM_F_CLONED)), nil},
		{"a rule", message(unix.RTM_NEWRULE, nil), []Reason{{Kind: Notified, Detail: "a routing rule"}}},
		{"a neighbour's link address", message(unix.RTM_NEWNEIGH, neighbourBody(unix.AF_INET, 2), gateway, mac), []Reason{{Kind: HopMoved, Interface: "wlan0", Addr: ip("192.168.1.1"), Detail: "02:00:00:00:00:0a"}}},
		{"a neighbour that is being asked for is nothing", message(unix.RTM_NEWNEIGH, neighbourBody(unix.AF_INET, 2), gateway), nil},
		{"a bridge's table is nothing", message(unix.RTM_NEWNEIGH, neighbourBody(unix.AF_BRIDGE, 2), mac), nil},
		{"another kind is nothing", message(unix.RTM_NEWQDISC, make([]byte, 20)), nil},
		{
			"two in one datagram",
			slices.Concat(message(unix.RTM_NEWRULE, nil), message(unix.RTM_DELADDR, addrBody(unix.AF_INET, 24, 2), four)),
			[]Reason{{Kind: Notified, Detail: "a routing rule"}, {Kind: AddressLost, Interface: "wlan0", Addr: ip("192.168.1.23")}},
		},
		{"cut short", message(unix.RTM_NEWRULE, []byte{1})[:16], nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := links{2: {"wlan0", true}}
			var got []Reason
			l.netlink(tt.b, func(r Reason) { got = append(got, r) })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzNetlinkNotices(f *testing.F) {
	f.Add(message(unix.RTM_NEWLINK, linkBody(0, 2, 0), attribute(unix.IFLA_IFNAME, []byte("wlan0"))))
	f.Add(message(unix.RTM_NEWADDR, addrBody(unix.AF_INET6, 64, 2), attribute(unix.IFA_ADDRESS, ip("2001:db8::1").AsSlice())))
	f.Add(message(unix.RTM_NEWROUTE, routeBody(unix.RTPROT_KERNEL, 0), attribute(unix.RTA_OIF, index(2))))
	f.Add(message(unix.RTM_NEWNEIGH, neighbourBody(unix.AF_INET, 2), attribute(unix.NDA_LLADDR, make([]byte, 6))))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := links{2: {"wlan0", true}}
		n := 0
		l.netlink(b, func(Reason) { n++ })
		if n > len(b)/unix.SizeofNlMsghdr {
			t.Errorf("%d notices of %d bytes", n, len(b))
		}
	})
}

// feedPair is a feed over a socket whose other end the test writes to.
func feedPair(t *testing.T) (*netlinkFeed, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := &netlinkFeed{file: os.NewFile(uintptr(fds[0]), "here"), buf: make([]byte, 64), links: links{}}
	there := os.NewFile(uintptr(fds[1]), "there")
	t.Cleanup(func() { f.file.Close(); there.Close() })
	if f.raw, err = f.file.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	return f, there
}

func TestNetlinkFeed(t *testing.T) {
	t.Run("what is not the kernel's is left out", func(t *testing.T) {
		f, there := feedPair(t)
		there.Write(message(unix.RTM_NEWRULE, nil))
		if err := f.receive(func(r Reason) { t.Errorf("hinted %v", r) }); err != nil {
			t.Error(err)
		}
	})
	t.Run("a notice too long to read asks for a look", func(t *testing.T) {
		f, there := feedPair(t)
		there.Write(make([]byte, 65))
		n := 0
		if err := f.receive(func(Reason) { n++ }); err != nil || n != 1 {
			t.Errorf("%d hints, %v", n, err)
		}
		if len(f.links) == 0 {
			t.Error("the interfaces were not read again")
		}
	})
	t.Run("closing ends a receive that waits", func(t *testing.T) {
		f, err := openNetlink()
		if err != nil {
			needs.Missing(t, "no netlink here: ", err)
		}
		ended := make(chan error, 1)
		go func() {
			for {
				if err := f.receive(func(Reason) {}); err != nil {
					ended <- err
					return
				}
			}
		}()
		f.Close()
		<-ended
	})
	t.Run("the interfaces are known from the start", func(t *testing.T) {
		f, err := openNetlink()
		if err != nil {
			needs.Missing(t, "no netlink here: ", err)
		}
		defer f.Close()
		all, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			if got := f.(*netlinkFeed).links[i.Index]; got.name != i.Name {
				t.Errorf("interface %d is %+v, want %s", i.Index, got, i.Name)
			}
		}
	})
}
