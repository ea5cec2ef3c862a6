package sip

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// phone is what the tests look at: a stack with its events.
type phone struct {
	t      testing.TB
	st     *Stack
	acct   *Account
	auth   *Credentials
	events chan any
	done   chan struct{}
}

func account() *Account {
	return &Account{AOR: wire.URI{Scheme: "sip", User: "alice", Host: "example.test"}, DisplayName: "Alice",
		Password:   func() (string, error) { return "secret", nil },
		InstanceID: "urn:uuid:00000000-0000-4000-8000-000000000001"}
}

// open starts a stack towards a server; vary may change the options.
func open(t testing.TB, acct *Account, srv locate.Server, vary ...func(*StackOptions)) *phone {
	t.Helper()
	ph := &phone{t: t, acct: acct, auth: NewCredentials(acct, nil), events: make(chan any, 1024), done: make(chan struct{})}
	o := StackOptions{Account: acct, Shared: Shared{Auth: ph.auth, UserAgent: "test", Dialogs: NewDialogs()}, Server: srv, Local: netip.MustParseAddr("127.0.0.1"), Sockets: sockets{},
		KeepAlive: -1}
	for _, f := range vary {
		f(&o)
	}
	if o.Auth != nil {
		ph.auth = o.Auth
	}
	if o.Dialogs == nil {
		o.Dialogs = NewDialogs()
	}
	l := ownerOf(o.Dialogs)
	if o.Events == nil {
		o.Events = func(e Event) {
			switch e.(type) {
			case Heard, Arrived:
				l.post(func() { l.take(ph, e) })
			default:
				ph.events <- e
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	st, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ph.st = st
	go func() {
		defer close(ph.done)
		if err := st.Run(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	<-st.Ready()
	t.Cleanup(ph.close)
	return ph
}

func (ph *phone) close() {
	ph.st.Close()
	select {
	case <-ph.done:
	case <-time.After(patience):
		ph.t.Error("Run did not return after Close")
	}
}

func contextFor(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func ctxOf(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// job runs a blocking method beside the test.
type result[T any] struct {
	v   T
	err error
}

func job[T any](fn func() (T, error)) <-chan result[T] {
	out := make(chan result[T], 1)
	go func() { v, err := fn(); out <- result[T]{v, err} }()
	return out
}

func errJob(fn func() error) <-chan result[struct{}] {
	return job(func() (struct{}, error) { return struct{}{}, fn() })
}

func wait[T any](t testing.TB, c <-chan result[T]) (T, error) {
	t.Helper()
	select {
	case r := <-c:
		return r.v, r.err
	case <-time.After(patience):
		t.Fatal("the job does not end")
		panic("unreachable")
	}
}

// both runs a test over UDP and TCP.
func both(t *testing.T, fn func(t *testing.T, transport locate.Transport)) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		t.Run(transport.String(), func(t *testing.T) { fn(t, transport) })
	}
}
