package sip

import (
	"strings"
	"testing"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// TestALargeRequestGoesOverTCP: what UDP may not carry goes by a connection to
// the same server (RFC 3261 18.1.1), the rest of the call as before.
func TestALargeRequestGoesOverTCP(t *testing.T) {
	p := newPeer(t, locate.UDP)
	wide := newPeerAt(t, locate.TCP, p.addr.String(), nil)
	ph := open(t, account(), p.server())
	c := newTalker(ph, wire.URI{Scheme: "sip", User: strings.Repeat("long", 100), Host: "example.test"})
	ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
	m := wide.expect("INVITE")
	if via := m.value("Via"); !strings.HasPrefix(via, "SIP/2.0/TCP ") {
		t.Error(via)
	}
	m.reply(200, "OK", "bobtag", sdpB, p.contact(), "Allow: INVITE, ACK, BYE, UPDATE")
	if _, err := wait(t, ans); err != nil {
		t.Fatal(err)
	}
	p.expect("ACK") // is small, and goes where the peer's Contact says
}
