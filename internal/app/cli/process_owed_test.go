package cli

import (
	"testing"

	"ramble/sip/siptest"
)

// testOwed: a phone is killed in a call, at a server that has one place for each
// account and rewrites Contacts. The next start registers at once, leaves one
// binding, and hangs the call up; quit leaves none.
func testOwed(t *testing.T, binary, over string) {
	h := newHouse(t, binary, over, siptest.Options{Quirks: siptest.Quirks{MaxContacts: 1, RewriteContact: true}})
	null := setup{args: []string{"--audio", "null"}}
	alice, bob := h.start(t, "alice", null), h.start(t, "bob", null)
	bob.registration(t, "registered")
	alice.registration(t, "registered")
	p := &pair{h: h, alice: alice, bob: bob}
	id := p.call(t, alice, bob)
	if err := alice.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	alice.exit(t)
	h.bindings(t, "alice", 1)

	asked := h.server.Count("REGISTER")
	alice = h.start(t, "alice", setup{args: null.args, home: alice.dir})
	if l := alice.until(t, "registration", func(l line) bool { return l.is("registration", "registered") || l.is("registration", "failed") }); l.State != "registered" {
		t.Errorf("after the kill: %+v", l)
	}
	if n := h.server.Count("REGISTER") - asked; n != 2 { // challenged, and answered
		t.Errorf("%d REGISTERs", n)
	}
	h.bindings(t, "alice", 1)
	bob.call(t, id, "ended")
	alice.ask(t, "quit")
	alice.exit(t)
	h.bindings(t, "alice", 0)
}
