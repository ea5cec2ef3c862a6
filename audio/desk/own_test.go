package desk

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ramble/audio"
)

// back says what it hears, until it fails.
type back struct {
	rate   int
	frame  []int16
	fails  int // with that Hear; 0: never
	heard  int
	closed int
}

func (b *back) String() string { return "back" }
func (b *back) Rate() int      { return b.rate }
func (b *back) Hear(f []int16) error {
	b.frame = append(b.frame[:0], f...)
	if b.heard++; b.heard == b.fails {
		return errors.New("the disk is full")
	}
	return nil
}
func (b *back) Say(f []int16) error { copy(f, b.frame); return nil }
func (b *back) Close() error        { b.closed++; return nil }

func TestALegWithSoundOfItsOwnIsNotOnTheDesk(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		r := newRoom(t, 48000)
		own, other := &testLeg{rate: 8000, f: 500}, &testLeg{rate: 8000, f: 1000}
		loop := &back{rate: rate}
		if err := r.AddOwn(1, own, loop); err != nil {
			t.Fatal(err)
		}
		r.Add(2, other)
		r.ticks(5)
		r.hears("the leg of its own", 500, false)
		r.hears("the other", 1000, true)
		there(t, "it is fed its own sound", own.captured, 8000, 500, true)
		there(t, "it is fed the microphone", own.captured, 8000, 1500, false)
		there(t, "the other is fed the microphone", other.captured, 8000, 1500, true)
		r.Hold(1, true)
		r.ticks(2)
		there(t, "held", own.captured, 8000, 500, false)
		r.Hold(1, false)
		r.Mute(1, true)
		r.ticks(2)
		if there(t, "muted", own.captured, 8000, 500, false); audio.Level(loop.frame) < -25 {
			t.Error("a muted leg is not heard")
		}
		r.Remove(1)
		if loop.closed != 1 {
			t.Errorf("closed %d times", loop.closed)
		}
	}
	if err := newRoom(t, 8000).AddOwn(1, &testLeg{rate: 8000}, &back{rate: 11025}); err == nil {
		t.Error("11025 Hz has no frame of 20 ms, and was taken")
	}
}

func TestOwnSoundThatFailsIsSilence(t *testing.T) {
	r, leg, own := newRoom(t, 8000), &testLeg{rate: 8000, f: 500}, &back{rate: 8000, fails: 3}
	var told []string
	r.OnOwnFailed(func(_ int, err error) { told = append(told, err.Error()) })
	_ = r.AddOwn(1, leg, own)
	r.ticks(10)
	if leg.plays != 10 || own.heard != 3 || own.closed != 1 || audio.Level(leg.captured) != audio.Silence {
		t.Errorf("%d plays, %d frames heard, closed %d times, fed %.0f dBFS", leg.plays, own.heard, own.closed, audio.Level(leg.captured))
	}
	if len(told) != 1 || !strings.Contains(told[0], "sound back: the disk is full") {
		t.Errorf("told %q", told)
	}
}

// TestABridgeJoinsItsSeats: each hears the others, not itself, and nobody off it.
func TestABridgeJoinsItsSeats(t *testing.T) {
	r := newRoom(t, 48000)
	b := NewBridge("room", 16000, 0)
	legs := []*testLeg{{rate: 8000, f: 500}, {rate: 16000, f: 1000}, {rate: 8000, f: 700}}
	for i, l := range legs {
		_ = r.AddOwn(i+1, l, b.Seat())
	}
	r.Add(4, &testLeg{rate: 8000, f: 2000})
	r.ticks(5)
	for i, l := range legs {
		for j, m := range legs {
			there(t, l.String()+" hears "+m.String(), l.captured, l.rate, m.f, i != j)
		}
		there(t, "the call on the desk", l.captured, l.rate, 2000, false)
		there(t, "the microphone", l.captured, l.rate, 1500, false)
		r.hears("a seat on the desk", l.f, false)
	}
	r.Remove(3)
	r.ticks(2)
	if there(t, "one that left", legs[0].captured, 8000, 700, false); b.Seats() != 2 {
		t.Errorf("%d seats", b.Seats())
	}
	if n := testing.AllocsPerRun(100, func() { r.ticks(1) }); n != 0 {
		t.Errorf("a frame of a bridge costs %v allocations", n)
	}
}

// TestOwnSoundNeedsNoDevice: silence keeps the clock while nobody wants the card.
func TestOwnSoundNeedsNoDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card, leg := &testDevice{name: "card", rate: 48000}, &testLeg{rate: 8000, f: 500}
		runDesk(t, card, &testLeg{rate: 8000}, func(d *Desk) {
			d.Remove(1)
			_ = d.AddOwn(2, leg, &back{rate: 8000})
			is := func(want string) {
				t.Helper()
				wait(time.Second)
				if got := d.Device(); got != want {
					t.Errorf("%q keeps the clock, want %q", got, want)
				}
			}
			is("silence")
			d.Add(3, &testLeg{rate: 8000})
			is("card")
			d.Remove(3)
			is("silence")
			d.Tone(audio.Ring)
			is("card")
			d.StopTone()
			is("silence")
		})
		if leg.plays < 245 || leg.plays > 256 {
			t.Errorf("%d frames in five seconds", leg.plays)
		}
	})
}

// TestAHeldLegIsNotMixed: its time goes on, and that is all.
func TestAHeldLegIsNotMixed(t *testing.T) {
	r, leg := newRoom(t, 48000), &testLeg{rate: 8000, f: 500}
	r.Add(1, leg)
	r.Hold(1, true)
	r.ticks(3)
	c := r.channels[0]
	c.voice[0] = 4711 // whoever resampled would have written here
	r.ticks(3)
	if leg.plays != 6 || leg.samples != 6*160 || c.voice[0] != 4711 {
		t.Errorf("%d plays, %d samples fed, mixed: %v", leg.plays, leg.samples, c.voice[0] != 4711)
	}
}
