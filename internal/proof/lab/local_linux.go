package lab

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ramble/internal/app/ground"
)

// What containers and VPNs make on a machine: networks that it is in besides
// its uplinks.

// Bridge gives a host a bridge with that address, as for containers.
func (l *Lab) Bridge(host, name string, at netip.Prefix) error {
	h := l.Host(host)
	if err := h.Links.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}); err != nil {
		return &Unable{Reason: "the kernel has no bridges: " + err.Error()}
	}
	return h.Raise(name, at)
}

// Contain plugs another host into a bridge as a container is: its interface
// eth1 gets the address.
func (l *Lab) Contain(host, bridge, container string, at netip.Prefix) error {
	outer, inner := l.Host(host), l.Host(container)
	if err := ground.Pair(outer.Host, "veth0", inner.Host, "eth1"); err != nil {
		return err
	}
	port, err := outer.Links.LinkByName("veth0")
	if err != nil {
		return err
	}
	over, err := outer.Links.LinkByName(bridge)
	if err != nil {
		return err
	}
	if err := outer.Links.LinkSetMaster(port, over); err != nil {
		return err
	}
	if err := outer.Raise("veth0"); err != nil {
		return err
	}
	return inner.Raise("eth1", at)
}

// Tunnel lays a VPN between two hosts: an interface tun0 at each, without link
// address, whose address is alone in its network. The /24 around it is
// reached by way of the other end.
func (l *Lab) Tunnel(a string, aAt netip.Addr, b string, bAt netip.Addr) error {
	near, err := l.Host(a).tunnel("tun0")
	if err != nil {
		return err
	}
	far, err := l.Host(b).tunnel("tun0")
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.closers = append(l.closers, func() { _, _ = near.Close(), far.Close() })
	l.mu.Unlock()
	// Both end when the lab closes the tunnel.
	l.guard.Go("tunnel there", func() { pump(far, near) })
	l.guard.Go("tunnel back", func() { pump(near, far) })
	if err := l.Renumber(a, aAt, bAt); err != nil {
		return err
	}
	return l.Renumber(b, bAt, aAt)
}

// pump passes packets on until an end is closed. An end that is down takes none.
func pump(to, from *os.File) {
	packet := make([]byte, 1<<16)
	for {
		n, err := from.Read(packet)
		if err != nil {
			return
		}
		_, _ = to.Write(packet[:n])
	}
}

// Renumber has a host's tunnel up with that address, and no other, towards the
// far end.
func (l *Lab) Renumber(host string, at, far netip.Addr) error {
	h := l.Host(host)
	link, err := h.Links.LinkByName("tun0")
	if err != nil {
		return err
	}
	old, err := h.Links.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	for _, a := range old {
		if err := h.Links.AddrDel(link, &a); err != nil {
			return err
		}
	}
	if err := h.Raise("tun0", netip.PrefixFrom(at, at.BitLen())); err != nil {
		return err
	}
	to := ground.Address(netip.PrefixFrom(far, 24).Masked()).IPNet
	return h.Links.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Scope: netlink.SCOPE_LINK, Dst: to})
}

func (h *Host) tunnel(name string) (*os.File, error) {
	var file *os.File
	err := h.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return &Unable{Reason: "there are no tunnels: " + err.Error()}
		}
		want, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		want.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, want); err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("tunnel at %s: %w", h.Name, err)
		}
		file = os.NewFile(uintptr(fd), name)
		return nil
	})
	return file, err
}
