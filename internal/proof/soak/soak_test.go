package soak

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestPlanIsItsSeed(t *testing.T) {
	a, b, c := Plan(7, 14, Variants()), Plan(7, 14, Variants()), Plan(8, 14, Variants())
	if !reflect.DeepEqual(a, b) || reflect.DeepEqual(a, c) {
		t.Error("the same seed gives the same plan, another gives another")
	}
	seen := map[Variant]int{}
	for _, r := range a {
		seen[r.Variant]++
	}
	for _, v := range Variants() {
		if seen[v] != 2 {
			t.Errorf("%s is played %d times in 14 rounds, want 2", v, seen[v])
		}
	}
}

func TestTally(t *testing.T) {
	call := func(o Outcome, gap time.Duration) Result {
		return Result{Transport: "udp", State: Talking, Outcome: o, Gap: gap, Whole: time.Second, Why: "because", Story: "what it said"}
	}
	tally := Tally{[]Result{call(Survived, 20*time.Millisecond), call(Survived, 60*time.Millisecond), call(LetGo, -1), call(Stuck, -1)}}
	if got := tally.Rate(); got < 0.66 || got > 0.67 {
		t.Errorf("two of the three that the peer holds survived, the rate is %v", got)
	}
	if row := "| up | 0 s | udp | 4 | 2 | 0 | 1 | 0 | 1 | 0.06 s / 0.06 s | 1.00 s / 1.00 s |"; !strings.Contains(tally.Table(), row) {
		t.Errorf("no row %s in\n%s", row, tally.Table())
	}
	if says := tally.Failures(1); !strings.Contains(says, "because") || !strings.Contains(says, "what it said") {
		t.Errorf("a failure says %q", says)
	}
	if (&Tally{}).Rate() != 0 {
		t.Error("nothing is no success")
	}
}

func TestPhoneReadsLines(t *testing.T) {
	p := NewPhone("alice", func(string) error { return nil })
	p.Feed(`{"type":"registration","state":"registered","contact":"sip:alice@192.0.2.1"}`)
	p.Feed(`{"type":"call","call":3,"state":"up","held":"local","call_id":"x","direction":"out"}`)
	p.Feed(`{"type":"media","call":3,"rx_packets":7,"tx_packets":9}`)
	p.Feed(`{"type":"roam","phase":"started"}`)
	p.Feed("not JSON")
	if c := p.Call(3); c.State != "up" || c.Held != "local" || c.Heard != 7 || c.Sent != 9 || !c.Out {
		t.Errorf("%+v", c)
	}
	if p.Contact() != "sip:alice@192.0.2.1" || p.Steady() || len(p.Live()) != 1 {
		t.Error(p.Contact(), p.Steady(), p.Live())
	}
	p.Feed(`{"type":"roam","phase":"done"}`)
	p.Feed(`{"type":"call","call":3,"state":"ended"}`)
	if !p.Steady() || len(p.Live()) != 0 {
		t.Error("the roam and the call are over")
	}
	p.Forget()
	if p.Call(3).ID != 0 {
		t.Error("an ended call is still known")
	}
}
