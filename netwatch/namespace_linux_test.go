package netwatch

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"ramble/internal/proof/needs"
)

// patience bounds what a test waits for; it is never measured.
const patience = 10 * time.Second

// namespace is a network namespace of the test's own. Its methods belong to
// the test's goroutine, which alone of the test is in it.
type namespace struct {
	t  *testing.T
	ns netns.NsHandle
}

// inNamespace moves the calling test into a new network namespace, where its
// interfaces, addresses and routes are nobody else's. Without root the test
// runs once more in a process that is root in a user namespace; nil says that
// this is all there is to do. Where there are no namespaces the test is
// skipped, but for root in CI, where that is a fault.
func inNamespace(t *testing.T) *namespace {
	t.Helper()
	if os.Getuid() != 0 {
		again(t)
		return nil
	}
	// The namespace belongs to this thread. It is not unlocked, so the thread
	// ends with the test's goroutine.
	runtime.LockOSThread()
	ns, err := netns.New()
	if err != nil {
		needs.Missing(t, "no network namespaces here: ", err)
	}
	t.Cleanup(func() { ns.Close() })
	return &namespace{t, ns}
}

// again runs the test in a child that is root in a user namespace.
func again(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, self, "-test.run=^"+t.Name()+"$", "-test.v")
	me := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: me(os.Getuid()), GidMappings: me(os.Getgid()),
	}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Skip("needs root, or user namespaces: ", err)
	}
	err = c.Wait()
	t.Logf("in a user namespace:\n%s", out.Bytes())
	switch {
	case err != nil:
		t.Fatal(err)
	case bytes.Contains(out.Bytes(), []byte("--- SKIP")):
		t.Skip("skipped there")
	}
}

func (n *namespace) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// pair makes a cable with both ends here: name, and name with a p, both up.
func (n *namespace) pair(name string) netlink.Link {
	n.t.Helper()
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "p"}); err != nil {
		needs.Missing(n.t, "no veth interfaces here: ", err)
	}
	for _, x := range []string{name, name + "p"} {
		n.must(netlink.LinkSetUp(n.link(x)))
	}
	return n.link(name)
}

func (n *namespace) link(name string) netlink.Link {
	n.t.Helper()
	l, err := netlink.LinkByName(name)
	n.must(err)
	return l
}

func (n *namespace) addr(address string) *netlink.Addr {
	n.t.Helper()
	a, err := netlink.ParseAddr(address)
	n.must(err)
	return a
}

func (n *namespace) route(l netlink.Link, gateway string, metric int) *netlink.Route {
	return &netlink.Route{LinkIndex: l.Attrs().Index, Gw: ip(gateway).AsSlice(), Priority: metric}
}

// plug gives an interface an address and a default route.
func (n *namespace) plug(l netlink.Link, address, gateway string, metric int) {
	n.t.Helper()
	n.must(netlink.AddrAdd(l, n.addr(address)))
	n.must(netlink.RouteAdd(n.route(l, gateway, metric)))
}

// sysctl sets a value under /proc/sys/net, which is the thread's own.
func (n *namespace) sysctl(name, value string) {
	n.t.Helper()
	if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
		needs.Missing(n.t, err)
	}
}

// inside runs another goroutine's part in the namespace, on a thread that ends
// with it.
func (n *namespace) inside(f func() error) error {
	runtime.LockOSThread()
	if err := netns.Set(n.ns); err != nil {
		return err
	}
	return f()
}

// insideHinter runs a hinter inside the namespace and tells its first hint,
// which comes when the notifications begin.
type insideHinter struct {
	n     *namespace
	h     Hinter
	ready chan struct{}
}

func (i insideHinter) Run(ctx context.Context, hint func(Reason)) error {
	var once sync.Once
	return i.n.inside(func() error {
		return i.h.Run(ctx, func(r Reason) {
			hint(r)
			once.Do(func() { close(i.ready) })
		})
	})
}

// telling is a change and when it was told.
type telling struct {
	Change
	at time.Time
}

// listener is a watcher in a namespace that only notifications make look.
type listener struct {
	*namespace
	w    *Watcher
	told chan telling
}

// listen starts a watcher and waits until notifications reach it.
func (n *namespace) listen(o Options) *listener {
	n.t.Helper()
	l := &listener{namespace: n, told: make(chan telling, 4096)} // more than a test causes
	ready := make(chan struct{})
	o.Poll, o.Hints = time.Hour, []Hinter{insideHinter{n, Notifications()[0], ready}}
	// What is damped, and how long, is not the question here.
	o.Settle, o.SettleMax = time.Nanosecond, time.Nanosecond
	o.OnChange = func(c Change) { l.told <- telling{c, time.Now()} }
	l.w = New(o)
	l.w.SetPeers([]netip.Addr{pbx})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.inside(func() error { return l.w.Run(ctx) }) }()
	n.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("Run: %v", err)
		}
	})
	l.until(started)
	select {
	case <-ready:
	case <-time.After(patience):
		n.t.Fatal("the notifications do not begin")
	}
	return l
}

func started(c telling) bool { return c.Has(Started) }

// until returns the first change that is wanted.
func (l *listener) until(want func(telling) bool) telling {
	l.t.Helper()
	end := time.After(patience)
	for {
		select {
		case c := <-l.told:
			if want(c) {
				return c
			}
		case <-end:
			l.t.Fatal("the change is not told")
		}
	}
}
