package stream

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"ramble/audio"
)

// voice is a buzz of the given pitch with a little noise.
func voice(rate int, pitch float64, n int) []int16 {
	rng := rand.New(rand.NewPCG(7, 7))
	out := make([]int16, n)
	for i := range out {
		phase := 2 * math.Pi * pitch * float64(i) / float64(rate)
		out[i] = int16(5000*math.Sin(phase) + 2500*math.Sin(2*phase+1) + 20*rng.NormFloat64())
	}
	return out
}

func hear(c *concealer, sound []int16, rate int) {
	n := rate / 50
	for i := 0; i+n <= len(sound); i += n {
		frame := make([]int16, n)
		copy(frame, sound[i:])
		c.real(frame, false)
	}
}

func TestALostFrameContinuesTheVoice(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, pitch := range []float64{80, 110, 160, 230} {
			sound := voice(rate, pitch, rate)
			c := newConcealer(rate)
			cut := rate / 2
			hear(c, sound[:cut], rate)
			made := make([]int16, rate/50)
			c.fill(made)
			var signal, wrong float64
			for i, v := range made {
				signal += square(float64(sound[cut+i]))
				wrong += square(float64(sound[cut+i]) - float64(v))
			}
			if snr := 10 * math.Log10(signal/wrong); snr < 10 {
				t.Errorf("%.0f Hz at %d: %.1f dB", pitch, rate, snr)
			}
		}
	}
}

func TestALongGapFadesIntoTheBackground(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	sound := voice(8000, 120, 40000)
	for i := range 20000 { // speech and pauses, over a room of 50 RMS
		if i/4000%2 == 1 {
			sound[20000+i] = int16(50 * rng.NormFloat64())
		}
	}
	c := newConcealer(8000)
	hear(c, sound, 8000)
	hear(c, voice(8000, 120, 1600), 8000)
	made := make([]int16, 8000)
	for i := 0; i < len(made); i += 80 {
		c.fill(made[i : i+80])
	}
	levels := map[time.Duration][2]float64{ // from there 20 ms: between
		0:                      {-20, -12},
		60 * time.Millisecond:  {-26, -15},
		180 * time.Millisecond: {-60, -28},
		300 * time.Millisecond: {-60, -52}, // 50 RMS is -56 dBFS
		900 * time.Millisecond: {-60, -52},
	}
	for at, want := range levels {
		i := samples(8000, at)
		if l := audio.Level(made[i : i+160]); l < want[0] || l > want[1] {
			t.Errorf("%v into the gap: %.1f dBFS, want %v", at, l, want)
		}
	}
	if s := silent(made); s > time.Millisecond {
		t.Errorf("%v of digital silence", s)
	}
}

func TestComfortNoiseHasBounds(t *testing.T) {
	for name, tc := range map[string]struct {
		sound []int16
		want  float64
	}{
		"over digital silence it is faint":  {make([]int16, 40000), -70},
		"a steady tone is not a background": {voice(8000, 200, 40000), -45},
	} {
		t.Run(name, func(t *testing.T) {
			c := newConcealer(8000)
			hear(c, tc.sound, 8000)
			made := make([]int16, 16000)
			c.fill(made)
			if l := audio.Level(made[8000:]); math.Abs(l-tc.want) > 1.5 {
				t.Fatalf("%.1f dBFS, want %.0f", l, tc.want)
			}
		})
	}
}

func TestTheSeamAtResumptionDoesNotClick(t *testing.T) {
	sound := voice(8000, 110, 24000)
	click := func(blend bool) float64 {
		c := newConcealer(8000)
		hear(c, sound[:8000], 8000)
		made := make([]int16, 800)
		c.fill(made)
		frame := append([]int16(nil), sound[8837:8837+160]...)
		if blend {
			c.real(frame, false)
		}
		joint := append(made[760:], frame...)
		worst := 0.0
		for i := 2; i < 60; i++ {
			worst = max(worst, math.Abs(float64(joint[i])-2*float64(joint[i-1])+float64(joint[i-2])))
		}
		return worst
	}
	if with, without := click(true), click(false); with > without || with > 4000 {
		t.Fatalf("second difference %.0f, unblended %.0f", with, without)
	}
}

func TestAPauseOfTheSenderIsBackgroundAtOnce(t *testing.T) {
	c := newConcealer(8000)
	hear(c, voice(8000, 120, 8000), 8000)
	made := make([]int16, 1600)
	c.pause(made)
	if l := audio.Level(made[1440:]); l > -35 {
		t.Fatalf("%.1f dBFS", l)
	}
	if q := c.real(make([]int16, 160), false); !q {
		t.Fatal("silence is quiet")
	}
	if q := c.real(voice(8000, 120, 160), false); q {
		t.Fatal("a voice is not")
	}
}

func TestStretchingAndShorteningKeepToThePitch(t *testing.T) {
	const pitch = 125.0 // 64 samples
	tone := make([]int16, 16000)
	for i := range tone {
		tone[i] = int16(8000 * math.Sin(2*math.Pi*pitch*float64(i)/8000))
	}
	bend := func(sound []int16) (worst float64) {
		for i := 2; i < len(sound); i++ {
			worst = max(worst, math.Abs(float64(sound[i])-2*float64(sound[i-1])+float64(sound[i-2])))
		}
		return worst
	}
	natural := bend(tone)
	for _, tc := range []struct {
		name   string
		change func(c *concealer, next []int16) []int16
		length int
	}{
		{"stretched by at least 10 ms", func(c *concealer, next []int16) []int16 {
			made := make([]int16, 960)
			n := c.stretch(made, 80)
			c.real(next, false)
			return append(made[:n], next...)
		}, 160 + 128},
		{"shortened by a period", func(c *concealer, next []int16) []int16 {
			c.real(next, false)
			return next[:c.shorten(next)]
		}, 160 - 64},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newConcealer(8000)
			hear(c, tone[:8000], 8000)
			next := append([]int16(nil), tone[8000:8160]...)
			got := tc.change(c, next)
			if d := len(got) - tc.length; d > 2 || d < -2 {
				t.Fatalf("%d samples, want %d", len(got), tc.length)
			}
			sound := append(append([]int16(nil), tone[7900:8000]...), got...)
			sound = append(sound, tone[8160:8300]...)
			if b := bend(sound); b > 2*natural {
				t.Fatalf("a click: second difference %.0f, in the tone %.0f", b, natural)
			}
		})
	}
}
