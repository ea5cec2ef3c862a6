package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ramble/internal/proof/needs"
	"ramble/sip/siptest"
)

const (
	floodRate  = 700                    // a second, of each kind of message
	floodBound = 500 * time.Millisecond // in which what matters is answered: T1, so without a retransmission
	floodLasts = 4 * time.Second
)

// flood is somebody who writes from the registrar's address, which UDP lets
// anybody forge, whatever may take up a phone's time and tables.
type flood struct {
	conn  net.PacketConn
	to    netip.AddrPort
	at    netip.AddrPort // where it writes from, or says so
	write func([]byte) error
	sent  [5]int
	heard,
	rung int
}

// message is the n-th of a kind.
func (f *flood) message(kind int, user string) []byte {
	method := []string{"OPTIONS", "INVITE", "REGISTER"}
	at, id := f.at.String(), rand.Text()
	head := func(m string) string {
		return "Via: SIP/2.0/UDP " + at + ";branch=z9hG4bK" + id + ";rport\r\nFrom: <sip:mallory@ramble.test>;tag=m\r\nTo: <sip:" + user +
			"@ramble.test>%s\r\nCall-ID: " + id + "\r\nCSeq: 1 " + m + "\r\nContact: <sip:mallory@" + at + ">\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	}
	switch {
	case kind < len(method):
		m := method[kind]
		return []byte(m + " sip:" + user + "@" + f.to.String() + " SIP/2.0\r\n" + fmt.Sprintf(head(m), ""))
	case kind == 3: // a 2xx to an INVITE that nobody sent
		return []byte("SIP/2.0 200 OK\r\n" + fmt.Sprintf(head("INVITE"), ";tag=x"))
	}
	return append([]byte("INVITE sip:x"), bytes.Repeat([]byte{0, 0xff, '\r'}, 100)...)
}

// run sends until ctx ends: each kind at an even pace, and five times a second a
// burst of OPTIONS that no socket's queue holds by itself.
func (f *flood) run(ctx context.Context, user string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	send := func(kind, n int) {
		for range n {
			if f.write(f.message(kind, user)) == nil {
				f.sent[kind]++
			}
		}
	}
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if n%20 == 10 {
			send(0, floodRate)
		}
		for kind := range f.sent {
			send(kind, floodRate/100)
		}
	}
}

// read takes what the phone answers.
func (f *flood) read() {
	buf := make([]byte, 1<<16)
	for {
		n, _, err := f.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		f.heard++
		if bytes.HasPrefix(buf[:n], []byte("SIP/2.0 180 ")) {
			f.rung++
		}
	}
}

