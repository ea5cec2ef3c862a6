package sip

import (
	"bytes"
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

// TestAKeepAliveThatIsRefused: the server of an account that does not register is
// away. That says nothing new about the path, however often it is asked; a server
// that was there before is missed.
func TestAKeepAliveThatIsRefused(t *testing.T) {
	if runtime.GOOS != "linux" {
		needs.Missing(t, "a system that tells unconnected sockets of ICMP")
	}
	acct := account()
	acct.Trunk = true
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := addrPort(pc.LocalAddr())
	pc.Close()
	beats := make(chan struct{}, 100)
	ph := open(t, acct, locate.Server{Addr: at}, beating, func(o *StackOptions) {
		o.Sockets = socket.System{}
		o.Trace = func(e TraceEntry) {
			if e.Sent && bytes.HasPrefix(e.Message, []byte("OPTIONS ")) {
				beats <- struct{}{}
			}
		}
	})
	for range 2 * maxUnheard {
		select {
		case <-beats:
		case <-time.After(patience):
			t.Fatal("no OPTIONS any more")
		}
	}
	if len(ph.events) != 0 {
		t.Fatalf("an event: %+v", <-ph.events)
	}
	p := newPeer(t, locate.UDP)
	p.setAuto(func(m *message) bool {
		m.reply(404, "Not Found", "x", "")
		p.pc.Close()
		return true
	})
	ph = open(t, acct, p.server(), beating, func(o *StackOptions) { o.Sockets = socket.System{} })
	if e := event[StackFailed](ph); !errors.Is(e.Err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", e.Err)
	}
}
