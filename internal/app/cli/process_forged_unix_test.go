//go:build unix

package cli

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"ramble/internal/proof/needs"
	"ramble/sip/siptest"
)

// forge returns a writer of UDP datagrams from an address and port that another
// socket has. It wants root.
func forge(t *testing.T, from, to netip.AddrPort) func([]byte) error {
	t.Helper()
	conn, err := net.DialIP("ip4:udp", &net.IPAddr{IP: from.Addr().AsSlice()}, &net.IPAddr{IP: to.Addr().AsSlice()})
	if errors.Is(err, syscall.EPERM) {
		needs.Missing(t, "forging needs root: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return func(b []byte) error {
		head := binary.BigEndian.AppendUint16(nil, from.Port())
		head = binary.BigEndian.AppendUint16(head, to.Port())
		head = binary.BigEndian.AppendUint16(head, uint16(8+len(b)))
		_, err := conn.Write(append(append(head, 0, 0), b...)) // no checksum (RFC 768)
		return err
	}
}

// TestAForgedFlood floods a phone from the very address and port of its registrar.
// Nothing tells these requests from the server's own, so that no new call may get
// through; but calls that are up, calls of ours and REGISTER go on as ever.
func TestAForgedFlood(t *testing.T) {
	needs.TheWholeRun(t, "a flood of some seconds, which wants the machine for itself")
	h := newHouse(t, buildProgram(t), "udp", siptest.Options{})
	alice := h.start(t, "alice", setup{args: []string{"--audio", "null", "--stats", "0s"}, network: "[calls]\nmax_calls = 32"})
	to := placeOf(t, alice.registration(t, "registered").Contact)
	bob := siptest.NewPeer(siptest.PeerOptions{User: "bob", Registrar: h.server.Addr(), Password: "secret of bob"})
	runs(t, bob.Run, bob.Ready())
	dial := func() (*siptest.PeerCall, int) {
		l := alice.reply(t, "dial bob")
		if l.Type != "ok" {
			t.Fatalf("dial was answered %+v", l)
		}
		alice.call(t, l.Call, "up")
		calls := bob.Calls()
		return calls[len(calls)-1], l.Call
	}
	live, _ := dial()

	f := &flood{to: to, at: h.server.Addr(), write: forge(t, h.server.Addr(), to)}
	ctx, stop := context.WithCancel(t.Context())
	var both sync.WaitGroup
	both.Go(func() { f.run(ctx, "alice") })
	began := time.Now()
	took := map[string][]time.Duration{}
	note := func(what string, since time.Time) { took[what] = append(took[what], time.Since(since)) }
	pace := time.NewTicker(100 * time.Millisecond)
	defer pace.Stop()
	for at := began; at.Sub(began) < floodLasts; at = <-pace.C {
		from := time.Now()
		alice.ask(t, "register")
		alice.registration(t, "registered")
		note("REGISTER", from)
		from = time.Now()
		next, id := dial()
		note("a call of ours is up", from)
		took["their BYE"] = append(took["their BYE"], hangs(t, live))
		from = time.Now()
		alice.ask(t, fmt.Sprintf("hangup %d", id))
		select {
		case <-next.Done():
		case <-time.After(patience):
			t.Fatal("alice's BYE does not come")
		}
		note("our BYE", from)
		live, _ = dial()
	}
	stop()
	both.Wait()
	t.Logf("sent: %d OPTIONS, %d INVITE, %d REGISTER, %d 2xx, %d of garbage", f.sent[0], f.sent[1], f.sent[2], f.sent[3], f.sent[4])
	late, all := 0, 0
	for what, list := range took {
		t.Logf("%s: %d times, %s", what, len(list), spread(list))
		for _, d := range list {
			all++
			if d > floodBound {
				late++
			}
		}
	}
	if late > 1 { // one may be late because the machine is
		t.Errorf("%d of %d that matter took longer than %v", late, all, floodBound)
	}
	if f.sent[0] < 3*floodRate {
		t.Errorf("only %d OPTIONS were sent: that is no flood", f.sent[0])
	}
	alice.ask(t, "quit")
	if code := alice.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
