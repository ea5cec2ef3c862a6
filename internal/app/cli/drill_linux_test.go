package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ramble/internal/proof/needs"
)

// nobody is an ordinary user on every system.
const nobody = 65534

// ordinary makes a command of the program that runs as an ordinary user: as
// nobody, where the test is root.
func ordinary(ctx context.Context, binary string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "HOME=/nonexistent", "XDG_STATE_HOME=", "XDG_CONFIG_HOME=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

// publicProgram is the program where an ordinary user may start it.
func publicProgram(t *testing.T) string {
	t.Helper()
	binary := buildProgram(t)
	for dir := filepath.Dir(binary); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return binary
}

// whyNot says what on this machine forbids private networks to ordinary users,
// found without the program; empty where nothing does.
func whyNot(ctx context.Context) string {
	for file, forbids := range map[string]string{
		"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
		"/proc/sys/kernel/unprivileged_userns_clone":             "0",
		"/proc/sys/user/max_user_namespaces":                     "0",
		"/proc/sys/user/max_net_namespaces":                      "0",
	} {
		if text, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(text)) == forbids {
			return file + " is " + forbids
		}
	}
	out, err := ordinary(ctx, "unshare", "--map-root-user", "--net", "true").CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrNotFound) {
		return "unshare --map-root-user --net: " + err.Error() + " " + string(out)
	}
	return ""
}

