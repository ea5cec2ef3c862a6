package device

import (
	"math"
	"math/rand/v2"
	"testing"

	"ramble/audio"
)

func TestRingKeepsOrderAndDropsWhatIsTooMuch(t *testing.T) {
	r := newRing(100)
	if len(r.buf) != 128 {
		t.Fatalf("%d samples", len(r.buf))
	}
	next, want := int16(0), int16(0)
	for range 1000 {
		in := make([]int16, rand.IntN(60))
		for i := range in {
			in[i] = next
			next++
		}
		r.write(in)
		out := make([]int16, r.level())
		r.take(out)
		for _, s := range out {
			if s != want {
				t.Fatalf("got %d, want %d", s, want)
			}
			want++
		}
	}
	r.write(make([]int16, 200))
	if r.level() != 128 {
		t.Errorf("a full ring holds %d", r.level())
	}
	r.drop(128)
	r.writeBytes([]byte{0x34, 0x12, 0xff, 0xff, 7})
	two := make([]int16, 2)
	if r.take(two); r.level() != 0 || two[0] != 0x1234 || two[1] != -1 {
		t.Errorf("%d left, %x", r.level(), two)
	}
}

// simulate has a microphone bring a tone in pieces on a clock that differs by
// ppm, and takes frames of 20 ms from it. It returns them without the first
// five seconds, and the levels left over.
func simulate(seconds int, ppm float64, piece int, stall int) (heard []int16, left []int) {
	const n = 960
	t := newIntake(fullBand, n)
	dst := make([]int16, n)
	brought := 0
	for f := range seconds * 50 {
		due := int(float64((f+1)*n) * (1 + ppm/1e6) / float64(piece))
		for ; brought < due && (stall == 0 || f < stall || f > stall+10); brought++ {
			s := make([]int16, piece)
			for i := range s {
				s[i] = int16(3000 * math.Sin(2*math.Pi*1000*float64(brought*piece+i)/fullBand))
			}
			t.ring.write(s)
		}
		t.fill(dst)
		if f >= 250 {
			heard = append(heard, dst...)
			left = append(left, t.ring.level())
		}
	}
	return heard, left
}

func TestIntakeKeepsTwoClocksTogether(t *testing.T) {
	for _, ppm := range []float64{-500, -200, -20, 0, 20, 200, 500} {
		for _, piece := range []int{480, 441, 1024} {
			heard, left := simulate(120, ppm, piece, 0)
			most := 0
			for _, l := range left {
				most = max(most, l)
			}
			if most > 2*fullBand*spareMillis/1000+piece+100 {
				t.Errorf("%v ppm in pieces of %d: %d samples wait", ppm, piece, most)
			}
			jumps := 0
			for i := 1; i < len(heard); i++ {
				if d := int(heard[i]) - int(heard[i-1]); d > 600 || d < -600 { // the tone's own slope is 393
					jumps++
				}
			}
			if jumps > 0 {
				t.Errorf("%v ppm in pieces of %d: %d clicks in two minutes", ppm, piece, jumps)
			}
		}
	}
}

func TestIntakeCatchesUpAfterAStall(t *testing.T) {
	heard, left := simulate(10, 0, 480, 300)
	if l := left[len(left)-1]; l > fullBand*heapMillis/1000 {
		t.Errorf("%d samples wait four seconds after a stall", l)
	}
	if level := audio.ToneLevel(heard[len(heard)-fullBand:], fullBand, 1000); math.Abs(level-20*math.Log10(3000/32768.0/math.Sqrt2)) > 0.5 {
		t.Errorf("%.1f dBFS at last", level)
	}
}

func TestStretch(t *testing.T) {
	for _, n := range []int{959, 960, 961} {
		src := make([]int16, n)
		for i := range src {
			src[i] = int16(i * 10)
		}
		dst := make([]int16, 960)
		stretch(dst, src)
		if dst[0] != 0 || dst[959] != src[n-1] {
			t.Errorf("from %d: %d to %d", n, dst[0], dst[959])
		}
		for i := 1; i < 960; i++ {
			if d := dst[i] - dst[i-1]; d < 9 || d > 11 {
				t.Fatalf("from %d: a step of %d at %d", n, d, i)
			}
		}
	}
}

func TestIntakeDoesNotAllocate(t *testing.T) {
	in, dst, piece := newIntake(fullBand, 960), make([]int16, 960), make([]byte, 1920)
	if n := testing.AllocsPerRun(1000, func() { in.ring.writeBytes(piece); in.fill(dst) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
