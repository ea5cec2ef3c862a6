package lab

import (
	"strings"
	"testing"
	"time"
)

func TestTablesSayWhatWasMeasured(t *testing.T) {
	const ms = time.Millisecond
	move := func(phone, transport string, delay, in time.Duration, change func(*measured)) measured {
		m := measured{
			Phone: phone, Transport: transport, Delay: delay, Move: atOnce, Detected: ms, Registered: 3 * ms,
			FirstOut: 4 * ms, FirstIn: in, PeerPause: 20 * ms, Survived: true, HungUp: true,
		}
		if change != nil {
			change(&m)
		}
		return m
	}
	b := benched{
		move("ramble", "udp", near, 10*ms, nil),
		move("ramble", "udp", near, 12*ms, nil),
		move("ramble", "udp", near, 30*ms, nil),
		move("ramble", "udp", near, 900*ms, func(m *measured) { m.PeerPause = 81 * ms }), // a busy machine
		move("ramble", "udp", distant, 300*ms, func(m *measured) { m.Registered = 90 * ms }),
		move("ramble", "tcp", near, Never, func(m *measured) { m.Survived, m.HungUp, m.Stale = false, false, 1 }),
		move("baresip", "udp", near, Never, func(m *measured) { m.Survived = false }),
	}
	for _, want := range []string{
		"| ramble | other uplink at once | 3.0 / 3.0 / ? | 4.0 / 4.0 / ? | 12.0 / never / ? | 4 of 5 | 4 of 5 | in 1 | 4 |",
		"| baresip | other uplink at once | 3.0 / ? | 4.0 / ? | never / ? | 0 of 1 | 1 of 1 | none | 1 |",
	} {
		if got := b.peersTable(near); !strings.Contains(got, want) {
			t.Errorf("no row\n%s\nin\n%s", want, got)
		}
	}
	for _, want := range []string{
		"| first packet in, no delay, UDP (old path dead) | <= 20 ms | 12.0 ms | yes |",
		"| the same, TCP | <= 20 ms | never | **no** |",
		"| first packet in, 40 ms one way, UDP | <= 200 ms | 300 ms | **no** |",
		"| REGISTER 2xx: UDP, 1 round trip | <= 100 ms | 90 ms | yes |",
		"| REGISTER 2xx: TCP, 2 | <= 180 ms | not measured | - |",
		"| calls that did not survive | 0 | 1 of 6 moves | **no** |",
		"| make before break, 0.3 s of both: moves that lost a packet | 0 | not measured | - |",
	} {
		if got := b.targetsTable(); !strings.Contains(got, want) {
			t.Errorf("no row\n%s\nin\n%s", want, got)
		}
	}
	text, err := between("a\n"+reportBegins+"\nold\n"+reportEnds+"\nz", "new\n")
	if want := "a\n" + reportBegins + "\nnew\n" + reportEnds + "\nz"; err != nil || text != want {
		t.Errorf("%q, %v, want %q", text, err, want)
	}
	if _, err := between("no marks", "new"); err == nil {
		t.Error("a document without marks was written to")
	}
}
