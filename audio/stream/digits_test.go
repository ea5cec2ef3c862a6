package stream

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestDigits(t *testing.T) {
	r := newRig(t, nil)
	r.run(200 * time.Millisecond)
	const keys = "0123456789*#ABCD"
	if err := r.a.Digits(strings.ToLower(keys)); err != nil {
		t.Fatal(err)
	}
	if err := r.b.Digits("5,5"); err != nil {
		t.Fatal(err)
	}
	r.run(4 * time.Second)
	if r.b.keys != keys || r.a.keys != "55" {
		t.Fatalf("heard %q and %q", r.b.keys, r.a.keys)
	}
	for _, d := range r.b.spans {
		if d != toneLength {
			t.Fatalf("a digit of %v", d)
		}
	}
	if st := r.b.Stats(); st.Lost != 0 || st.Concealed != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestDigitsSurviveLossAndCountOnce(t *testing.T) {
	for _, tc := range []struct {
		name string
		lose func(n int) bool
	}{
		{"every third packet", func(n int) bool { return n%3 == 0 }},
		{"two of three end packets", func(n int) bool { return n%7 >= 5 }},
		{"all three end packets", func(n int) bool { return n%7 >= 4 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.run(200 * time.Millisecond)
			n := -1
			r.b.double = true
			if err := r.a.Digits("1223"); err != nil {
				t.Fatal(err)
			}
			r.b.lose = func() bool { n++; return n < 28 && tc.lose(n) }
			r.run(time.Second)
			if r.b.keys != "1223" {
				t.Fatalf("heard %q", r.b.keys)
			}
		})
	}
}

func TestDigitsAreRefusedWhereTheyCannotBeSent(t *testing.T) {
	r := newRig(t, func(a, _ *Config) { a.EventSendPT = 0 })
	if err := r.a.Digits("1"); !errors.Is(err, ErrNoEvents) {
		t.Fatal(err)
	}
	for _, s := range []string{"12x", "१", strings.Repeat("1", maxQueue+1)} {
		if err := r.b.Digits(s); err == nil || strings.Contains(err.Error(), "x") && strings.Contains(err.Error(), "12") {
			t.Errorf("%v", err)
		}
	}
}

func TestADigitOfHugeDurationCountsOnce(t *testing.T) {
	r := newRig(t, nil)
	r.run(200 * time.Millisecond)
	peer, l := r.b.leg(0).sock.RTP(), r.a.leg(0)
	seq, ts, ssrc := r.b.paths.sending.out.seq, r.b.tx.timestamp, r.b.paths.sending.out.ssrc
	send := func(ts uint32, event byte, duration uint32, end, marker bool) {
		payload := []byte{event, 10, 0, 0}
		if end {
			payload[1] |= 0x80
		}
		binary.BigEndian.PutUint16(payload[2:], uint16(duration))
		r.a.datagram(r.a.cfg.Now(), l, &r.a.pkt, packet(t, 101, seq, ts, ssrc, marker, payload), peer)
		seq++
		r.pass(20 * time.Millisecond)
	}
	for i := range uint32(800) { // 16 s, in segments of RFC 4733 2.5.1.3
		segment, rest := i*160/0xff00, i*160%0xff00
		send(ts+segment*0xff00, 7, rest, false, i == 0)
		if rest+160 >= 0xff00 {
			send(ts+segment*0xff00, 7, 0xff00, false, false)
		}
	}
	send(ts+0xff00, 7, 0xffff, true, false)
	send(ts+0xff00, 7, 0xffff, true, false)
	if r.a.keys != "7" {
		t.Fatalf("heard %q", r.a.keys)
	}
	send(ts+0x30000, 8, 0xffff, true, true) // 8 s at one stroke
	send(ts+0x30000, 8, 0xffff, true, true)
	send(ts, 7, 400, true, false) // a very late copy
	if r.a.keys != "78" {
		t.Fatalf("heard %q", r.a.keys)
	}
}

// TestDigitsOfAClockThatStandsStill: or goes back. None is lost, none comes twice.
func TestDigitsOfAClockThatStandsStill(t *testing.T) {
	for name, tc := range map[string]struct {
		step  int32            // of the timestamp, from one digit to the next
		drop  func(i int) bool // packets of a digit that are lost, of seven
		twice bool
	}{
		"it stands still":                    {0, nil, false},
		"it goes back":                       {-16000, nil, false},
		"every packet comes twice":           {0, nil, true},
		"the marked packet is lost":          {0, func(i int) bool { return i == 0 }, false},
		"all ends but the last are lost":     {-160, func(i int) bool { return i == 4 || i == 5 }, false},
		"it runs, and half of all is lost":   {4000, func(i int) bool { return i%2 == 0 }, false},
		"it runs, and only an end gets here": {4000, func(i int) bool { return i != 6 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var l listener
			var heard string
			take := func(d digit) {
				if d.key != 0 {
					heard += string(d.key)
				}
			}
			seq, ts := uint16(65530), uint32(1<<31)
			const dialled = "5551123"
			for _, key := range dialled {
				for i := range 7 {
					duration := uint16(160 * min(i+1, 5))
					p := []byte{byte(key - '0'), 10, byte(duration >> 8), byte(duration)}
					if i >= 4 {
						p[1] |= 0x80
					}
					seq++
					if tc.drop != nil && tc.drop(i) {
						continue
					}
					for range 1 + map[bool]int{true: 1}[tc.twice] {
						d, earlier, ok := l.packet(ts, seq, i == 0, p, 8000)
						if !ok {
							t.Fatal("not an event")
						}
						take(earlier)
						take(d)
					}
				}
				seq += 5 // sound
				ts += uint32(tc.step)
			}
			if take(l.flush()); heard != dialled {
				t.Errorf("heard %q of %q", heard, dialled)
			}
		})
	}
}

func TestKeypadSendsEachDigitByTheBook(t *testing.T) {
	var k keypad
	if err := k.press("1,2"); err != nil {
		t.Fatal(err)
	}
	const ptime = 20 * time.Millisecond
	type sent struct {
		at, ts   uint32
		event    byte
		end      bool
		duration int
		marker   bool
	}
	var got []sent
	for at := uint32(1000); at < 1000+80*160; at += 160 {
		var p [4]byte
		if ts, marker, ok := k.tick(at, 8000, ptime, &p); ok {
			got = append(got, sent{at, ts, p[0], p[1]&0x80 != 0, int(p[2])<<8 | int(p[3]), marker})
		}
	}
	if len(got) != 14 {
		t.Fatalf("%d packets: %+v", len(got), got)
	}
	for i, p := range got[:7] {
		want := sent{1000 + uint32(i)*160, 1000, 1, i >= 4, min(i+1, 5) * 160, i == 0}
		if p != want {
			t.Errorf("packet %d: %+v, want %+v", i, p, want)
		}
	}
	if pause := got[7].at - got[6].at; pause < 8000 || pause > 8000+160 || got[7].event != 2 || got[7].ts != got[7].at || !got[7].marker {
		t.Errorf("after the pause of %d: %+v", pause, got[7])
	}
}
