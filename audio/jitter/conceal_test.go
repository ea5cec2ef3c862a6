package jitter

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
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
		c.real(frame)
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
		if l := level(made[i : i+160]); l < want[0] || l > want[1] {
			t.Errorf("%v into the gap: %.1f dBFS, want %v", at, l, want)
		}
	}
	if s := silence(made); s > time.Millisecond {
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
			if l := level(made[8000:]); math.Abs(l-tc.want) > 1.5 {
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
		ring := make([]int16, 600)
		n := copy(ring[80:], sound[8837:8837+160])
		next := ring[80 : 80+n]
		if blend {
			next = ring[:c.join(ring, 80, n)]
		}
		joint := append(made[760:], next...)
		worst := 0.0
		for i := 2; i < 100; i++ {
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
	if l := level(made[1440:]); l > -35 {
		t.Fatalf("%.1f dBFS", l)
	}
	if !c.quiet(make([]int16, 160)) {
		t.Fatal("silence is quiet")
	}
	if c.quiet(voice(8000, 120, 160)) {
		t.Fatal("a voice is not")
	}
}

// TestSpeedKeepsToThePitch: a period left out or put in is one of the voice's.
func TestSpeedKeepsToThePitch(t *testing.T) {
	const rate, period = 8000, 64
	tone := make([]int16, 2000)
	for i := range tone {
		tone[i] = int16(8000 * math.Sin(2*math.Pi*float64(i)/period))
	}
	natural := 8000 * square(2*math.Pi/period)
	for name, p := range map[string]pace{
		"faster": {shrink: 100, budget: 200},
		"slower": {grow: 40, budget: 200},
	} {
		t.Run(name, func(t *testing.T) {
			b := New(Options{})
			o := &b.out
			o.voice.real(tone[:400])
			o.n, o.pace = copy(o.ring, tone[400:880]), p
			b.rescale()
			if by := o.n - 480; by != -period && by != period {
				t.Fatalf("%d samples more, the period is %d", by, period)
			}
			sound := append(append([]int16(nil), tone[:400]...), o.ring[:o.n]...)
			sound = append(sound, tone[880:1000]...)
			for i := 2; i < len(sound); i++ {
				if bend := math.Abs(float64(sound[i]) - 2*float64(sound[i-1]) + float64(sound[i-2])); bend > 2*natural {
					t.Fatalf("a click at %d: second difference %.0f, in the tone %.0f", i, bend, natural)
				}
			}
		})
	}
	t.Run("what has no period stays", func(t *testing.T) {
		b := New(Options{})
		o := &b.out
		rng := rand.New(rand.NewPCG(5, 5))
		for i := range 480 {
			o.ring[i] = int16(4000 * rng.NormFloat64())
		}
		o.n, o.pace = 480, pace{shrink: 100, budget: 200}
		if b.rescale(); o.n != 480 {
			t.Fatalf("%d samples are gone", 480-o.n)
		}
	})
}

// level is in dBFS.
func level(sound []int16) float64 {
	return 10 * math.Log10(max(meanSquare(sound), 1e-9)/(32768*32768))
}

// silence is the longest stretch of digital silence at 8 kHz.
func silence(sound []int16) time.Duration {
	longest, n := 0, 0
	for _, s := range sound {
		if n++; s != 0 {
			n = 0
		}
		longest = max(longest, n)
	}
	return time.Duration(longest) * time.Second / 8000
}

func TestALineOfItsOwnPaceKeepsTheSound(t *testing.T) {
	for _, pace := range []float64{1, 1.0005, 0.9995} {
		var l line
		l.init(80)
		l.set(pace)
		in, worst, at := 0, 0.0, 0
		tone := func(i float64) float64 { return 8000 * math.Sin(2*math.Pi*1000*i/8000) }
		dst := make([]int16, 80)
		for range 200 {
			n := l.need(len(dst))
			for i := range l.room(n) {
				l.room(n)[i] = int16(math.Round(tone(float64(in + i))))
			}
			in += n
			l.take(dst, n)
			for _, v := range dst {
				if want := tone(float64(at)*pace - lineDelay); at > taps {
					worst = max(worst, math.Abs(float64(v)-want))
				}
				at++
			}
		}
		bound := 60.0 // -42 dB
		if pace == 1 {
			bound = 1
		}
		if worst > bound {
			t.Errorf("pace %v: off by %.0f of 8000", pace, worst)
		}
		if gone := math.Abs(float64(in) - pace*float64(at)); gone > 2 {
			t.Errorf("pace %v: %d in for %d out", pace, in, at)
		}
	}
}
