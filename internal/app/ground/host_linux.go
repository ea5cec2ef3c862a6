package ground

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"ramble/internal/leaf/safego"
)

// Host is one network namespace. Its exported fields are for who builds on it
// and are not to be changed.
type Host struct {
	Name  string // in errors
	NS    netns.NsHandle
	Links *netlink.Handle // of that namespace
	guard *safego.Guard
}

// NewHost makes a namespace whose loopback is up; Close gives it back. The
// error is an *Unable where there can be none.
func NewHost(name string, guard *safego.Guard) (*Host, error) {
	h := &Host{Name: name, guard: guard, NS: netns.None()}
	err := onThread(guard, func() (err error) {
		h.NS, err = netns.New()
		return err
	})
	if errors.Is(err, unix.EPERM) {
		return nil, &Unable{"network namespaces need root, or a system that lets users have user namespaces: " + err.Error()}
	} else if err != nil {
		return nil, &Unable{"the kernel gives no network namespace: " + err.Error()}
	}
	return h, h.begin()
}

// begin makes a namespace usable: its loopback, and settings that it would
// inherit from the machine.
func (h *Host) begin() (err error) {
	if h.Links, err = netlink.NewHandleAt(h.NS); err != nil {
		return err
	}
	lo, err := h.Links.LinkByName("lo")
	if err != nil {
		return err
	}
	return errors.Join(h.Links.LinkSetUp(lo), h.Sysctls(map[string]string{
		// New namespaces inherit from the machine, so everything that
		// matters is said.
		"ipv4/ip_forward":                        "0",
		"ipv6/conf/all/forwarding":               "0",
		"ipv4/conf/all/rp_filter":                "0",
		"ipv4/conf/default/rp_filter":            "0",
		"ipv6/conf/all/disable_ipv6":             "0",
		"ipv6/conf/default/disable_ipv6":         "0",
		"ipv6/conf/default/accept_ra":            "0",
		"ipv6/conf/default/accept_dad":           "0", // addresses are ours: usable at once
		"ipv6/conf/default/dad_transmits":        "0",
		"ipv6/conf/default/router_solicitations": "0",
		"ipv4/ping_group_range":                  "0 0",
	}))
}

// Close lets go of the namespace; it ends with its last socket.
func (h *Host) Close() error {
	if h.Links != nil {
		h.Links.Close()
	}
	if h.NS.IsOpen() {
		return h.NS.Close()
	}
	return nil
}

// Do runs fn with the calling thread inside the namespace: sockets that fn
// opens belong to the host for good. The thread ends with fn, so nothing leaks
// into other goroutines. fn must not call runtime.Goexit (t.Fatal does).
func (h *Host) Do(fn func() error) error {
	return onThread(h.guard, func() error {
		if err := netns.Set(h.NS); err != nil {
			return fmt.Errorf("entering %s: %w", h.Name, err)
		}
		return fn()
	})
}

// onThread runs fn on a thread of its own that ends with it: a goroutine that
// returns locked takes its thread along.
func onThread(guard *safego.Guard, fn func() error) error {
	done := make(chan error, 1)
	guard.Go("namespace thread", func() {
		runtime.LockOSThread()
		done <- fn()
	})
	return <-done
}

// Sysctls writes settings below /proc/sys/net, which shows the namespace of
// the thread that looks. What this kernel does not have is left alone.
func (h *Host) Sysctls(values map[string]string) error {
	return h.Do(func() error {
		var errs []error
		for key, value := range values {
			err := os.WriteFile("/proc/sys/net/"+key, []byte(value), 0o644)
			if err != nil && !errors.Is(err, os.ErrNotExist) && !strings.HasSuffix(key, "ping_group_range") {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
}

// ListenPacket opens a UDP socket on the host.
func (h *Host) ListenPacket(local netip.AddrPort) (*net.UDPConn, error) {
	var conn *net.UDPConn
	err := h.Do(func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
		return err
	})
	return conn, err
}

// Listen opens a TCP listener on the host.
func (h *Host) Listen(local netip.AddrPort) (*net.TCPListener, error) {
	var l *net.TCPListener
	err := h.Do(func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(local))
		return err
	})
	return l, err
}

// Raise sets an interface up, with addresses.
func (h *Host) Raise(iface string, addrs ...netip.Prefix) error {
	link, err := h.Links.LinkByName(iface)
	if err != nil {
		return err
	}
	if err := h.Links.LinkSetUp(link); err != nil {
		return err
	}
	for _, a := range addrs {
		if err := h.Links.AddrAdd(link, Address(a)); err != nil {
			return err
		}
	}
	return nil
}

// Address is a as netlink wants it: without duplicate address detection, which
// would keep it unusable for a second.
func Address(a netip.Prefix) *netlink.Addr {
	n := &netlink.Addr{IPNet: &net.IPNet{IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen())}}
	if a.Addr().Is6() {
		n.Flags = unix.IFA_F_NODAD
	}
	return n
}

// everything is the destination of a default route.
func everything(like netip.Addr) *net.IPNet {
	bits := like.BitLen()
	return &net.IPNet{IP: make(net.IP, bits/8), Mask: net.CIDRMask(0, bits)}
}
