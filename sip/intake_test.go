package sip

import (
	"fmt"
	"strings"
	"testing"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// TestIntake has more come than is handled: calls come first, then the server,
// and the order within each stays.
func TestIntake(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	_, l := dialled(t, ph, p)
	a := newAttacker(t, ph.st.Local())
	server, stranger := p.addr, addrPort(a.conn.LocalAddr())
	inCall := func(method string) string {
		return strings.Join([]string{method + " sip:alice@127.0.0.1 SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK" + wire.RandomToken(),
			"From: " + l.local, "To: " + l.remote, "Call-ID: " + l.callID, "CSeq: 7 " + method, "Content-Length: 0", "", ""}, "\r\n")
	}
	in := newIntake()
	put := func(text string, fromServer bool) {
		at := stranger
		if fromServer {
			at = server
		}
		ph.st.port.datagram(in, []byte(text), at)
	}
	put("first", false) // nothing waits: no rank is looked for
	for i := range 2 * intakeEach {
		put(request("OPTIONS", a), false)
		if i < 2 {
			put(request([]string{"INVITE", "CANCEL"}[i], a), true)
			put(inCall([]string{"INFO", "BYE"}[i]), i == 0) // its Contact may be anywhere
		}
	}
	var got []string
	in.end()
	for {
		l, ok := in.take()
		if !ok {
			break
		}
		method, _, _ := strings.Cut(string(l.b), " ")
		got = append(got, method)
	}
	if want := "[first INFO BYE INVITE CANCEL OPTIONS]"; len(got) < 6 || fmt.Sprint(got[:6]) != want {
		t.Errorf("handled %v, want %v", got[:min(6, len(got))], want)
	}
	if want := 5 + intakeEach; len(got) != want {
		t.Errorf("%d were kept, want %d", len(got), want)
	}
	if n := ph.st.drops()["more than can be handled"]; n != intakeEach {
		t.Errorf("%d were counted as dropped, want %d", n, intakeEach)
	}
}
