package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tunNode is where tayga finds the kernel's tunnels, major 10 and minor 200.
const tunNode = "/dev/net/tun"

// NAT64Prefix is one of the network's own: the well-known 64:ff9b::/96 must not
// lead to private addresses (RFC 6052 3.1), and those of the lab are.
func NAT64Prefix() netip.Prefix { return netip.MustParsePrefix("fd64::/96") }

// Below64 is an IPv4 address as the phone writes it behind a NAT64.
func Below64(a netip.Addr) netip.Addr {
	b, four := NAT64Prefix().Addr().As16(), a.As4()
	copy(b[12:], four[:])
	return netip.AddrFrom16(b)
}

// nat64Pool are the IPv4 addresses that tayga shows phones under, one each.
func nat64Pool() netip.Prefix { return netip.MustParsePrefix("203.0.113.192/26") }

// addNAT64 runs tayga on core, once for all uplinks that ask for it.
func (l *Lab) addNAT64(ctx context.Context) error {
	if l.nat64 {
		return nil
	}
	if err := haveTun(); err != nil {
		return err
	}
	if _, err := os.Stat("/usr/sbin/tayga"); err != nil {
		return missing("tayga")
	}
	l.nat64 = true
	core := l.Host(Core)
	dir := filepath.Join(l.Dir, "tayga")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	config := filepath.Join(dir, "tayga.conf")
	text := fmt.Sprintf("tun-device nat64\nipv4-addr %s\nipv6-addr %s\nprefix %s\ndynamic-pool %s\ndata-dir %s\n",
		nat64Pool().Addr().Next(), ipv6(64, 1), NAT64Prefix(), nat64Pool(), dir)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	if err := l.run(ctx, Core, "/usr/sbin/tayga", "--mktun", "-c", config); err != nil {
		return err
	}
	if err := core.Raise("nat64"); err != nil {
		return err
	}
	tun, err := core.Links.LinkByName("nat64")
	if err != nil {
		return err
	}
	for _, to := range []netip.Prefix{NAT64Prefix(), nat64Pool()} {
		route := &netlink.Route{LinkIndex: tun.Attrs().Index, Dst: &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())}}
		if err := core.Links.RouteAdd(route); err != nil {
			return fmt.Errorf("route to %s: %w", to, err)
		}
	}
	// Without stdbuf it keeps what it says to itself.
	p, err := l.Exec(Core, Command{Name: "tayga", Path: "stdbuf", Args: []string{"-oL", "/usr/sbin/tayga", "-d", "-c", config}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := p.Output.AwaitText(ctx, "NAT64 prefix"); err != nil {
		return fmt.Errorf("%w\n%s", err, p.Output.Tail(20))
	}
	return nil
}

// haveTun sees to it that there is a tunnel device. Where the kernel has
// tunnels and only the node is missing, as in small containers, it makes the
// node. A kernel without them cannot have a NAT64, in continuous integration
// neither: that is NoTunnels, with which tests skip everywhere.
func haveTun() error {
	if _, err := os.Stat(tunNode); err == nil {
		return nil
	}
	devices, err := os.ReadFile("/proc/misc")
	if err != nil || !strings.Contains(string(devices), " tun\n") {
		return &NoTunnels{}
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(tunNode), 0o755), unix.Mknod(tunNode, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200)))); err != nil {
		return &Unable{Reason: "making " + tunNode + ": " + err.Error()}
	}
	return nil
}

// NoTunnels is why there can be no NAT64 here, whatever is installed.
type NoTunnels struct{}

func (*NoTunnels) Error() string {
	return "no NAT64 here: the kernel has no tunnels (CONFIG_TUN), and no package brings them"
}