// TestRealDrill is `ramble drill` as an ordinary user on real ground, and where
// it has to do without.
func TestRealDrill(t *testing.T) {
	needs.TheWholeRun(t, "drills in a private network, in real time")
	binary := publicProgram(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if why := whyNot(ctx); why != "" {
		t.Skip("this machine forbids private networks to ordinary users, as was tried without the program: " + why)
	}
	t.Run("calls live", func(t *testing.T) {
		for _, over := range []string{"udp", "tls"} {
			out, err := ordinary(ctx, binary, "drill", "--transport", over, "idle", "roam", "renumber", "elsewhere", "held", "ring-in", "lost").CombinedOutput()
			if strings.HasPrefix(string(out), "simulated") {
				t.Fatalf("nothing forbids it, and yet it is simulated:\n%s", out)
			}
			if err != nil || !strings.Contains(string(out), "in a private network namespace") || !strings.Contains(string(out), "7 passed, 0 failed") {
				t.Errorf("over %s: %v\n%s", over, err, out)
			}
		}
	})
	t.Run("calls live with a port that is kept", func(t *testing.T) {
		for _, over := range []string{"udp", "tcp"} {
			out, err := ordinary(ctx, binary, "drill", "--sip-port", "5060", "--transport", over, "roam", "renumber", "same", "overlap").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "in a private network namespace") || !strings.Contains(string(out), "4 passed, 0 failed") {
				t.Errorf("over %s: %v\n%s", over, err, out)
			}
		}
	})
	t.Run("a sleep is one", func(t *testing.T) {
		out, err := ordinary(ctx, binary, "drill", "sleep", "--json").CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"network":"namespace"`) || !strings.Contains(string(out), `"pass":true`) {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("a failure is exit code 1", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "never.txt")
		if err := errors.Join(os.WriteFile(file, []byte("roam usb0\nexpect t_reg < 1ns\n"), 0o644), os.Chmod(filepath.Dir(file), 0o755), os.Chmod(filepath.Dir(filepath.Dir(file)), 0o755)); err != nil {
			t.Fatal(err)
		}
		cmd := ordinary(ctx, binary, "drill", file)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != exitFailure || !strings.Contains(string(out), "line 2, expect t_reg < 1ns: t_reg is") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	for name, sig := range map[string]syscall.Signal{"Ctrl-C": syscall.SIGINT, "SIGTERM to the outer process": syscall.SIGTERM, "even SIGKILL": syscall.SIGKILL} {
		t.Run(name+" ends both processes", func(t *testing.T) { ended(ctx, t, binary, sig) })
	}
}

// ended sends a signal to a drill in the middle of a scenario. Nothing of it is
// left a little later.
func ended(ctx context.Context, t *testing.T, binary string, sig syscall.Signal) {
	cmd := ordinary(ctx, binary, "drill", "idle", "lost", "stall")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errout bytes.Buffer
	cmd.Stderr = &errout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen []byte
	for buf := make([]byte, 4096); !bytes.Contains(seen, []byte("✓ idle")); {
		n, err := out.Read(buf)
		if seen = append(seen, buf[:n]...); err != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // before errout is read
			t.Fatalf("%v\n%s%s", err, seen, errout.String())
		}
	}
	told, to := time.Now(), cmd.Process.Pid
	if sig == syscall.SIGINT {
		to = -to // a terminal tells the whole group
	}
	if err := syscall.Kill(to, sig); err != nil {
		t.Fatal(err)
	}
	// The inner process holds the pipe too: its end is the end of both.
	for buf := make([]byte, 4096); err == nil; {
		_, err = out.Read(buf)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); sig != syscall.SIGKILL && code != exitSignal+int(sig) {
		t.Errorf("exit code %d\n%s", code, errout.String())
	}
	if took := time.Since(told); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, left := range living(cmd.Process.Pid) {
		t.Errorf("this is left: %s", left)
	}
}

// living are the processes of a group that have not ended.
func living(group int) (list []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text), ") ") // state, parent, group
		if f := strings.Fields(rest); len(f) > 2 && f[2] == strconv.Itoa(group) && f[0] != "Z" && f[0] != "X" {
			list = append(list, string(text))
		}
	}
	return list
}

// TestNoPrivateNetwork: whatever step is forbidden, the drill and the demo go
// on in memory, say so, and leave the machine's network alone.
func TestNoPrivateNetwork(t *testing.T) {
	needs.TheWholeRun(t, "processes that are forbidden their private network")
	binary := publicProgram(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tests := []struct {
		name, says string
		change     func(*exec.Cmd)
	}{
		{"a mark that is not true, on the machine's own network", "this process is on the machine's own network", func(c *exec.Cmd) {
			c.Env = append(c.Env, "RAMBLE_PRIVATE_NETWORK=net:[1]")
		}},
	}
	if whyNot(ctx) == "" {
		tests = append(tests, []struct {
			name, says string
			change     func(*exec.Cmd)
		}{
			{"no more user namespaces", "the system gives no user namespace", func(c *exec.Cmd) {
				c.Args = append([]string{"sh", "-c", `echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"`, "sh", binary}, c.Args[1:]...)
				c.Path = "/bin/sh"
				asRootOf(c, unix.CLONE_NEWUSER, 0)
			}},
			// As where AppArmor takes the rights of unprivileged namespaces away.
			{"a namespace in which nothing is permitted", "operation not permitted", func(c *exec.Cmd) {
				c.Env = append(c.Env, "RAMBLE_PRIVATE_NETWORK=net:[1]")
				asRootOf(c, unix.CLONE_NEWUSER|unix.CLONE_NEWNET, 1000)
			}},
		}...)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := ordinary(ctx, binary, "drill", "idle")
			tt.change(cmd)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "simulated, in a network in memory: ") || !strings.Contains(string(out), tt.says) || !strings.Contains(string(out), "1 passed") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// asRootOf starts a command in new namespaces, in which it is user id.
func asRootOf(c *exec.Cmd, flags uintptr, id int) {
	user := os.Geteuid()
	if c.SysProcAttr.Credential != nil {
		user = nobody
		// Root maps nobody; the process becomes it inside, by its number there.
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(id), Gid: uint32(id), NoSetGroups: true}
	}
	c.SysProcAttr.Cloneflags = flags
	c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: id, HostID: user, Size: 1}}
	c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: id, HostID: user, Size: 1}}
}
