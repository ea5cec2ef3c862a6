package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/internal/ledger"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// secret is the password of the phones here: not to be found by chance.
const secret = "kept-to-oneself"

// owing is a phone that keeps what it owes in a directory.
func owing(dir string) func(*engine.Parts) {
	return func(p *engine.Parts) {
		p.Ledger = ledger.Open(dir)
		p.Accounts[0].SIP.Password = func() (string, error) { return secret, nil }
	}
}

// hasHungUp waits until a peer's call has heard a BYE.
func (r *rig) hasHungUp(c *siptest.PeerCall) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if s, err := c.Wait(ctx, func(s siptest.CallState) bool { return s.Phase == siptest.Ended }); err != nil || !s.ByRemote {
		r.t.Errorf("%+v, %v", s, err)
	}
}

// again is another run of the same phone, with the same state directory.
func (r *rig) again(transport locate.Transport, change func(*engine.Parts)) (next *rig, end func()) {
	r.t.Helper()
	next = &rig{t: r.t, world: r.world, news: make(chan struct{}, 1)}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(r.ctx)
	next.ctx = ctx
	next.start(&all, r.world.Phone, demo.User, transport, 0, change)
	end = func() { cancel(); all.Wait() }
	r.t.Cleanup(end)
	return next, end
}

// killed copies what a run has on disk at this moment, as a kill would leave it.
func killed(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "owed-*.json"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	info, err := os.Stat(names[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secret) {
		t.Fatalf("a secret is on disk: %s", text)
	}
	left := t.TempDir()
	if err := os.WriteFile(filepath.Join(left, filepath.Base(names[0])), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return left
}

// crash takes the network from a run and ends it: nothing that it says arrives.
func (r *rig) crash() {
	r.t.Helper()
	r.offline()
	r.quit()
}

// TestWhatAKilledRunOwes: after a kill the next run removes the binding of the one
// before, as the server stored it, and hangs up its call, over UDP and TCP, also
// where the server has one place only.
func TestWhatAKilledRunOwes(t *testing.T) {
	for name, places := range map[string]int{"one place": 1, "many": 0} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				dir := t.TempDir()
				world := demo.Options{Server: func(o *siptest.Options) {
					o.Users[demo.User] = secret
					o.Quirks.RewriteContact, o.Quirks.MaxContacts = true, places
				}}
				r := script{world: world, phone: owing(dir)}.run(t, transport)
				r.call("melody")
				melody := r.one("melody")
				left := killed(t, dir)
				r.crash()
				r.bound("the binding of before", func(b []siptest.Binding) bool { return len(b) == 1 && b[0].Received.Addr() == home().Addr() })
				r.online()
				next, _ := r.again(transport, owing(left))
				next.registered()
				next.bound("the new one alone", func(b []siptest.Binding) bool { return len(b) == 1 && b[0].Received.Addr() == tether().Addr() })
				next.hasHungUp(melody)
				if w := next.words(phone.Info, "an earlier run left open"); len(w) != 1 {
					t.Errorf("said %q", w)
				}
				next.quit()
				if b := next.world.Registrar.Bindings(demo.User); len(b) != 0 {
					t.Errorf("%v is left", b)
				}
			})
		})
	}
}

// TestQuitWithoutANetwork: what could not be said at the end of a run is said by the
// next one.
func TestQuitWithoutANetwork(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		dir := t.TempDir()
		world := demo.Options{Server: func(o *siptest.Options) { o.Users[demo.User] = secret }}
		r := script{world: world, phone: owing(dir)}.run(t, transport)
		r.call("melody")
		melody := r.one("melody")
		r.crash()
		r.online()
		// The next run does not register: it takes back what the other left.
		next, end := r.again(transport, func(p *engine.Parts) { owing(dir)(p); p.NoRegister = true })
		next.bound("nothing", func(b []siptest.Binding) bool { return len(b) == 0 })
		next.hasHungUp(melody)
		next.until("it is quiet", func(s phone.State) bool { return s.Accounts[0].State == phone.Unregistered })
		end()
		page, notes := ledger.Open(dir).Adopt(time.Now())
		if len(notes) != 0 || len(page.Accounts) != 1 || len(page.Accounts[0].Bindings)+len(page.Accounts[0].Calls) != 0 || page.Accounts[0].Accepted.IsZero() {
			t.Errorf("%+v, %q", page, notes)
		}
	})
}

// TestAnOwedCancel: a call that was being placed when the run was killed, or that was
// given up without a network, rings until the next run says CANCEL: with the Via of
// before, by the path of now (RFC 3261 9.1).
func TestAnOwedCancel(t *testing.T) {
	for _, how := range []string{"killed", "given up without a network"} {
		t.Run(how, func(t *testing.T) {
			bubbles(t, func(t *testing.T, transport locate.Transport) {
				dir := t.TempDir()
				world := demo.Options{Ring: 2 * time.Minute, Server: func(o *siptest.Options) { o.Users[demo.User] = secret }}
				r := script{world: world, phone: owing(dir)}.run(t, transport)
				id := r.dial("melody")
				r.stateIs(id, phone.Ringing)
				r.pass(100 * time.Millisecond)
				melody := r.one("melody")
				if how == "killed" {
					dir = killed(t, dir)
				}
				r.crash()
				if s := melody.State(); s.Phase == siptest.Ended {
					t.Fatalf("it is over already: %+v", s)
				}
				r.online()
				next, end := r.again(transport, owing(dir))
				next.registered()
				next.hasHungUp(melody)
				if w := next.words(phone.Info, "an earlier run left ringing"); len(w) != 1 {
					t.Errorf("said %q", w)
				}
				end()
				page, _ := ledger.Open(dir).Adopt(time.Now())
				for _, a := range page.Accounts {
					if len(a.Calls) != 0 {
						t.Errorf("still owed: %+v", a.Calls)
					}
				}
			})
		})
	}
}
