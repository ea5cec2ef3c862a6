package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Command is a program to run on a host.
type Command struct {
	Name  string // in logs; empty: the program's own
	Path  string // absolute, or found in PATH
	Args  []string
	Env   []string // besides PATH, HOME and LANG
	Input bool     // keep standard input open, for Say
}

// Program is a running program. It lives in a process namespace of its own, so
// that its children end with it, and it ends with the lab's process.
type Program struct {
	Name   string
	PID    int
	Home   string // its HOME, in the lab's folder
	Output *Output

	stdin  io.WriteCloser
	exited chan struct{}
	err    error // valid after exited
}

// Exec starts a program on a host.
func (l *Lab) Exec(host string, c Command) (*Program, error) {
	h := l.Host(host)
	path, err := exec.LookPath(c.Path)
	if err != nil {
		return nil, missing(c.Path)
	}
	if c.Name == "" {
		c.Name = filepath.Base(path)
	}
	home := filepath.Join(l.Dir, host+"-"+c.Name)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	p := &Program{Name: host + "/" + c.Name, Home: home, Output: newOutput(), exited: make(chan struct{})}
	cmd := exec.Command(path, c.Args...)
	cmd.Dir = home
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/usr/bin", "HOME=" + home, "LANG=C.UTF-8"}, c.Env...)
	cmd.Stdout, cmd.Stderr = p.Output.writer(false), p.Output.writer(true)
	cmd.WaitDelay = time.Second // a grandchild may keep the pipes
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: unix.CLONE_NEWPID, Setpgid: true}
	if c.Input {
		if p.stdin, err = cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	started := make(chan error, 1)
	// The thread holds the program: Pdeathsig is about the thread that started
	// it, not about the process.
	l.guard.Go("lab program "+p.Name, func() {
		runtime.LockOSThread()
		err := h.furnish()
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		p.Output.end()
		close(p.exited)
	})
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.Name, err)
	}
	p.PID = cmd.Process.Pid
	l.mu.Lock()
	l.programs = append(l.programs, p)
	l.mu.Unlock()
	return p, nil
}

func missing(program string) error {
	return &Unable{Reason: program + " is not installed (scripts/lab-packages.sh)"}
}

// furnish puts the calling thread, for good, where the host's programs live:
// its network, and a view of the file system with its resolv.conf.
func (h *Host) furnish() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("a view of the file system: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); errors.Is(err, unix.EINVAL) {
		return &Unable{Reason: "the root folder is not a mount, as in a plain chroot; bind it to itself first"}
	} else if err != nil {
		return fmt.Errorf("a private view of the file system: %w", err)
	}
	if _, err := os.Stat("/etc/resolv.conf"); err == nil {
		if err := unix.Mount(h.resolve, "/etc/resolv.conf", "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("resolv.conf of %s: %w", h.Name, err)
		}
	}
	return netns.Set(h.NS)
}

// Say writes a line to the program's standard input.
func (p *Program) Say(line string) error {
	if p.stdin == nil {
		return errors.New(p.Name + " has no standard input")
	}
	_, err := io.WriteString(p.stdin, line+"\n")
	return err
}

// Wait waits for the end of the program; the error is nil for exit code 0.
func (p *Program) Wait(ctx context.Context) error {
	select {
	case <-p.exited:
		return p.err
	case <-ctx.Done():
		return patience(ctx, p.Name+" to end")
	}
}

// Running reports whether the program has not ended.
func (p *Program) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Stop ends the program by SIGTERM, and after two seconds by force.
func (p *Program) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if p.Running() {
		_ = syscall.Kill(p.PID, syscall.SIGTERM)
	}
	err := p.Wait(ctx)
	p.Kill()
	return err
}

// Kill ends the program and everything that it started, and waits for that.
func (p *Program) Kill() {
	if p.Running() { // it is our child and not yet waited for, so the id is its own
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
	<-p.exited
}

// forget drops a program that ended from the lab's list, so that small helpers
// which run often do not pile up there.
func (l *Lab) forget(p *Program) {
	p.Kill()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.programs = slices.DeleteFunc(l.programs, func(q *Program) bool { return q == p })
}
