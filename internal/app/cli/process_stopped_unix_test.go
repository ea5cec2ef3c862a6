//go:build unix

package cli

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"ramble/internal/proof/needs"
	"ramble/sip/siptest"
)

// TestAStoppedPhoneKeepsItsPort has a phone with a fixed SIP port and the smallest
// range of RTP ports act as if the network changed, stand still as on SIGSTOP, and as
// with a closed lid, in the same place. The stack that was there holds the port
// that the next one needs.
func TestAStoppedPhoneKeepsItsPort(t *testing.T) {
	needs.TheWholeRun(t, "phones that stand still for 6 and 8 s")
	binary := buildProgram(t)
	for _, over := range []string{"udp", "tcp", "tls"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			p := newFixed(t, binary, over)
			stay := p.call(t, p.alice, p.bob)
			p.flows(t, stay)
			for _, s := range []struct {
				name string
				do   func(*testing.T)
			}{
				{"key N", func(t *testing.T) { p.alice.ask(t, "network-changed") }},
				{"SIGSTOP for 6 s", func(t *testing.T) { p.alice.standsStill(t, 6*time.Second) }},
				{"a closed lid for 8 s, and key N", func(t *testing.T) {
					p.alice.standsStill(t, 8*time.Second)
					p.alice.ask(t, "network-changed")
				}},
			} {
				t.Run(s.name, func(t *testing.T) { p.outlives(t, stay, s.do) })
			}
			p.hangup(t, p.alice, p.bob, stay)
			for _, l := range p.alice.seen() {
				if l.is("registration", "failed") || strings.Contains(l.Text+l.Reason, "taken by another program") {
					t.Errorf("alice said %s", l.Line)
				}
			}
			p.quit(t)
		})
	}
}

// newFixed is two phones, of which alice has a fixed port.
func newFixed(t *testing.T, binary, over string) *pair {
	t.Helper()
	o, trust := siptest.Options{}, ""
	if over == "tls" {
		certified, err := siptest.Certify("127.0.0.1", "ramble.test")
		if err != nil {
			t.Fatal(err)
		}
		o.Transports, o.TLS, trust = []siptest.Transport{siptest.TLS}, certified.Server, trusting(t, certified)
	}
	h := newHouse(t, binary, over, o)
	start := func(name, network string) *handset {
		return h.start(t, name, setup{network: network, args: []string{"--audio", "null", "--stats", "100ms"}, secret: fmt.Sprintf("password = %q%s", "secret of "+name, trust)})
	}
	p := &pair{h: h, alice: start("alice", fmt.Sprintf("sip_port = %d\nrtp_ports = %q", freePort(t).Port(), freePairs(t))), bob: start("bob", "")}
	p.alice.registration(t, "registered")
	p.bob.registration(t, "registered")
	return p
}

// outlives: the call goes on, and everything else that a phone does, does too.
func (p *pair) outlives(t *testing.T, stay int, disturb func(*testing.T)) {
	from := len(p.alice.seen())
	began := time.Now()
	disturb(t)
	_, at := p.alice.find(t, patience, "the roam", from, func(l line) bool { return l.Type == "roam" && l.Phase == "done" })
	p.alice.next = max(p.alice.next, at+1)
	took := time.Since(began)
	p.flows(t, stay)
	for _, s := range [][2]*handset{{p.alice, p.bob}, {p.bob, p.alice}} {
		id := p.call(t, s[0], s[1])
		p.flows(t, id)
		p.hangup(t, p.alice, p.bob, id)
		p.resume(t, stay)
	}
	p.flows(t, stay)
	t.Logf("recovered %v after the beginning", took.Round(time.Millisecond))
}

// resume brings a call back that both put aside for another one.
func (p *pair) resume(t *testing.T, id int) {
	t.Helper()
	p.both(func(s, _ *handset) { s.ask(t, fmt.Sprintf("resume %d", id)) })
	p.both(func(s, _ *handset) { s.held(t, id, "none") })
}

// standsStill stops the process for a while. There is no event to wait for:
// that nothing happens is what is asked.
func (p *handset) standsStill(t *testing.T, d time.Duration) {
	t.Helper()
	by(syscall.SIGSTOP)(t, p)
	<-time.After(d)
	by(syscall.SIGCONT)(t, p)
}
