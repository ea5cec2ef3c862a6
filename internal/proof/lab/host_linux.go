package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"ramble/internal/app/ground"
	"ramble/internal/leaf/safego"
)

// Host is one network namespace with its own resolv.conf.
type Host struct {
	*ground.Host
	// IPv4 and IPv6 are the host's fixed addresses. The phone has none: its
	// addresses move.
	IPv4, IPv6 netip.Addr

	resolve string // its resolv.conf
}

func newHost(name, dir string, guard *safego.Guard) (*Host, error) {
	h := &Host{resolve: filepath.Join(dir, name+".resolv.conf")}
	// Without a line it would be taken for a missing file and 127.0.0.1 be
	// asked; nobody answers there either, and at once.
	if err := os.WriteFile(h.resolve, []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), 0o644); err != nil {
		return nil, err
	}
	var err error
	if h.Host, err = ground.NewHost(name, guard); h.Host == nil {
		return nil, err
	}
	return h, err
}

// Dial connects from the host. Network is tcp or udp.
func (h *Host) Dial(ctx context.Context, network string, remote netip.AddrPort) (net.Conn, error) {
	var conn net.Conn
	err := h.Do(func() (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, remote.String())
		return err
	})
	return conn, err
}

// listensUDP reports whether somebody on the host has that UDP port.
func listensUDP(h *Host, port uint16) bool {
	found := false
	_ = h.Do(func() error {
		for _, name := range []string{"udp", "udp6"} {
			text, _ := os.ReadFile("/proc/thread-self/net/" + name)
			found = found || strings.Contains(string(text), fmt.Sprintf(":%04X ", port))
		}
		return nil
	})
	return found
}

// networks are addresses with the length of their networks: IPv4 lies in a
// /24, IPv6 in a /64.
func networks(addrs ...netip.Addr) (list []netip.Prefix) {
	for _, a := range addrs {
		bits := 24
		if a.Is6() {
			bits = 64
		}
		list = append(list, netip.PrefixFrom(a, bits))
	}
	return list
}
