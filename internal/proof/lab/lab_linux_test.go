package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ramble/internal/proof/needs"
)

func TestMain(m *testing.M) {
	if code, done := Enter(); done {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		own, _ := filepath.Glob(filepath.Join(os.TempDir(), fmt.Sprintf("%s%d-*", folderPrefix, os.Getpid())))
		for _, dir := range own { // the program that was built
			_ = os.RemoveAll(dir)
		}
		os.Exit(code)
	}))
}

// open makes a lab for a test. Where there can be none the test is skipped, and
// in continuous integration it fails: there the lab is meant to run.
func open(t *testing.T, o Options) *Lab {
	t.Helper()
	if !*shell {
		needs.TheWholeRun(t, "the lab of real servers and phones")
	}
	l, err := New(o)
	possible(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("\n" + l.Logs())
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// possible ends the test where err says that it cannot run here, and fails it
// with any other error.
func possible(t *testing.T, err error) {
	t.Helper()
	if without, ok := errors.AsType[*NoTunnels](err); ok {
		t.Skip(without)
	}
	if unable, ok := errors.AsType[*Unable](err); ok {
		needs.Missing(t, unable)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// echo answers every packet on the host, until the end of the test.
func echo(t *testing.T, h *Host, ip netip.Addr) netip.AddrPort {
	t.Helper()
	conn := must[*net.UDPConn](t)(h.ListenPacket(addrPort(ip, 7)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort(buffer[:n], from)
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return addrPort(ip, 7)
}

// ask sends one packet and waits for the echo.
func ask(t *testing.T, conn net.Conn, wait time.Duration) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	if _, err := conn.Write([]byte("hello")); err != nil {
		return 0, err
	}
	if err := conn.SetReadDeadline(start.Add(wait)); err != nil {
		return 0, err
	}
	_, err := conn.Read(make([]byte, 1500))
	return time.Since(start), err
}

func TestTopology(t *testing.T) {
	l := open(t, Options{})
	ctx := within(t, 20*time.Second)
	pbx := l.Host(PBX)
	for _, ip := range []netip.Addr{pbx.IPv4, pbx.IPv6} {
		server := echo(t, pbx, ip)
		reach := func(want netip.Addr) {
			t.Helper()
			conn := must[net.Conn](t)(l.Host(Phone).Dial(ctx, "udp", server))
			defer conn.Close()
			got := netip.MustParseAddrPort(conn.LocalAddr().String()).Addr()
			if got != want {
				t.Errorf("the phone speaks from %s, want %s", got, want)
			}
			if _, err := ask(t, conn, 500*time.Millisecond); err != nil {
				t.Errorf("from %s: %v", want, err)
			}
		}
		pick := func(m Move) netip.Addr {
			if ip.Is4() {
				return m.To
			}
			return m.To6
		}
		v4, v6 := l.Address()
		reach(pick(Move{To: v4, To6: v6}))
		reach(pick(must[Move](t)(l.Take(ctx, "roam wwan0"))))
		reach(pick(must[Move](t)(l.Take(ctx, "renumber"))))
		reach(pick(must[Move](t)(l.Take(ctx, "down 200ms"))))
		reach(pick(must[Move](t)(l.Take(ctx, "roam wlan0 200ms"))))
		reach(pick(must[Move](t)(l.Take(ctx, "overlap wwan0 50ms"))))
		reach(pick(must[Move](t)(l.Take(ctx, "overlap wlan0 1ms"))))
	}
}

func TestStallShowsNothingOnThePhone(t *testing.T) {
	l := open(t, Options{})
	ctx := within(t, 10*time.Second)
	server := echo(t, l.Host(PBX), l.Host(PBX).IPv4)
	conn := must[net.Conn](t)(l.Host(Phone).Dial(ctx, "udp", server))
	defer conn.Close()
	if _, err := ask(t, conn, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := l.Stall(WLAN); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, conn, 100*time.Millisecond); err == nil {
		t.Error("a stalled uplink carries packets")
	}
	if err := l.Flow(WLAN); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, conn, time.Second); err != nil {
		t.Errorf("after the stall: %v", err)
	}
}

func TestAnAccessNetworkDropsTheOtherUplinksSource(t *testing.T) {
	l := open(t, Options{})
	ctx := within(t, 10*time.Second)
	server := echo(t, l.Host(PBX), l.Host(PBX).IPv4)
	old := must[*net.UDPConn](t)(l.Host(Phone).ListenPacket(netip.MustParseAddrPort("10.1.0.2:4000")))
	defer old.Close()
	must[Move](t)(l.Take(ctx, "roam wwan0"))
	// The socket still has its address, which the phone has no more: the
	// kernel refuses to send, or core drops it.
	_, _ = old.WriteToUDPAddrPort([]byte("hello"), server)
	_ = old.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, _, err := old.ReadFromUDPAddrPort(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes came back to a dead address", n)
	}
}

func TestProgramsSeeTheirOwnHost(t *testing.T) {
	l := open(t, Options{})
	ctx := within(t, 10*time.Second)
	p := must[*Program](t)(l.Exec(Callee, Command{Path: "sh", Args: []string{"-c", "cat /etc/resolv.conf /proc/net/fib_trie; echo to-stderr >&2; exit 3"}}))
	if err := p.Wait(ctx); err == nil || err.Error() != "exit status 3" {
		t.Errorf("exit: %v", err)
	}
	for _, want := range []string{"nameserver 127.0.0.1", "10.8.0.2", "to-stderr"} {
		if err := p.Output.AwaitText(ctx, want); err != nil {
			t.Errorf("%v in\n%s", err, p.Output.Tail(100))
		}
	}
}

func TestKillTakesTheChildrenAlong(t *testing.T) {
	l := open(t, Options{})
	ctx := within(t, 10*time.Second)
	p := must[*Program](t)(l.Exec(Callee, Command{Path: "sh", Args: []string{"-c", "sleep 1000 & sleep 1000 & echo up; wait"}, Input: true}))
	if err := p.Output.AwaitText(ctx, "up"); err != nil {
		t.Fatal(err)
	}
	p.Kill() // returns when the pipes are closed: at once if the children are gone, after WaitDelay if not
	if err := p.Wait(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) || err.Error() != "signal: killed" {
		t.Errorf("ended with %v", err)
	}
}

func TestADeadLabIsSwept(t *testing.T) {
	dir := t.TempDir()
	dead, own := dir+"/"+folderPrefix+"4194305-x", dir+"/"+folderPrefix+"1-x" // beyond the largest id; a process that lives
	for _, d := range []string{dead, own} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, Options{})
	sweep(dir, l.log)
	if _, err := os.Stat(dead); err == nil {
		t.Error("a dead lab's folder is still there")
	}
	if _, err := os.Stat(own); err != nil {
		t.Errorf("a living process' folder: %v", err)
	}
}

func addrPort(ip netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(ip, port) }

// asUser runs tests of this package again as a user without rights, with these
// additions to its environment, and returns what it prints. It skips the test
// where there is no root to begin with.
func asUser(t *testing.T, run string, env ...string) (string, error) {
	t.Helper()
	needs.TheWholeRun(t, "the lab, as a user without rights")
	if os.Geteuid() != 0 || os.Getenv("RAMBLE_LAB_ENTERED") != "" {
		t.Skip("this is about not being root, from root")
	}
	dir := must[string](t)(os.MkdirTemp("", "ramble-lab-user-"))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	binary := must[[]byte](t)(os.ReadFile("/proc/self/exe"))
	if err := os.WriteFile(dir+"/lab.test", binary, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(within(t, 30*time.Second), dir+"/lab.test", "-test.v", "-test.run", run)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// TestAUserMayHaveALab runs the topology's test again as a user without rights.
// A system that lets no user have namespaces, as none does inside a chroot, is
// skipped in continuous integration too: nothing that is installed mends it.
func TestAUserMayHaveALab(t *testing.T) {
	said, err := asUser(t, "TestTopology|TestProgramsSee|TestADelay", "CI=true")
	if err != nil {
		if strings.Contains(said, "lets users have user namespaces") {
			t.Skip("this system lets no user have user namespaces")
		}
		t.Errorf("%v\n%s", err, said)
	}
}
