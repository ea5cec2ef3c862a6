package netwatch

import (
	"testing"
	"time"
)

func TestSlept(t *testing.T) {
	tests := []struct {
		name        string
		steady      time.Duration // what the process's clock shows since the last look
		awake       time.Duration // what the clock that counts sleep shows
		want        bool
		wantForText string
	}{
		{"a poll in time is no sleep", 500 * time.Millisecond, 500 * time.Millisecond, false, ""},
		{"a poll somewhat late is none", 5 * time.Second, 5 * time.Second, false, ""},
		{"a lid that was closed is", 500 * time.Millisecond, 2 * time.Hour, true, "slept: 2h0m0s"},
		{"a clock set back is no sleep", 500 * time.Millisecond, -time.Hour, false, ""},
		{"a look before the poll is due is none", time.Millisecond, time.Millisecond, false, ""},
		{"a process that was stopped is", 7 * time.Second, 7 * time.Second, true, "slept: 7s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := New(Options{})
			w.looked, w.clock = t0, time.Minute
			w.awake = func() time.Duration { return time.Minute + tt.awake }
			got := w.slept(t0.Add(tt.steady))
			if (len(got) > 0) != tt.want || tt.want && got[0].String() != tt.wantForText {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("the clocks run alike while the machine is awake", func(t *testing.T) {
		start, before := time.Now(), awake()
		<-time.After(10 * time.Millisecond)
		counted, steady := awake()-before, time.Since(start)
		if d := steady - counted; d.Abs() > sleptAfter/2 || counted <= 0 {
			t.Errorf("one says %v, the other %v", counted, steady)
		}
	})
	t.Run("the first look is no sleep", func(t *testing.T) {
		if got := New(Options{}).slept(t0); got != nil {
			t.Errorf("got %v", got)
		}
	})
}
