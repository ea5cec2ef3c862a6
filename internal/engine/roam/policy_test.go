package roam

import (
	"testing"
	"time"
)

func TestBackoffStaysBetweenHalfAndAllOfItsBound(t *testing.T) {
	for _, dice := range []func(lo, hi time.Duration) time.Duration{
		nil,
		func(lo, _ time.Duration) time.Duration { return lo },
		func(_, hi time.Duration) time.Duration { return hi },
		func(_, hi time.Duration) time.Duration { return 10 * hi },
		func(_, _ time.Duration) time.Duration { return -time.Hour },
	} {
		p := DefaultPolicy()
		p.Between = dice
		for failures, bound := range map[int]time.Duration{0: 1, 1: 1, 2: 2, 3: 4, 5: 16, 6: 30, 1000: 30} {
			bound *= time.Second
			if got := p.backoff(failures, 0); got < bound/2 || got > bound {
				t.Errorf("after %d failures: %s, want %s to %s", failures, got, bound/2, bound)
			}
		}
		if got := p.backoff(1, time.Minute); got != time.Minute {
			t.Errorf("Retry-After of a minute gives %s", got)
		}
	}
}

func TestGlareWaitDependsOnWhoMadeTheCallID(t *testing.T) {
	tests := []struct {
		name   string
		owner  bool
		nth    int
		lo, hi time.Duration
	}{
		{"the owner waits 2.1 s and a little", true, 1, 2100 * time.Millisecond, 2300 * time.Millisecond},
		{"the other goes first", false, 1, 0, 200 * time.Millisecond},
		{"later the owner waits 2.1 to 4 s", true, 2, 2100 * time.Millisecond, 4 * time.Second},
		{"later the other waits 0 to 2 s", false, 2, 0, 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var lo, hi time.Duration
			p := Policy{Between: func(l, h time.Duration) time.Duration { lo, hi = l, h; return l + 47*time.Millisecond }}
			got := p.GlareWait(tt.owner, tt.nth)
			if lo != tt.lo || hi != tt.hi {
				t.Errorf("between %s and %s, want %s and %s", lo, hi, tt.lo, tt.hi)
			}
			if want := tt.lo + 50*time.Millisecond; got != want {
				t.Errorf("%s, which is not in units of 10 ms, want %s", got, want)
			}
		})
	}
}

func TestRetriesOfNothingButZeroDoNotSpin(t *testing.T) {
	p := Policy{Retries: []time.Duration{0}}.complete()
	if wait, exhausted := p.retryWait(0, 0); wait != 0 || exhausted {
		t.Errorf("the first retry waits %s, exhausted %t", wait, exhausted)
	}
	if wait, exhausted := p.retryWait(1, 0); wait != time.Second || !exhausted {
		t.Errorf("the second retry waits %s, exhausted %t", wait, exhausted)
	}
}

func TestAZeroPolicyHasTheUsualTimes(t *testing.T) {
	p, usual := Policy{}.complete(), DefaultPolicy()
	if p.KeepFor != usual.KeepFor || p.ProofWait != usual.ProofWait || len(p.Retries) != 6 || len(p.RegisterBackoff) != 6 {
		t.Errorf("%+v", p)
	}
}

func TestANewMachineHasNothingToDo(t *testing.T) {
	m := New(Policy{})
	if m.Epoch() != 0 || m.Phase() != Offline || m.Refused() || !m.Next().IsZero() {
		t.Errorf("a new machine stands at epoch %d, %s, refused %t, next %s", m.Epoch(), m.Phase(), m.Refused(), m.Next())
	}
}
