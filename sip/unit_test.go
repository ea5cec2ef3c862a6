package sip

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/digest"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

func TestOpen(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	t.Run("says that the port is in use", func(t *testing.T) {
		both(t, func(t *testing.T, transport locate.Transport) {
			acct := account()
			acct.Transport = transport
			ph := open(t, acct, locate.Server{})
			_, err := Open(t.Context(), StackOptions{Account: acct, Sockets: sockets{}, Local: local, Port: ph.st.Local().Port()})
			if !errors.Is(err, ErrPortInUse) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("says that nobody listens, and leaves nothing open", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := addrPort(ln.Addr())
		ln.Close()
		_, err = Open(t.Context(), StackOptions{Account: account(), Sockets: sockets{}, Local: local, Server: locate.Server{Transport: locate.TCP, Addr: addr}})
		if !errors.Is(err, ErrTransport) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		_, err := Open(ctx, StackOptions{Account: account(), Sockets: sockets{}, Local: local, Server: locate.Server{Transport: locate.TCP, Addr: netip.MustParseAddrPort("192.0.2.1:5060")}})
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("refuses TLS for now", func(t *testing.T) {
		_, err := Open(t.Context(), StackOptions{Account: account(), Sockets: sockets{}, Local: local, Server: locate.Server{Transport: locate.TLS, Addr: netip.MustParseAddrPort("192.0.2.1:5061")}})
		if !errors.Is(err, ErrTransport) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a stack that never ran is closed without a trace", func(t *testing.T) {
		st, err := Open(t.Context(), StackOptions{Account: account(), Sockets: sockets{}, Local: local})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(st.Close(), st.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Run("Run ends with its context", func(t *testing.T) {
		st, err := Open(t.Context(), StackOptions{Account: account(), Sockets: sockets{}, Local: local})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := errJob(func() error { return st.Run(ctx) })
		<-st.Ready()
		cancel()
		if _, err := wait(t, done); err != nil || !st.isClosed() {
			t.Error(err)
		}
	})
	t.Run("a message over 1300 bytes does not go over UDP", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		_, err := newTalker(ph, wire.URI{Scheme: "sip", User: strings.Repeat("long", 100), Host: "example.test"}).Invite(ctxOf(t), ph.st, nil)
		if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "1300") {
			t.Errorf("got %v", err)
		}
		if n := ph.st.dialogs.Len(); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestTheTraceHasBothDirections(t *testing.T) {
	p := newPeer(t, locate.UDP)
	p.setAuto(newRegistrar("SHA-256").serve)
	entries := make(chan TraceEntry, 16)
	ph := open(t, account(), p.server(), func(o *StackOptions) {
		o.Trace = func(e TraceEntry) {
			e.Message = bytes.Clone(e.Message)
			entries <- e
		}
	})
	if _, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
		t.Fatal(err)
	}
	var sent []bool
	for range 4 {
		e := <-entries
		sent = append(sent, e.Sent)
		if e.Remote != p.addr || e.Local != ph.st.Local() || e.At.IsZero() {
			t.Errorf("got %+v", e)
		}
	}
	if !slices.Equal(sent, []bool{true, false, true, false}) {
		t.Error(sent)
	}
}

func TestDowngradeIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	acct := account()
	c := NewCredentials(acct, slog.New(slog.NewTextHandler(&log, nil)))
	sc := digest.Scope{Server: netip.MustParseAddrPort("192.0.2.1:5060"), Register: true}
	for _, alg := range []string{"SHA-256", "MD5"} {
		res := sipgo.NewResponse(401, "Unauthorized")
		res.AppendHeader(sipgo.NewHeader("WWW-Authenticate", `Digest realm="example.test", nonce="`+alg+`", algorithm=`+alg))
		if err := c.challenged(res, "REGISTER", sc, &digest.Attempt{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "weaker"); n != 1 {
		t.Errorf("%d warnings: %s", n, log.String())
	}
}

// inProgress is how many transactions there are.
func (s *Stack) inProgress() (clients, servers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients), len(s.servers)
}
