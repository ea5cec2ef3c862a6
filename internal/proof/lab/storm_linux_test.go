package lab

import (
	"strings"
	"testing"
	"time"
)

// TestFlapStorm moves the phone's network 20 times in 10 s under a call, on
// real interfaces: one settled state, at most one REGISTER for each change.
func TestFlapStorm(t *testing.T) {
	const changes, pace = 20, 500 * time.Millisecond
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			ctx := within(t, 60*time.Second)
			s := play(t, ctx, sceneOptions{transport: transport})
			c := must[*Capture](t)(s.Capture(Phone))
			defer c.Stop()
			at := s.bob.Events.Len()
			if err := s.alice.call(ctx, "sip:bob@"+Domain); err != nil {
				t.Fatal(err)
			}
			own, _ := s.Address()
			if err := flowing(ctx, c, own, time.Time{}, 50); err != nil {
				t.Fatal(err)
			}
			from := time.Now()
			var last Move
			for n := range changes {
				if err := wait(ctx, time.Until(from.Add(time.Duration(n)*pace))); err != nil {
					t.Fatal(err)
				}
				last = must[Move](t)(s.Take(ctx, "roam other"))
			}
			took := time.Since(from)
			if err := s.k.AwaitBindings(ctx, "alice", last.To.String()); err != nil {
				t.Error(err)
			}
			if err := flowing(ctx, c, last.To, last.T0, 100); err != nil {
				t.Error(err)
			}
			registers, answers := map[string]bool{}, 0
			var settled time.Duration
			for _, p := range c.Packets() {
				m, ok := p.SIP()
				switch {
				case !ok || p.At.Before(from) || m.Method != "REGISTER":
				case p.Out && m.Code == 0:
					registers[cseq(m.Text)] = true // sent again is the same one
				case !p.Out && m.Code == 200:
					answers++
					settled = p.At.Sub(last.T0)
				}
			}
			t.Logf("%d changes in %s: %d REGISTERs, %d of them answered 200, the last %s after the last change",
				changes, took.Round(time.Millisecond), len(registers), answers, settled.Round(time.Millisecond))
			if len(registers) > changes || len(registers) == 0 {
				t.Errorf("%d REGISTERs for %d changes", len(registers), changes)
			}
			if err := s.alice.hangUp(ctx); err != nil {
				t.Error(err)
			} else if _, _, err := s.bob.Expect(ctx, at, "CALL_CLOSED"); err != nil {
				t.Error("the phone hung up: ", err)
			}
		})
	}
}

// cseq is the number and method of a message.
func cseq(message string) string {
	_, rest, _ := strings.Cut(message, "\r\nCSeq:")
	line, _, _ := strings.Cut(rest, "\r\n")
	return strings.TrimSpace(line)
}
