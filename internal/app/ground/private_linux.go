package ground

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ramble/internal/leaf/safego"
)

// inPrivate marks the process inside; its value is the network namespace of
// the process outside, so that a mark that was left in somebody's environment
// is not believed.
const inPrivate = "RAMBLE_PRIVATE_NETWORK"

// The inner process asks the outer one by these descriptors to be put to sleep.
const (
	napAsk  = 3
	napDone = 4
)

// Private starts this program again, with the same arguments and terminal, in
// a network of its own, as the root of a user namespace: no right is needed
// where the system allows user namespaces. In the outer process it waits for
// the inner one and returns its exit code and true. It returns false in the
// inner process, with a nil error, and where there is no such thing to be had,
// with the reason; then nothing was started.
func Private(guard *safego.Guard) (code int, done bool, err error) {
	outside := os.Getenv(inPrivate)
	now, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return 0, false, &Unable{err.Error()}
	}
	if outside != "" && outside != now {
		return 0, false, nil
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inPrivate+"="+now)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		// One user is all that an unprivileged process may map.
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	ask, asked, err := os.Pipe()
	if err != nil {
		return 0, false, err
	}
	told, answer, err := os.Pipe()
	if err != nil {
		return 0, false, err
	}
	cmd.ExtraFiles = []*os.File{asked, told}
	// The kernel takes the end of the thread that started it for the end of
	// the parent.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Start()
	_, _ = asked.Close(), told.Close()
	if err != nil {
		_, _ = ask.Close(), answer.Close()
		return 0, false, &Unable{"the system gives no user namespace: " + err.Error()}
	}
	guard.Go("naps", func() { naps(cmd.Process, ask, answer) })
	return outcome(relay(guard, cmd)), true, nil
}

// relay waits for the inner process and passes signals on that were meant for
// both. Those of the terminal reach both anyway.
func relay(guard *safego.Guard, cmd *exec.Cmd) error {
	signals, ended := make(chan os.Signal, 2), make(chan error, 1) // a second one may come before the first is passed on
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	guard.Go("inner process", func() { ended <- cmd.Wait() })
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // it may be ending
		case err := <-ended:
			return err
		}
	}
}

// outcome is the exit code, as a shell has it.
func outcome(err error) int {
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return 0
	case !ok:
		return 1
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// naps stops the inner process for as long as it asks.
func naps(p *os.Process, ask io.ReadCloser, answer io.WriteCloser) {
	defer func() { _, _ = ask.Close(), answer.Close() }()
	lines := bufio.NewScanner(ask)
	for lines.Scan() {
		d, err := time.ParseDuration(lines.Text())
		if err == nil && p.Signal(syscall.SIGSTOP) == nil {
			time.Sleep(d)
			_ = p.Signal(syscall.SIGCONT)
		}
		if _, err := io.WriteString(answer, "awake\n"); err != nil {
			return
		}
	}
}

// nap stops this process for d, all of it, as a machine sleeps. It works in
// the inner process of Private only.
func nap(d time.Duration) error {
	if os.Getenv(inPrivate) == "" {
		return errors.New("nobody is there to wake this process up")
	}
	if _, err := unix.Write(napAsk, []byte(d.String()+"\n")); err != nil {
		return fmt.Errorf("asking for sleep: %w", err)
	}
	buf := make([]byte, len("awake\n"))
	n, err := unix.Read(napDone, buf)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Read(napDone, buf)
	}
	if err != nil || !strings.HasPrefix(string(buf[:max(n, 0)]), "awake") {
		return fmt.Errorf("waking up: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	return nil
}
