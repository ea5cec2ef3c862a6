package lab

import (
	"fmt"
	"strings"
	"time"
)

// target is a row of the table of targets.
type target struct {
	figure string
	want   string
	run    string // the test that measures it
	got    func(benched) (figure string, met, measured bool)
}

const (
	atOnce     = "other uplink at once"
	overlapped = "make before break, 0.3 s of both"
)

// breaking are the moves in which the old path dies before the new one is there.
func breaking() []string {
	var out []string
	for _, v := range variants() {
		if v.name != overlapped {
			out = append(out, v.name)
		}
	}
	return out
}

// upTo is a target for the worst of the medians over the moves.
func upTo(name, transport string, delay, limit time.Duration, figure func(measured) time.Duration, moves ...string) target {
	part := transport
	if part == "" {
		part = ".*"
	}
	return target{name, fmt.Sprintf("<= %s ms", inMS(limit, true)), fmt.Sprintf("TestBenchRamble/%s,_%s_", part, delay), func(b benched) (string, bool, bool) {
		d, ok := b.of("ramble", transport, delay, moves...).worst(figure)
		return strings.Replace(inMS(d, ok)+" ms", "never ms", "never", 1), ok && d != Never && d <= limit, ok
	}}
}

// none is a target for what must never be seen, in moves that match.
func none(name, want string, moves func(benched) benched, bad func(measured) bool) target {
	return target{name, want, "TestBenchRamble", func(b benched) (string, bool, bool) {
		all := moves(b)
		n := all.count(bad)
		return fmt.Sprintf("%d of %d moves", n, len(all)), n == 0, len(all) > 0
	}}
}

func targets() []target {
	const ms = time.Millisecond
	ours := func(b benched) benched { return b.where(func(m measured) bool { return m.Phone == "ramble" }) }
	rows := []target{
		upTo("detection after the kernel's event", "", near, 10*ms, sensed),
		upTo("first packet out from the new address (old path dead)", "", near, 10*ms, firstOut, breaking()...),
		upTo("first packet in, no delay, UDP (old path dead)", "udp", near, 20*ms, firstIn, breaking()...),
		upTo("the same, TCP", "tcp", near, 20*ms, firstIn, breaking()...),
		upTo("the same, TLS 1.3", "tls", near, 40*ms, firstIn, breaking()...),
		upTo("first packet in, 40 ms one way, UDP", "udp", distant, 200*ms, firstIn, atOnce),
		upTo("the same, TCP", "tcp", distant, 280*ms, firstIn, atOnce),
		upTo("the same, TLS 1.3", "tls", distant, 360*ms, firstIn, atOnce),
	}
	for _, r := range []struct {
		name, transport string
		trips           int
	}{{"UDP, 1 round trip", "udp", 1}, {"TCP, 2", "tcp", 2}, {"TLS 1.3, 3", "tls", 3}, {"TLS 1.2, 4 (3 where the server resumes)", "tls1.2", 4}} {
		rows = append(rows, upTo("REGISTER 2xx: "+r.name, r.transport, distant, time.Duration(r.trips)*80*ms+20*ms, registered))
	}
	// Over TLS the REGISTER needs three round trips and the re-INVITE one to the
	// callee before anything can move: more than 0.3 s at 80 ms each.
	overlap := func(b benched) benched {
		return ours(b).sound().where(func(m measured) bool {
			return m.Move == overlapped && (m.Delay == 0 || !strings.HasPrefix(m.Transport, "tls"))
		})
	}
	return append(rows,
		none("make before break, 0.3 s of both: moves that lost a packet", "0", overlap, func(m measured) bool { return m.LostIn+m.LostOut > 0 }),
		none("calls that did not survive", "0", ours, func(m measured) bool { return !m.Survived }),
		none("hang-ups that did not arrive, from either side", "0", ours, func(m measured) bool { return !m.HungUp }),
		none("moves that left a stale binding", "0", ours, func(m measured) bool { return m.Stale > 0 }),
	)
}

// targetsTable says what was wanted and what is; the worst of the medians over
// the moves counts, not the best.
func (b benched) targetsTable() string {
	var text strings.Builder
	text.WriteString("Each figure is the worst of the medians over the moves that it is about.\n\n| figure | target | measured | met | `-run` |\n|---|---|---|---|---|\n")
	for _, row := range targets() {
		got, met, measured := row.got(b)
		verdict := map[bool]string{true: "yes", false: "**no**"}[met]
		if !measured {
			got, verdict = "not measured", "-"
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s | `%s` |\n", row.figure, row.want, got, verdict, row.run)
	}
	return text.String()
}
