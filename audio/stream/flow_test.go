package stream

import (
	"testing"
	"time"
)

// TestStopped: when the absence of audio is told, and when it means nothing.
func TestStopped(t *testing.T) {
	const quiet = 3 * time.Second
	// still lets time pass in which nothing arrives at a.
	still := func(r *rig) { r.pass(quiet) }
	// lost lets a second pass in which all that is sent to a is lost.
	lost := func(r *rig) {
		for range 100 {
			r.tickOn(-1, 0)
		}
		for range 50 {
			_, _, _ = r.a.leg(0).sock.ReadFrom(r.a.buf)
		}
	}
	tests := []struct {
		name string
		run  func(t *testing.T, r *rig)
		want time.Duration
	}{
		{"audio that flows has not stopped", func(*testing.T, *rig) {}, tickLength},
		{"a sender that sends all the time has stopped", func(_ *testing.T, r *rig) { still(r) }, quiet + tickLength},
		{"it is back", func(_ *testing.T, r *rig) { lost(r); r.run(110 * time.Millisecond) }, tickLength},
		{"a held stream owes nothing", func(_ *testing.T, r *rig) {
			n := r.a.media
			n.Receive = false
			r.a.Update(n)
			still(r)
		}, 0},
		{"nor does one that only receives: who holds us need not send", func(_ *testing.T, r *rig) {
			n := r.a.media
			n.Send = false
			r.a.Update(n)
			still(r)
		}, 0},
		{"after a hold the time counts from its end", func(_ *testing.T, r *rig) {
			n := r.a.media
			n.Receive = false
			r.a.Update(n)
			still(r)
			n.Receive = true
			r.a.Update(n)
			r.pass(time.Second)
		}, time.Second},
		{"another offer and answer in the silence do not end it", func(_ *testing.T, r *rig) {
			still(r)
			r.a.Update(r.a.media)
			r.pass(time.Second)
		}, quiet + time.Second + tickLength},
		{"a sender that pauses while nobody speaks has not stopped", func(t *testing.T, r *rig) {
			h := r.b.header()
			r.b.tx.timestamp += 8000 // a second that was not sent
			r.run(100 * time.Millisecond)
			if r.b.paths.sending.out.ssrc != h.SSRC {
				t.Fatal("another source")
			}
			still(r)
		}, 0},
		{"lost packets are no pause", func(_ *testing.T, r *rig) {
			lost(r)
			r.run(100 * time.Millisecond)
			still(r)
		}, quiet + tickLength},
		{"a machine that slept is no pause", func(_ *testing.T, r *rig) {
			r.b.tx.timestamp += 8000 * 3600
			r.run(100 * time.Millisecond)
			still(r)
		}, quiet + tickLength},
		{"comfort noise is a pause", func(t *testing.T, r *rig) {
			h := r.b.header()
			b := packet(t, comfortNoise, h.SequenceNumber, h.Timestamp, h.SSRC, false, []byte{70})
			r.b.paths.sending.out.seq++
			if err := r.b.paths.sending.sock.Send(b, r.a.Local()); err != nil {
				t.Fatal(err)
			}
			r.a.read(r.a.leg(0), 1)
			still(r)
		}, 0},
		{"a long digit is none", func(t *testing.T, r *rig) {
			if err := r.b.Digits("5"); err != nil {
				t.Fatal(err)
			}
			r.run(time.Second)
			if r.a.keys != "5" {
				t.Fatalf("heard %q", r.a.keys)
			}
			still(r)
		}, quiet + tickLength},
		{"who said goodbye owes nothing", func(_ *testing.T, r *rig) {
			r.b.sayBye(r.Now())
			r.a.readControl(r.a.leg(0))
			still(r)
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.run(time.Second)
			tt.run(t, r)
			// The last packet came in the last tick or the one before.
			if got := r.a.Stopped(); (got == 0) != (tt.want == 0) || got > tt.want+tickLength || got < tt.want-tickLength {
				t.Errorf("stopped for %v, want %v", got, tt.want)
			}
		})
	}
	t.Run("what never flowed has not stopped", func(t *testing.T) {
		r := newRig(t, nil)
		still(r)
		if got := r.a.Stopped(); got != 0 {
			t.Errorf("stopped for %v", got)
		}
	})
}
