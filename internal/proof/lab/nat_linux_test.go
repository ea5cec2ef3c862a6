package lab

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"
)

// mapped asks a STUN server (RFC 8489) for the address that conn has there.
func mapped(t *testing.T, conn net.Conn) netip.AddrPort {
	t.Helper()
	request := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, "lab-transact"...)
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	b := make([]byte, 1500)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal("STUN: ", err)
	}
	for rest := b[20:n]; len(rest) >= 4; {
		kind, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if kind == 0x20 && size == 8 { // XOR-MAPPED-ADDRESS, IPv4
			v := rest[4:]
			ip := binary.BigEndian.Uint32(v[4:]) ^ 0x2112a442
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, ip))), binary.BigEndian.Uint16(v[2:])^0x2112)
		}
		rest = rest[4+(size+3)/4*4:]
	}
	t.Fatalf("no mapped address in % x", b[:n])
	return netip.AddrPort{}
}

func TestANATMapsAndRebinds(t *testing.T) {
	l := open(t, Options{WWAN: Access{NAT: true}})
	ctx := within(t, 20*time.Second)
	stun, err := l.STUN(ctx)
	possible(t, err)
	must[Move](t)(l.Take(ctx, "roam wwan0"))
	phone := must[net.Conn](t)(l.Host(Phone).Dial(ctx, "udp", stun))
	defer phone.Close()
	first := mapped(t, phone)
	if first.Addr() != l.Outer(WWAN) || first.Port() < 20000 || first.Port() > 29999 {
		t.Errorf("mapped to %s, want %s and a port of %s", first, l.Outer(WWAN), natPorts[0])
	}
	if again := mapped(t, phone); again != first {
		t.Errorf("mapped to %s and then to %s", first, again)
	}
	stranger := must[*net.UDPConn](t)(l.Host(Callee).ListenPacket(addrPort(l.Host(Callee).IPv4, 9)))
	defer stranger.Close()
	inside := netip.MustParseAddrPort(phone.LocalAddr().String())
	for _, to := range []netip.AddrPort{first, inside} {
		_, _ = stranger.WriteToUDPAddrPort([]byte("hello"), to)
	}
	_ = phone.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, err := phone.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes of a stranger came in", n)
	}
	if err := l.Rebind(ctx, WWAN); err != nil {
		t.Fatal(err)
	}
	if second := mapped(t, phone); second.Addr() != first.Addr() || second.Port() < 30000 {
		t.Errorf("rebound from %s to %s, want a port of %s", first, second, natPorts[1])
	}
	if err := l.Rebind(ctx, WLAN); err == nil {
		t.Error("an uplink without a NAT was rebound")
	}
}

func TestNAT64LeadsToIPv4(t *testing.T) {
	l := open(t, Options{WWAN: Access{Family: OnlyIPv6, NAT64: true}})
	ctx := within(t, 20*time.Second)
	pbx := l.Host(PBX)
	server := must[*net.UDPConn](t)(pbx.ListenPacket(addrPort(pbx.IPv4, 9)))
	defer server.Close()
	must[Move](t)(l.Take(ctx, "roam wwan0"))
	phone := must[net.Conn](t)(l.Host(Phone).Dial(ctx, "udp", addrPort(Below64(pbx.IPv4), 9)))
	defer phone.Close()
	for range 2 {
		if _, err := phone.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		_ = server.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, from, err := server.ReadFromUDPAddrPort(make([]byte, 100))
		if err != nil || n != 5 || !nat64Pool().Contains(from.Addr()) {
			t.Fatalf("%d bytes from %s, want 5 from %s: %v", n, from, nat64Pool(), err)
		}
		if _, err := server.WriteToUDPAddrPort([]byte("hi"), from); err != nil {
			t.Fatal(err)
		}
		_ = phone.SetReadDeadline(time.Now().Add(2 * time.Second))
		if n, err := phone.Read(make([]byte, 100)); err != nil || n != 2 {
			t.Fatalf("%d bytes back: %v", n, err)
		}
	}
}
