package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"ramble/sip/siptest"
)

// testHistory: two phones call each other and are killed in a call; what was over
// and what the kill ended come back in words, as JSON, and by redial.
func testHistory(t *testing.T, binary string) {
	h := newHouse(t, binary, "udp", siptest.Options{})
	null := setup{args: []string{"--audio", "null"}}
	alice, bob := h.start(t, "alice", null), h.start(t, "bob", null)
	p := &pair{h: h, alice: alice, bob: bob}
	p.bob.registration(t, "registered")
	p.alice.registration(t, "registered")
	id := p.call(t, alice, bob)
	alice.ask(t, "hangup")
	alice.call(t, id, "ended")
	bob.call(t, id, "ended")
	id = p.ring(t)
	alice.ask(t, "hangup")
	bob.call(t, id, "ended")
	if l := bob.reply(t, "redial"); l.Type != "error" {
		t.Errorf("bob never dialled, and redial says %+v", l)
	}
	p.call(t, alice, bob)
	for _, phone := range []*handset{alice, bob} {
		h.remembers(t, phone.dir, 2) // the third goes on
	}
	for _, phone := range []*handset{alice, bob} {
		if err := phone.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		phone.exit(t)
	}

	out := h.prints(t, bob.dir, "calls")
	if n := strings.Count(out, "\n"); n != 3 || !strings.Contains(out, "from  missed   alice@ramble.test") {
		t.Errorf("bob's calls:\n%s", out)
	}
	if out := h.prints(t, bob.dir, "roams"); !strings.HasPrefix(out, "no roams yet") {
		t.Errorf("bob's roams:\n%s", out)
	}
	home := func(p *handset) setup { return setup{args: null.args, home: p.dir} }
	alice, bob = h.start(t, "alice", home(alice)), h.start(t, "bob", home(bob))
	alice.registration(t, "registered")
	bob.registration(t, "registered")
	alice.ask(t, "redial")
	l := bob.rings(t)
	bob.ask(t, "decline")
	bob.call(t, l.Call, "ended")
	bob.ask(t, "redial -2") // the missed call
	if l := alice.rings(t); l.Peer != "sip:bob@ramble.test" {
		t.Errorf("alice is called by %s", l.Peer)
	}
	if l := bob.reply(t, "redial -7"); l.Type != "error" || !strings.Contains(l.Reason, "no call -7") {
		t.Errorf("redial of a call that never was: %+v", l)
	}
	h.remembers(t, bob.dir, 4)
}

// remembers says that so many calls are in the history at this moment: a call
// is told of as ended when it is on disk.
func (h *house) remembers(t *testing.T, home string, n int) {
	t.Helper()
	out := h.prints(t, home, "calls", "--json")
	if strings.Count(out, "\n") != n {
		t.Fatalf("the history has\n%s\nwant %d calls", out, n)
	}
	for line := range strings.Lines(out) {
		var o struct{ Type, State, Peer string }
		if err := json.Unmarshal([]byte(line), &o); err != nil || o.Type != "call" || o.State != "ended" || o.Peer == "" {
			t.Errorf("no call: %s", line)
		}
	}
}

// prints runs the program once and returns what it prints.
func (h *house) prints(t *testing.T, home string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(h.binary, home, args...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 || ctx.Err() != nil {
		t.Fatalf("%v: %v\n%s", args, err, complaints.String())
	}
	return string(out)
}
