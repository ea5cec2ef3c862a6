package sip

import (
	"testing"
	"time"

	"ramble/sip/locate"
)

// TestDigitsInINFO: each is answered and told once, also where it is sent again;
// what else an INFO brings is refused by what it is.
func TestDigitsInINFO(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		c, l := called(t, ph, p)
		send := func(kind, body, want string, extra ...string) *message {
			t.Helper()
			l.kind = kind
			l.send("INFO", body, extra...)
			return p.expect("SIP/2.0 "+want, "INFO")
		}
		send("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "200")
		if d := event[Digit](ph); d.Call != c.Call || d.Key != '5' || d.Length != 160*time.Millisecond {
			t.Errorf("%+v", d)
		}
		if transport == locate.UDP {
			l.sendAs("INFO", l.seq, "Signal=5\r\nDuration=160\r\n")
			p.expect("SIP/2.0 200", "INFO")
		}
		send("application/dtmf", "#", "200")
		if d := event[Digit](ph); d.Key != '#' {
			t.Errorf("%+v", d)
		}
		send("", "", "200")
		if m := send("text/plain", "hello", "415"); m.value("Accept") != "application/dtmf-relay, application/dtmf" {
			t.Errorf("%s", m.text)
		}
		if m := send("application/foo", "hello", "469", "Info-Package: foo"); m.value("Recv-Info") != "" {
			t.Errorf("%s", m.text)
		}
		l.remote += "x" // no such dialog
		send("application/dtmf", "1", "481")
		for len(ph.events) > 0 {
			if d, ok := (<-ph.events).(Digit); ok {
				t.Errorf("told again: %+v", d)
			}
		}
	})
}
