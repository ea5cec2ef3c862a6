package stream

import (
	"math/rand/v2"
	"testing"
	"time"

	"ramble/audio"
)

// hiss is noise below 2 kHz, no stretch of which is like another.
func hiss(n int, seed uint64) []int16 {
	rng := rand.New(rand.NewPCG(seed, 7))
	out := make([]int16, n)
	a, b := 0.0, 0.0
	for i := range out {
		a += 0.5 * (rng.NormFloat64() - a)
		b += 0.5 * (a - b)
		out[i] = int16(max(-30000, min(30000, 5000*b)))
	}
	return out
}

// unheardSound is how much of what was said is nowhere in what was heard, by pieces of 10 ms,
// each looked for up to half a second later.
func unheardSound(said, heard []int16) (lost time.Duration) {
	const piece = 80
	lag := 0
	for at := 0; at+piece <= len(said); at += piece {
		found := false
		for _, reach := range [][2]int{{lag - 40, lag + 40}, {0, 4000}} {
			for l := max(0, reach[0]); l <= reach[1] && at+l+piece <= len(heard) && !found; l++ {
				if likeness(said[at:at+piece], heard[at+l:at+l+piece], 1) > 0.85 {
					found, lag = true, l
				}
			}
		}
		if !found {
			lost += 10 * time.Millisecond
		}
	}
	return lost
}

// TestTheSoundLostInAMove, from the samples at both ends: none where the old path
// lives, else what was said while there was no path, and a packet or two.
func TestTheSoundLostInAMove(t *testing.T) {
	for _, outage := range []time.Duration{0, 60 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond} {
		t.Run(outage.String(), func(t *testing.T) {
			r := newRig(t, nil)
			fromA, fromB := hiss(6*8000, 1), hiss(6*8000, 2)
			r.a.say, r.b.say = fromA, fromB
			r.run(2 * time.Second)
			for range outage / tickLength { // neither direction gets through
				na, nb := r.a.speak(), r.b.speak()
				r.b.lose, r.a.lose = always, always
				r.b.read(r.b.leg(0), na)
				r.a.read(r.a.leg(0), nb)
				r.a.play()
				r.b.play()
				r.pass(tickLength)
			}
			r.a.lose, r.b.lose = nil, nil
			next := openPath(t)
			r.a.Adopt(next, 1)
			r.a.Switch()
			r.b.follow(next.RTP())
			for range 3 * time.Second / tickLength {
				r.tickOn(1, 0)
			}
			said := 5*8000 - 800 // the last of it is still on its way
			atB, atA := unheardSound(fromA[800:said], r.b.heard[800:]), unheardSound(fromB[800:said], r.a.heard[800:])
			t.Logf("an outage of %v lost %v of what the mover said and %v of what it was told", outage, atB, atA)
			for _, lost := range []time.Duration{atA, atB} {
				if lost < outage-20*time.Millisecond || lost > outage+30*time.Millisecond {
					t.Errorf("lost %v and %v in an outage of %v", atB, atA, outage)
				}
			}
		})
	}
}

// TestTwoSourcesOverOneAnotherAreNoNoise: a second source from the same address, with
// numbers of its own, is not heard while the first speaks, and harms nothing.
func TestTwoSourcesOverOneAnotherAreNoNoise(t *testing.T) {
	r := newRig(t, nil)
	r.run(time.Second)
	peer := r.b.leg(0).sock.RTP()
	loud := make([]byte, 160) // a square wave at full scale
	for i := range loud {
		loud[i] = byte(i / 2 % 2 * 0x80)
	}
	r.a.heard = nil
	for i := range 100 {
		r.a.datagram(r.a.cfg.Now(), r.a.leg(0), &r.a.pkt, packet(t, 0, uint16(7000+i), uint32(i*160), 0xbad, false, loud), peer)
		r.tick()
		r.tick()
	}
	st := r.a.Stats()
	if peak := audio.Peak(r.a.heard); peak > -10 || st.Strange < 95 || st.Concealed > 20*time.Millisecond {
		t.Errorf("peak %.1f dBFS, %d packets of a stranger, %v made up", peak, st.Strange, st.Concealed)
	}
	if l := audio.ToneLevel(r.a.heard[1600:], 8000, 1000); l < -16 {
		t.Errorf("tone %.1f dBFS", l)
	}
}

// TestOddPacketsAllocateNothing: digits, comfort noise, a format that nobody agreed on,
// another that was, a stranger and garbage, each while the call goes on.
func TestOddPacketsAllocateNothing(t *testing.T) {
	for name, odd := range map[string]struct {
		pt   uint8
		ssrc uint32
		b    []byte
	}{
		"digits":             {101, 0, []byte{5, 10, 0, 160}},
		"comfort noise":      {13, 0, []byte{60}},
		"never agreed on":    {18, 0, make([]byte, 20)},
		"the second format":  {8, 0, make([]byte, 160)},
		"nothing in it":      {0, 0, nil},
		"a second source":    {0, 99, make([]byte, 160)},
		"far too long":       {0, 0, make([]byte, 1900)},
		"a packet of 120 ms": {0, 0, make([]byte, 960)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(a, b *Config) { a.Hears = append(a.Hears, Payload{8, pcma}) })
			r.run(time.Second)
			peer := r.b.leg(0).sock.RTP()
			ssrc := odd.ssrc
			if ssrc == 0 {
				ssrc = r.b.paths.sending.out.ssrc
			}
			seq := r.b.paths.sending.out.seq
			raw := packet(t, odd.pt, seq, r.b.tx.timestamp, ssrc, false, odd.b)
			pass := func() {
				seq++
				raw[2], raw[3] = byte(seq>>8), byte(seq)
				r.a.datagram(r.a.cfg.Now(), r.a.leg(0), &r.a.pkt, raw, peer)
				r.a.Play(r.a.out)
				r.a.Capture(r.a.frame)
				r.pass(tickLength)
			}
			for range 50 {
				pass()
			}
			if n := testing.AllocsPerRun(200, pass); n != 0 {
				t.Errorf("%v allocations a packet", n)
			}
		})
	}
}
