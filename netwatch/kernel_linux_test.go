package netwatch

import (
	"encoding/binary"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestParseAddr(t *testing.T) {
	attr := func(kind uint16, value []byte) syscall.NetlinkRouteAttr {
		return syscall.NetlinkRouteAttr{Attr: syscall.RtAttr{Type: kind}, Value: value}
	}
	flags := func(f uint32) syscall.NetlinkRouteAttr {
		return attr(unix.IFA_FLAGS, binary.NativeEndian.AppendUint32(nil, f))
	}
	four, six := ip("192.168.1.23").AsSlice(), ip("2001:db8::1").AsSlice()
	tests := []struct {
		name  string
		bits  byte
		short byte // the flags of old kernels
		attrs []syscall.NetlinkRouteAttr
		want  Addr
		ok    bool
	}{
		{"IPv4", 24, 0, []syscall.NetlinkRouteAttr{attr(unix.IFA_ADDRESS, four)}, addr("192.168.1.23/24"), true},
		{"a secondary IPv4 address is not temporary", 24, unix.IFA_F_SECONDARY, []syscall.NetlinkRouteAttr{attr(unix.IFA_ADDRESS, four)}, addr("192.168.1.23/24"), true},
		{"the own end of a point-to-point link", 32, 0, []syscall.NetlinkRouteAttr{attr(unix.IFA_LOCAL, four), attr(unix.IFA_ADDRESS, ip("10.0.0.1").AsSlice())}, addr("192.168.1.23/32"), true},
		{"temporary and deprecated", 64, 0, []syscall.NetlinkRouteAttr{attr(unix.IFA_ADDRESS, six), flags(unix.IFA_F_TEMPORARY | unix.IFA_F_DEPRECATED)}, addr("2001:db8::1/64", "temporary", "deprecated"), true},
		{"flags of an old kernel", 64, unix.IFA_F_TENTATIVE, []syscall.NetlinkRouteAttr{attr(unix.IFA_ADDRESS, six)}, addr("2001:db8::1/64", "tentative"), true},
		{"optimistic is usable", 64, 0, []syscall.NetlinkRouteAttr{attr(unix.IFA_ADDRESS, six), flags(unix.IFA_F_TENTATIVE | unix.IFA_F_OPTIMISTIC)}, addr("2001:db8::1/64"), true},
		{"a duplicate is not", 64, 0, []syscall.NetlinkRouteAttr{attr(unix.IFA_ADDRESS, six), flags(unix.IFA_F_PERMANENT | unix.IFA_F_DADFAILED)}, addr("2001:db8::1/64", "tentative"), true},
		{"no address", 64, 0, nil, Addr{}, false},
		{"an address cut short", 64, 0, []syscall.NetlinkRouteAttr{attr(unix.IFA_ADDRESS, six[:7]), attr(unix.IFA_FLAGS, nil)}, Addr{}, false},
		{"a length that cannot be", 200, 0, []syscall.NetlinkRouteAttr{attr(unix.IFA_ADDRESS, six)}, Addr{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			head := binary.NativeEndian.AppendUint32([]byte{0, tt.bits, tt.short, 0}, 7)
			index, got, ok := parseAddr(head, tt.attrs)
			if index != 7 || ok != tt.ok || ok && got != tt.want {
				t.Errorf("got %d, %+v, %v; want %+v", index, got, ok, tt.want)
			}
		})
	}
}

// TestKernel asks a real kernel in a network namespace of its own; nothing is
// sent.
func TestKernel(t *testing.T) {
	n := inNamespace(t)
	if n == nil {
		return
	}
	must, pair, plug := n.must, n.pair, n.plug
	path := func(s System) Path {
		t.Helper()
		p, err := s.PathTo(pbx)
		must(err)
		return p
	}

	if _, err := (System{}).PathTo(pbx); !errors.Is(err, ErrNoPath) {
		t.Fatalf("without a route: %v", err)
	}
	wlan, usb := pair("wlan0"), pair("usb0")
	plug(wlan, "192.168.1.23/24", "192.168.1.1", 600)
	want := Path{Source: ip("192.168.1.23"), Interface: "wlan0", Index: wlan.Attrs().Index, NextHop: ip("192.168.1.1")}
	if p := path(System{}); p != want {
		t.Fatalf("got %+v, want %+v", p, want)
	}

	must(netlink.NeighSet(&netlink.Neigh{
		LinkIndex: wlan.Attrs().Index, IP: want.NextHop.AsSlice(), State: netlink.NUD_PERMANENT,
		HardwareAddr: []byte{2, 0, 0, 0, 0, 10},
	}))
	want.NextHopLink = "02:00:00:00:00:0a"
	if p := path(System{}); p != want {
		t.Fatalf("got %+v, want %+v", p, want)
	}

	plug(usb, "172.20.10.4/28", "172.20.10.1", 100)
	if p := path(System{}); p.String() != "usb0 172.20.10.4" {
		t.Fatalf("a better metric: got %v", p)
	}
	if p := path(System{Interfaces: []string{"eth7", "wlan0"}}); p != want {
		t.Fatalf("restricted to wlan0: got %+v, want %+v", p, want)
	}

	// The kernel tells the loss of a carrier in its own time.
	updates, stop := make(chan netlink.LinkUpdate, 64), make(chan struct{})
	defer close(stop)
	must(netlink.LinkSubscribe(updates, stop))
	peerEnd, err := netlink.LinkByName("usb0p")
	must(err)
	must(netlink.LinkSetDown(peerEnd))
	patience := time.After(10 * time.Second)
	for gone := false; !gone; {
		select {
		case u := <-updates:
			gone = u.Attrs().Name == "usb0" && u.IfInfomsg.Flags&unix.IFF_RUNNING == 0
		case <-patience:
			t.Fatal("the kernel does not tell that the carrier is gone")
		}
	}
	all, err := System{}.Snapshot()
	must(err)
	for _, i := range all {
		if i.Name == "usb0" && i.Up {
			t.Errorf("a carrier that is gone counts as up: %+v", i)
		}
		if i.Name == "wlan0" && !i.Up {
			t.Errorf("wlan0 is down: %+v", i)
		}
	}
}
