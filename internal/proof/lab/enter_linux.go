package lab

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// entered marks a process that Enter started again.
const entered = "RAMBLE_LAB_ENTERED=1"

// Enter gives a process without root what a lab needs: it starts the process
// again, with the same arguments, as the root of a user namespace of its own,
// waits for it and returns its exit code and true. Where it is not needed, or
// is not to be had, it returns false and the process goes on; New says then
// what is missing. Call it first in main or TestMain:
//
//	if code, done := lab.Enter(); done {
//		os.Exit(code)
//	}
func Enter() (code int, done bool) {
	if os.Geteuid() == 0 || os.Getenv("RAMBLE_LAB_ENTERED") != "" {
		return 0, false
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), entered)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		// One user is all that an unprivileged process may map.
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), true
	}
	return 0, err == nil // else it did not start: no user namespaces here
}
