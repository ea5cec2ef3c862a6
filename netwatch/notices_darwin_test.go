package netwatch

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

func TestRouteNotices(t *testing.T) {
	const on = unix.IFF_UP | unix.IFF_RUNNING
	ifa := func(a route.Addr) []route.Addr { return append(make([]route.Addr, unix.RTAX_IFA), a, nil, nil) }
	four := ifa(&route.Inet4Addr{IP: [4]byte{192, 168, 1, 23}})
	six := ifa(&route.Inet6Addr{IP: ip("fe80::1").As16(), ZoneID: 4})
	tests := []struct {
		name string
		m    route.Message
		want Reason
	}{
		{"a carrier that goes", &route.InterfaceMessage{Type: unix.RTM_IFINFO, Index: 4, Flags: unix.IFF_UP}, Reason{Kind: InterfaceDown, Interface: "en0"}},
		{"an interface that stays as it is", &route.InterfaceMessage{Type: unix.RTM_IFINFO, Index: 4, Flags: on, Name: "en0"}, Reason{}},
		{"an address that comes", &route.InterfaceAddrMessage{Type: unix.RTM_NEWADDR, Index: 4, Addrs: six}, Reason{Kind: AddressAdded, Interface: "en0", Addr: ip("fe80::1")}},
		{"an address that goes", &route.InterfaceAddrMessage{Type: unix.RTM_DELADDR, Index: 4, Addrs: four}, Reason{Kind: AddressLost, Interface: "en0", Addr: ip("192.168.1.23")}},
		{"one without the address", &route.InterfaceAddrMessage{Type: unix.RTM_DELADDR, Index: 4}, Reason{Kind: AddressLost, Interface: "en0"}},
		{"a route", &route.RouteMessage{Type: unix.RTM_CHANGE, Flags: unix.RTF_GATEWAY}, Reason{Kind: Notified, Detail: "a route"}},
		{"a neighbour", &route.RouteMessage{Type: unix.RTM_ADD, Flags: unix.RTF_LLINFO}, Reason{}},
		{"a cached route", &route.RouteMessage{Type: unix.RTM_DELETE, Flags: unix.RTF_WASCLONED}, Reason{}},
		{"somebody's question", &route.RouteMessage{Type: unix.RTM_GET}, Reason{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := links{4: {"en0", true}}
			if got, ok := l.notice(tt.m); got != tt.want || ok != (tt.want != Reason{}) {
				t.Errorf("got %v, %v, want %v", got, ok, tt.want)
			}
		})
	}
}

// TestRouteBytes decodes what the socket says: a struct ifa_msghdr and its
// addresses (route(4)).
func TestRouteBytes(t *testing.T) {
	four := []byte{16, unix.AF_INET, 0, 0, 192, 168, 1, 23, 0, 0, 0, 0, 0, 0, 0, 0}
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofIfaMsghdr+len(four)))
	b = append(b, unix.RTM_VERSION, unix.RTM_DELADDR)
	b = binary.NativeEndian.AppendUint32(b, 1<<unix.RTAX_IFA)
	b = binary.NativeEndian.AppendUint32(b, 0) // flags
	b = binary.NativeEndian.AppendUint16(b, 4) // index
	b = append(b, make([]byte, unix.SizeofIfaMsghdr-len(b))...)
	b = append(b, four...)
	messages, err := route.ParseRIB(route.RIBTypeRoute, b)
	if err != nil || len(messages) != 1 {
		t.Fatalf("got %v, %v", messages, err)
	}
	l := links{4: {"en0", true}}
	want := Reason{Kind: AddressLost, Interface: "en0", Addr: ip("192.168.1.23")}
	if got, ok := l.notice(messages[0]); got != want || !ok {
		t.Errorf("got %v, %v", got, ok)
	}
}

func TestRouteFeed(t *testing.T) {
	f, err := openRoute()
	if err != nil {
		t.Fatal(err)
	}
	l := f.(*routeFeed).links
	if l[1].name != "lo0" {
		t.Errorf("the interfaces are %v", l)
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
}