// TestAFlood floods a phone that is registered and in a call from its
// registrar's address, while calls come, are answered and are hung up from both
// sides. A live call and the registrar come first.
func TestAFlood(t *testing.T) {
	needs.TheWholeRun(t, "a flood of some seconds, which wants the machine for itself")
	var mu sync.Mutex
	byes := map[string]int{} // of alice's, by Call-ID: one more is a 200 that she did not hear
	h := newHouse(t, buildProgram(t), "udp", siptest.Options{Trace: func(m siptest.Traced) {
		head, _, _ := strings.Cut(string(m.Raw), "\r\n\r\n")
		if m.Out || !strings.HasPrefix(head, "BYE sip:bob@") {
			return
		}
		for l := range strings.Lines(head) {
			if strings.HasPrefix(l, "Call-ID:") {
				mu.Lock()
				byes[l]++
				mu.Unlock()
			}
		}
	}})
	alice := h.start(t, "alice", setup{args: []string{"--audio", "null", "--stats", "0s"}})
	contact := alice.registration(t, "registered").Contact
	bob := siptest.NewPeer(siptest.PeerOptions{User: "bob", Registrar: h.server.Addr(), Password: "secret of bob"})
	runs(t, bob.Run, bob.Ready())

	// up has bob call and alice answer. It returns how long it took to ring.
	up := func() (*siptest.PeerCall, int, time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		t.Cleanup(cancel)
		began := time.Now()
		c, err := bob.Dial(ctx, "alice")
		if err != nil {
			t.Fatal(err)
		}
		if s, err := c.Wait(ctx, func(s siptest.CallState) bool { return s.Phase >= siptest.Ringing }); err != nil || s.Phase == siptest.Ended {
			t.Fatalf("the call does not ring: %+v, %v", s, err)
		}
		rang := time.Since(began)
		l := alice.until(t, "bob's call", func(l line) bool { return l.is("call", "ringing") && strings.Contains(l.Peer, "bob@") })
		alice.ask(t, fmt.Sprintf("answer %d", l.Call))
		if s, err := c.Wait(ctx, func(s siptest.CallState) bool { return s.Phase >= siptest.Up }); err != nil || s.Phase == siptest.Ended {
			t.Fatalf("the call is not answered: %+v, %v", s, err)
		}
		alice.call(t, l.Call, "up")
		return c, l.Call, rang
	}
	live, _, quiet := up()

	to := placeOf(t, contact)
	conn, err := net.ListenPacket("udp", netip.AddrPortFrom(h.server.Addr().Addr(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.UDPConn).SetReadBuffer(4 << 20)
	f := &flood{conn: conn, to: to, at: netip.MustParseAddrPort(conn.LocalAddr().String())}
	f.write = func(b []byte) error { _, err := conn.WriteTo(b, net.UDPAddrFromAddrPort(to)); return err }
	ctx, stop := context.WithCancel(t.Context())
	var both sync.WaitGroup
	both.Go(func() { f.run(ctx, "alice") })
	both.Go(f.read)
	began := time.Now()

	var rings, theirs, ours []time.Duration
	theirs = append(theirs, hangs(t, live))
	pace := time.NewTicker(50 * time.Millisecond) // more calls than that keep the table of transactions full by themselves
	defer pace.Stop()
	for at := began; at.Sub(began) < floodLasts; at = <-pace.C {
		c, id, rang := up()
		began := time.Now()
		alice.ask(t, fmt.Sprintf("hangup %d", id))
		select {
		case <-c.Done():
		case <-time.After(patience):
			t.Fatal("alice's BYE does not come")
		}
		rings, ours = append(rings, rang), append(ours, time.Since(began))
		c, _, rang = up()
		rings, theirs = append(rings, rang), append(theirs, hangs(t, c))
	}
	lasted := time.Since(began)
	stop()
	_ = conn.SetReadDeadline(time.Now())
	both.Wait()
	_ = conn.Close()
	mu.Lock()
	defer mu.Unlock()
	again := 0
	for _, n := range byes {
		again += n - 1
	}
	t.Logf("sent in %v: %d OPTIONS, %d INVITE, %d REGISTER, %d 2xx, %d of garbage; %d answers, %d of them 180",
		lasted.Round(time.Millisecond), f.sent[0], f.sent[1], f.sent[2], f.sent[3], f.sent[4], f.heard, f.rung)
	t.Logf("rings after %s (%v before the flood); their BYE answered within %s; our BYE there after %s, %d of %d repeated",
		spread(rings), quiet.Round(100*time.Microsecond), spread(theirs), spread(ours), again, len(byes))
	// What was lost comes again after T1, which is floodBound. One may be as late
	// because the machine is.
	late := again
	for _, list := range [][]time.Duration{rings, theirs, ours} {
		for _, d := range list {
			if d > floodBound {
				late++
			}
		}
	}
	if late > 1 {
		t.Errorf("%d of %d messages that matter came to nothing within %v", late, len(rings)+len(theirs)+len(ours), floodBound)
	}
	if len(byes) != len(ours) {
		t.Errorf("%d BYEs of alice's for %d calls", len(byes), len(ours))
	}
	if f.sent[0] < 3*floodRate {
		t.Errorf("only %d OPTIONS were sent: that is no flood", f.sent[0])
	}
	alice.ask(t, "quit")
	if code := alice.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	h.bindings(t, "alice", 0)
}

// placeOf is where a Contact leads.
func placeOf(t *testing.T, contact string) netip.AddrPort {
	t.Helper()
	to, err := netip.ParseAddrPort(strings.Split(contact[strings.LastIndexByte(contact, '@')+1:], ";")[0])
	if err != nil {
		t.Fatal(contact, err)
	}
	return to
}

// hangs has a peer hang up and returns how long it waited for the answer.
func hangs(t *testing.T, c *siptest.PeerCall) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	if err := c.Hangup(ctx); err != nil {
		t.Errorf("the peer's BYE: %v", err)
	}
	return time.Since(began)
}

// spread is the median and the worst.
func spread(list []time.Duration) string {
	list = slices.Sorted(slices.Values(list))
	return fmt.Sprintf("%v, %v at worst", list[len(list)/2].Round(100*time.Microsecond), list[len(list)-1].Round(100*time.Microsecond))
}

// runs runs something of siptest until the test ends.
func runs(t *testing.T, run func(context.Context) error, ready <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
}
