package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"ramble/internal/leaf/safego"
)

// Host is one network namespace with a name of its own and its own
// resolv.conf.
type Host struct {
	Name string
	// IPv4 and IPv6 are the host's fixed addresses. The phone has none: its
	// addresses move.
	IPv4, IPv6 netip.Addr

	ns      netns.NsHandle
	links   *netlink.Handle // of that namespace
	resolve string          // its resolv.conf
	guard   *safego.Guard
}

func newHost(name, dir string, guard *safego.Guard) (*Host, error) {
	h := &Host{Name: name, guard: guard, ns: netns.None(), resolve: filepath.Join(dir, name+".resolv.conf")}
	// Without a line it would be taken for a missing file and 127.0.0.1 be
	// asked; nobody answers there either, and at once.
	if err := os.WriteFile(h.resolve, []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), 0o644); err != nil {
		return nil, err
	}
	ns, err := newNamespace(guard)
	if err != nil {
		return nil, err
	}
	h.ns = ns
	return h, h.begin()
}

// newNamespace makes a network namespace; the caller closes it.
func newNamespace(guard *safego.Guard) (ns netns.NsHandle, err error) {
	err = onThread(guard, func() (err error) {
		ns, err = netns.New()
		return err
	})
	if errors.Is(err, unix.EPERM) {
		return netns.None(), &Unable{"network namespaces need root, or a system that lets users have user namespaces: " + err.Error()}
	} else if err != nil {
		return netns.None(), &Unable{"the kernel gives no network namespace: " + err.Error()}
	}
	return ns, nil
}

// begin makes a namespace usable: its loopback, and settings that it would
// inherit from the machine.
func (h *Host) begin() (err error) {
	if h.links, err = netlink.NewHandleAt(h.ns); err != nil {
		return err
	}
	lo, err := h.links.LinkByName("lo")
	if err != nil {
		return err
	}
	return errors.Join(h.links.LinkSetUp(lo), h.sysctls(map[string]string{
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

func (h *Host) close() error {
	if h.links != nil {
		h.links.Close()
	}
	if h.ns.IsOpen() {
		return h.ns.Close()
	}
	return nil
}

// Do runs fn with the calling thread inside the namespace: sockets that fn
// opens belong to the host for good. The thread ends with fn, so nothing leaks
// into other goroutines. fn must not call runtime.Goexit (t.Fatal does).
func (h *Host) Do(fn func() error) error {
	return onThread(h.guard, func() error {
		if err := netns.Set(h.ns); err != nil {
			return fmt.Errorf("entering %s: %w", h.Name, err)
		}
		return fn()
	})
}

// onThread runs fn on a thread of its own that ends with it: a goroutine that
// returns locked takes its thread along.
func onThread(guard *safego.Guard, fn func() error) error {
	done := make(chan error, 1)
	guard.Go("lab thread", func() {
		runtime.LockOSThread()
		done <- fn()
	})
	return <-done
}

// sysctls writes settings below /proc/sys/net, which shows the namespace of
// the thread that looks. What this kernel does not have is left alone.
func (h *Host) sysctls(values map[string]string) error {
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
