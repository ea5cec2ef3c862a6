package lab

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

var shell = flag.Bool("lab.shell", false, "open a shell on the lab's phone, with a proxy and somebody to call")

// TestShell is for a person who wants to try things in the lab; `make lab-shell`
// runs it.
func TestShell(t *testing.T) {
	if !*shell {
		t.Skip("for a person at a terminal: make lab-shell")
	}
	l := open(t, Options{})
	ctx := within(t, 20*time.Second)
	k, err := l.Kamailio(ctx, "alice", "bob")
	possible(t, err)
	_, says := tonesFor(t, l)
	_, err = l.Baresip(ctx, PeerOptions{User: "bob", Says: says, AutoAnswer: true})
	possible(t, err)
	proxy := addrPort(l.Host(PBX).IPv4, SIPPort)
	l.twoServers(t, ctx, "_sip._udp", proxy, proxy)
	fmt.Printf(`
A shell on the lab's phone. Kamailio answers for %[1]s; exit takes all of it away.
    your account   alice@%[1]s, password %[2]s (TLS: tls_ca = %[3]q)
    to call        bob@%[1]s, who answers with a tone
`, Domain, Password("alice"), k.CA)
	path := os.Getenv("SHELL")
	if path == "" {
		path = "/bin/sh"
	}
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread stays in the namespaces, and ends
		if err := l.Host(Phone).furnish(); err != nil {
			ended <- err
			return
		}
		cmd := exec.Command(path)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGHUP}
		ended <- cmd.Run()
	}()
	if err := <-ended; err != nil {
		t.Logf("the shell ended with %v", err)
	}
}
