package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"ramble/internal/leaf/socket"
	"ramble/internal/proof/needs"
	"ramble/sip/locate"
)

// nobody is an address of this machine at which nobody listens.
func nobody(t *testing.T) netip.AddrPort {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	return addrPort(pc.LocalAddr())
}

// TestAServerThatRefusesIsNamedAtOnce: ICMP says that nobody listens there, and
// the request that it is about ends (RFC 3261 18.4), not after Timer F.
func TestAServerThatRefusesIsNamedAtOnce(t *testing.T) {
	if runtime.GOOS != "linux" {
		needs.Missing(t, "a system that tells unconnected sockets of ICMP")
	}
	acct := account()
	ph := open(t, acct, locate.Server{Addr: nobody(t), Host: "example.test"}, func(o *StackOptions) { o.Sockets = socket.System{} })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	start := time.Now()
	_, err := NewRegistration(acct, ph.auth).Register(ctx, ph.st, RegisterOptions{})
	if took := time.Since(start); !errors.Is(err, ErrTransport) || !errors.Is(err, syscall.ECONNREFUSED) || took > time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	// Another peer's silence is not taken for it.
	p := newPeer(t, locate.UDP)
	p.setAuto(newRegistrar("MD5").serve)
	other := open(t, acct, p.server(), func(o *StackOptions) { o.Sockets = socket.System{} })
	if _, err := NewRegistration(acct, other.auth).Register(ctx, other.st, RegisterOptions{}); err != nil {
		t.Error(err)
	}
}
